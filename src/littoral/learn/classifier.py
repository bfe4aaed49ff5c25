"""``FeatureClassifier``: the class that users of the original workflow know, from data to package and back."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from matplotlib.figure import Figure
from numpy.typing import NDArray

from littoral import figures
from littoral.errors import InputError, MissingExtraError
from littoral.imagery import Values, same_scaling, valid_values
from littoral.learn.batches import inputs
from littoral.learn.data import TileData, training_area
from littoral.learn.evaluation import Baselines, Scores, band_means, fit_baselines, score
from littoral.learn.features import fit_head
from littoral.learn.network import build_network, load_state_bytes, state_bytes
from littoral.learn.training import Epoch, Rate, find_rate, train
from littoral.package import Manifest, Package, read_package, write_package
from littoral.progress import Track, silent
from littoral.tiles import TileSet, ground_pairs, read_tile, read_tiles
from littoral.vectors import check_output

try:
    import torch
    from torch import nn
except ImportError as error:
    raise MissingExtraError("learning", "learn") from error

BATCH = 32
"""Tiles per forward pass when predicting: memory is bounded by it."""


class FeatureClassifier:
    """Classifies tiles by what they show.

    Args:
        data: From :func:`littoral.prepare_data`.
        backbone: timm's name of a convolutional network.
        pretrained: True for timm's weights from the hub, False for none, or a file of the backbone's weights. With
            pretrained weights the body starts frozen (its batch norms and the head learn); ``unfreeze`` frees it.
        oversample: Show every class equally often in training.

    Raises:
        InputError: an unknown backbone, weights that cannot be had or do not fit.
    """

    def __init__(
        self,
        data: TileData,
        backbone: str = "resnet34",
        pretrained: bool | str | Path = True,
        *,
        oversample: bool = False,
    ) -> None:
        torch.manual_seed(data.seed)
        weights = ("hub" if pretrained else "none") if isinstance(pretrained, bool) else pretrained
        self.data: TileData | None = data
        self.network = build_network(backbone, len(data.tiles.bands), data.c, weights)
        self.oversample = oversample
        self.epochs: list[Epoch] = []
        self._scores: dict[str, Any] | None = None
        self._page: str | None = None
        baselines = fit_baselines(data.means[data.split.training], data.tiles.targets[data.split.training], data.c)
        self.manifest = Manifest(
            backbone,
            data.preprocessing,
            data.categories,
            data.tiles.cell_size,
            data.tiles.cell_epsg,
            data.split.describe(),
            data.split.only_training,
            training_area(data.tiles, data.split.training),
            baselines.to_json(),
            {name: version(name) for name in ("littoral", "torch", "timm")},
            data.seed,
        )
        if pretrained:
            self.freeze()

    def __repr__(self) -> str:
        names = ", ".join(category.name for category in self.manifest.categories)
        return f"FeatureClassifier({self.manifest.backbone}, {names})"

    @classmethod
    def from_model(cls, path: str | Path, data: TileData | None = None) -> FeatureClassifier:
        """Load a package; nothing is downloaded, and nothing in it is executed.

        Args:
            path: The ``.dlpk``, or a folder with one in it.
            data: To go on training, or for ``show_results``.

        Raises:
            InputError: not a package that can be used, or data of other classes.
        """
        path = Path(path)
        if path.is_dir():
            inside = sorted(path.glob("*.dlpk"))
            if len(inside) != 1:
                raise InputError(path, f"holds {len(inside)} .dlpk files", "pass the path of one")
            path = inside[0]
        return cls.from_package(read_package(path), path, data)

    @classmethod
    def from_package(cls, package: Package, source: object, data: TileData | None = None) -> FeatureClassifier:
        """Make a classifier of what :func:`littoral.package.read_package` returned."""
        model = cls.__new__(cls)
        manifest = package.manifest
        if data is not None and data.categories != manifest.categories:
            raise InputError(source, "was trained on other classes than the data has", "pass data of the same classes")
        model.data, model.manifest, model.oversample, model.epochs = data, manifest, False, []
        model._scores, model._page = dict(package.scores), package.page
        model.network = build_network(manifest.backbone, len(manifest.preprocessing.mean), len(manifest.categories))
        load_state_bytes(model.network, manifest.backbone, package.weights, source)
        model.network.eval()
        return model

    # Training

    def freeze(self) -> None:
        """Only the head and the batch norms learn."""
        for layer in self.network.body.modules():
            for parameter in layer.parameters(recurse=False):
                parameter.requires_grad = isinstance(layer, nn.modules.batchnorm._BatchNorm)

    def unfreeze(self) -> None:
        """Everything learns."""
        for parameter in self.network.parameters():
            parameter.requires_grad = True

    def lr_find(self, *, allow_plot: bool = True, steps: int = 100) -> float:
        """Suggest a learning rate by a range test; the plot is kept as :attr:`lr_figure`.

        Args:
            allow_plot: Show the plot, where there is a notebook to show it in.
            steps: Batches to try.
        """
        data = self._data()
        loader = data.loader(data.split.training, training=True, oversample=self.oversample)
        suggestion, rates, losses = find_rate(self.network, loader, classes=data.c, seed=data.seed, steps=steps)
        self.lr_figure = figures.plot_learning_rates(rates, losses, suggestion)
        if allow_plot:
            figures.show(self.lr_figure)
        return suggestion

    def fit(self, epochs: int = 10, lr: float | slice | None = None, *, progress: bool = False) -> None:
        """Train with one cycle of the learning rate; prints a row per epoch and ends with the best epoch's weights.

        Args:
            epochs: Passes over the training tiles.
            lr: Highest learning rate; ``slice(body, head)`` for one each; None has it found first.
            progress: Show a bar on standard error.

        Raises:
            InputError: a model without data, a rate that is not positive or too high.
        """
        data = self._data()
        if epochs < 1:
            raise InputError(f"epochs {epochs}", "is not a number of passes", "pass 1 or more")
        rate: Rate
        if lr is None:
            rate = self.lr_find(allow_plot=False)
        elif isinstance(lr, slice):
            rate = (float(lr.stop if lr.start is None else lr.start), float(lr.stop))
        else:
            rate = float(lr)
        training = data.loader(data.split.training, training=True, oversample=self.oversample)
        validation = data.loader(data.split.validation, training=False)
        self.epochs += train(
            self.network,
            training,
            validation,
            classes=data.c,
            epochs=epochs,
            rate=rate,
            seed=data.seed,
            progress=progress,
        )
        self._trained()

    def fit_head(self, *, turns: bool = False, strength: float | None = None, track: Track = silent) -> None:
        """Fit the head only, on features that the frozen body computes once for each tile: minutes without a GPU.

        Says how it went in a line; :func:`littoral.learn.features.fit_head` says how it works.

        Args:
            turns: Learn from the flips and quarter turns of the tiles too.
            strength: Of the head, scikit-learn's ``C``; None: chosen on training tiles that are left out.
            track: Shows progress, a step per tile.

        Raises:
            InputError: a model without data, a strength that is not positive, or one place only to choose it in.
        """
        data = self._data()
        print(fit_head(self.network, data, oversample=self.oversample, turns=turns, strength=strength, track=track))
        self._trained()

    def _trained(self) -> None:
        """What is to be done whenever the weights have changed."""
        self._scores = self._page = None

    # Answers

    def predict_proba(self, tile: str | Path | Values) -> NDArray[np.float64]:
        """Probability of each class (classes,), in the order of ``manifest.categories``.

        Args:
            tile: Path of an image, or an array (bands, height, width) of values like those of the training tiles; what
                a masked array masks, and the training tiles' nodata value, counts as missing.
        """
        if isinstance(tile, str | Path):
            if Path(tile).is_dir():
                raise InputError(tile, "is a folder", "pass the path of one image in it")
            values, valid = read_tile(tile)
        else:
            values = np.ma.getdata(tile)
            if values.ndim != 3:
                raise InputError(f"an array of shape {values.shape}", "is no tile", "pass (bands, height, width)")
            measured = valid_values(values, self.manifest.preprocessing.nodata) & ~np.ma.getmaskarray(tile)
            valid = np.asarray(measured.all(axis=0))
        return np.asarray(self.predict_inputs(self.manifest.preprocessing.apply(values, valid)[None])[0])

    def predict(self, tile: str | Path | Values) -> tuple[str, float]:
        """Name of the likeliest class, and its probability."""
        probabilities = self.predict_proba(tile)
        best = int(probabilities.argmax())
        return self.manifest.categories[best].name, float(probabilities[best])

    def predict_inputs(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (tiles, classes) of preprocessed tiles (tiles, bands, chip, chip), in 32-bit arithmetic."""
        self.network.eval()
        with torch.inference_mode():
            logits = self.network(inputs(torch.from_numpy(batch)))
            return np.asarray(torch.softmax(logits.double(), dim=1).numpy())

    # Judgement

    def evaluate(
        self,
        tiles: TileSet | str | Path | Iterable[str | Path] | None = None,
        *,
        allow_seen: bool = False,
        track: Track = silent,
    ) -> dict[str, Any]:
        """Score the model and the baselines on the same tiles.

        Args:
            tiles: Tiles or their folders; those that share ground with the model's training tiles are set aside. None:
                the validation part of the model's own data.
            allow_seen: Score those too, which flatters.
            track: Shows progress, a step per tile.

        Returns:
            ``tiles`` (scored), ``set_aside`` (share ground with training), ``other_classes`` (the model does not know),
            ``split``, ``left_out`` (classes of which no tile was scored), ``network`` (:class:`Scores`), ``baselines``
            (name to Scores), ``beats_baselines`` (by macro-F1), all as plain JSON values.

        Raises:
            InputError: tiles the model cannot read, or none that it has not seen.
        """
        if tiles is None:
            data = self._data()
            chosen, aside, other = data.tiles.subset(data.split.validation), len(data.split.set_aside), 0
        else:
            given = tiles if isinstance(tiles, TileSet) else read_tiles(tiles, track=track)
            self._check(given)
            chosen, aside, other = self._unseen(given, allow_seen)
        codes = [category.code for category in self.manifest.categories]
        truth = np.array([codes.index(int(code)) for code in chosen.codes])
        probabilities, means = self._answers(chosen, track)
        network = score(truth, probabilities, self.manifest.categories)
        baselines = {
            name: score(truth, answer, self.manifest.categories)
            for name, answer in Baselines.from_json(self.manifest.baselines).predict(means).items()
        }
        return {
            "tiles": len(chosen),
            "set_aside": aside,
            "other_classes": other,
            "split": self.manifest.split,
            "left_out": [entry.name for entry in network.classes if not entry.support],
            "network": network.to_json(),
            "baselines": {name: result.to_json() for name, result in baselines.items()},
            "beats_baselines": network.macro_f1 > max(result.macro_f1 for result in baselines.values()),
        }

    def scores(self) -> Scores:
        """Of the validation tiles, computed once after training."""
        return Scores.from_json(self.record()["network"])

    def plot_losses(self) -> Figure:
        """Training and validation loss of each epoch."""
        if not self.epochs:
            raise InputError("the model", "has not been trained in this session", "call fit first")
        return figures.plot_losses([e.train_loss for e in self.epochs], [e.valid_loss for e in self.epochs])

    def show_results(self, rows: int = 5, *, columns: int = 5) -> Figure:
        """Some validation tiles with truth and answer; the frame has the colour of the answer."""
        data = self._data()
        rng = np.random.default_rng(data.seed)
        chosen = data.tiles.subset(rng.permutation(data.split.validation)[: rows * columns])
        answers = self._answers(chosen, silent)[0].argmax(axis=1)
        rgb = figures.rgb_bands(data.tiles.bands)
        names = [category.name for category in data.categories]
        return figures.plot_tiles(
            [figures.stretch(*chosen.read(position), rgb) for position in range(len(chosen))],
            [f"{names[t]}\n→ {names[a]}" for t, a in zip(chosen.targets, answers, strict=True)],
            columns=columns,
            colours=[data.categories[a].colour for a in answers],
        )

    def plot_confusion_matrix(self) -> Figure:
        """Counts of the validation tiles; rows are the truth, columns the answer."""
        scores = self.scores()
        return figures.plot_confusion_matrix(scores.matrix, [entry.name for entry in scores.classes])

    # Package

    def save(self, name_or_path: str | Path, *, overwrite: bool = True) -> Path:
        """Save as a ``.dlpk`` and return its path.

        Args:
            name_or_path: A path ending in ``.dlpk``, or a name: then it is ``<data folder>/models/<name>/<name>.dlpk``.
            overwrite: Replace a package that is there.

        Raises:
            ExistsError: it is there and ``overwrite`` is False.
            WriteError: the disk refused.
        """
        path = Path(name_or_path)
        if path.suffix != ".dlpk":
            path = self._data().folder / "models" / path / f"{path.name}.dlpk"
            path.parent.mkdir(parents=True, exist_ok=True)
        check_output(path, overwrite)
        print("Computing model metrics...", flush=True)
        weights = state_bytes(self.network, self.manifest.backbone)
        page = self._page or self._metrics_page(path.stem)
        package = Package(path.stem, self.manifest, weights, self.record(), page=page)
        return write_package(path, package, overwrite=overwrite)

    def _data(self) -> TileData:
        if self.data is None:
            raise InputError("the model", "was loaded without data", "pass data=prepare_data(…) to from_model")
        return self.data

    def record(self) -> Mapping[str, Any]:
        """What :meth:`evaluate` says of the validation tiles, computed once after training.

        The weights kept are those of the epoch with the lowest validation loss, so these scores flatter a little; a
        coast the model has not seen is the judge.
        """
        if self._scores is None:
            self._scores = self.evaluate()
        return self._scores

    def _answers(self, tiles: TileSet, track: Track) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Probabilities (tiles, classes) and band means (tiles, bands)."""
        probabilities, means, batch = [], [], []
        for position in track(range(len(tiles)), len(tiles), "scoring tiles"):
            values, valid = tiles.read(position)
            means.append(band_means(values, valid))
            batch.append(self.manifest.preprocessing.apply(values, valid))
            if len(batch) == BATCH or position == len(tiles) - 1:
                probabilities.append(self.predict_inputs(np.stack(batch)))
                batch.clear()
        return np.concatenate(probabilities), np.stack(means)

    def _check(self, tiles: TileSet) -> None:
        given = self.manifest.preprocessing
        if tiles.bands != given.tile.bands:
            raise InputError(
                "the tiles",
                f"have bands {', '.join(tiles.bands)}, the model {', '.join(given.tile.bands)}",
                "export them with --bands as the model's",
            )
        kept, trained = (tiles.pixels, tiles.dtype), (given.pixels, given.dtype)
        if not same_scaling(kept, trained):
            raise InputError(
                "the tiles",
                f"hold {kept[1]} values ({kept[0]}) where the model was trained on {trained[1]} ({trained[0]})",
                "export them as the training tiles were",
            )

    def _unseen(self, tiles: TileSet, allow_seen: bool) -> tuple[TileSet, int, int]:
        """Tiles of known classes on ground the model has not seen; how many were set aside, how many are unknown."""
        known = np.isin(tiles.codes, [category.code for category in self.manifest.categories])
        seen = np.zeros(len(tiles), bool)
        if self.manifest.training_area and not allow_seen:
            area = shapely.get_parts(shapely.from_wkt(self.manifest.training_area))
            seen[ground_pairs(tiles.footprints, area)[0]] = True
        if not known.any():
            raise InputError("the tiles", "are of no class the model knows", "evaluate on tiles of its classes")
        if not (known & ~seen).any():
            raise InputError(
                "the tiles",
                "all share ground with the model's training tiles",
                "evaluate on another place, or pass --allow-seen for a score that flatters",
            )
        return tiles.subset(known & ~seen), int((known & seen).sum()), int((~known).sum())

    def _metrics_page(self, name: str) -> str:
        """Figures and numbers for whoever opens the package by hand."""
        record, scores = self.record(), self.scores()
        rows = "".join(
            f"<tr><td>{html.escape(c.name)}</td><td>{c.precision:.3f}</td><td>{c.recall:.3f}</td><td>{c.f1:.3f}</td>"
            f"<td>{c.support}</td></tr>"
            for c in scores.classes
        )
        simple = "".join(
            f"<li>{html.escape(which)}: accuracy {result['accuracy']:.3f}, macro-F1 {result['macro_f1']:.3f}</li>"
            for which, result in record["baselines"].items()
        )
        pictures = [figures.svg(self.plot_confusion_matrix())]
        if self.epochs:
            pictures.append(figures.svg(self.plot_losses()))
        return (
            f"<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>{html.escape(name)}</title>"
            "<body style='font-family:sans-serif;max-width:60em;margin:auto'>"
            f"<h1>{html.escape(name)}</h1><p>{html.escape(self.manifest.backbone)}; "
            f"{html.escape(self.manifest.split)}.</p>"
            f"<p>{scores.count} validation tiles: accuracy {scores.accuracy:.3f}, macro-F1 {scores.macro_f1:.3f}.</p>"
            f"<ul>{simple}</ul><table><tr><th>class</th><th>precision</th><th>recall</th><th>F1</th><th>tiles</th></tr>"
            f"{rows}</table>{''.join(pictures)}</body></html>\n"
        )
