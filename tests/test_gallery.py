"""Which tiles are shown, what stands above them, and in which colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from littoral import CATCOA, FeatureClassifier, figures, prepare_data
from littoral.errors import InputError
from littoral.learn.data import TileData
from littoral.learn.gallery import plot_hard_examples

BACKBONE = "resnet10t"


@pytest.fixture(scope="module")
def data(tiles_folder: Path) -> TileData:
    return prepare_data(tiles_folder, batch_size=8, val_split_pct=0.4, seed=1)


@pytest.fixture(scope="module")
def model(data: TileData) -> FeatureClassifier:
    return FeatureClassifier(data, BACKBONE, pretrained=False)


def shown(figure: Figure) -> Iterator[tuple[list[str], tuple[str, str], Axes]]:
    """Lines of the title, colours left and right, of each tile."""
    for axes in figure.axes:
        sides = (to_hex(axes.spines[side].get_edgecolor()) for side in ("left", "right"))
        yield axes.get_title("left").splitlines(), tuple(sides), axes  # type: ignore[misc]


def test_a_batch_shows_training_tiles_in_the_colours_of_their_classes(data: TileData) -> None:
    figure = data.show_batch(3, columns=4)
    tiles = list(shown(figure))
    assert len(tiles) == 12
    known = {
        figures.stretch(*data.tiles.read(i), (2, 1, 0)).tobytes(): data.categories[data.tiles.targets[i]]
        for i in data.split.training
    }
    for (name,), colours, axes in tiles:
        category = known[np.asarray(axes.images[0].get_array()).tobytes()]
        assert name == category.name
        assert {colour.casefold() for colour in colours} == {category.colour.casefold()}
    assert figure.axes[0].get_gridspec().get_geometry() == (3, 4)


@pytest.mark.parametrize(
    ("wanted", "places"),
    [(None, (2, 1, 0)), (["B02", "B04", "B03"], (0, 2, 1)), ([3, 3, 1], (2, 2, 0)), (["b3"], (1, 1, 1))],
)
def test_any_bands_are_shown(data: TileData, wanted: list[str | int] | None, places: tuple[int, int, int]) -> None:
    picture = np.asarray(data.show_batch(1, columns=1, rgb_bands=wanted).axes[0].images[0].get_array())
    assert any(np.array_equal(picture, figures.stretch(*data.tiles.read(i), places)) for i in data.split.training)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"rgb_bands": ["B02", "B03"]}, "rgb_bands of 2 bands cannot be shown"),
        ({"rgb_bands": ["B08"]}, "have no band B08"),
        ({"rows": 0}, "a picture of 0 x 5 tiles shows nothing"),
    ],
)
def test_pictures_that_cannot_be_made(data: TileData, how: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        data.show_batch(**how)  # type: ignore[arg-type]


def test_results_name_truth_and_answer(data: TileData, model: FeatureClassifier) -> None:
    colours = {CATCOA[code].name: CATCOA[code].colour.casefold() for code in (3, 7)}
    for (truth, answer), frame, axes in shown(model.show_results(2)):
        position = next(
            i
            for i in data.split.validation
            if np.array_equal(figures.stretch(*data.tiles.read(i), (2, 1, 0)), axes.images[0].get_array())
        )
        name, probability = model.predict(data.tiles.paths[position])
        assert truth == data.categories[data.tiles.targets[position]].name
        said = "✓" if name == truth else f"→ {name}"
        assert answer == f"{said} {probability:.0%}"
        assert frame == (colours[truth], colours[name])


def test_hard_examples_come_by_their_loss(data: TileData) -> None:
    tiles = data.tiles.subset(data.split.validation)
    rng = np.random.default_rng(0)
    certain = rng.uniform(0.01, 0.99, len(tiles))
    probabilities = np.column_stack([certain, 1 - certain])
    losses = -np.log(probabilities[np.arange(len(tiles)), tiles.targets])
    order = np.argsort(-losses)[:6]
    found = list(shown(plot_hard_examples(tiles, probabilities, 6, 3, None)))
    assert [lines[2] for lines, _, _ in found] == [f"{probabilities[i].max():.0%}, loss {losses[i]:.2f}" for i in order]
    assert [lines[0] for lines, _, _ in found] == [data.classes[tiles.targets[i]] for i in order]
    for place, (lines, _, axes) in zip(order, found, strict=True):
        answer = int(probabilities[place].argmax())
        assert lines[1] == ("✓" if answer == tiles.targets[place] else f"→ {data.classes[answer]}")
        assert np.array_equal(axes.images[0].get_array(), figures.stretch(*tiles.read(place), (2, 1, 0)))
    with pytest.raises(InputError, match="num_examples 0"):
        plot_hard_examples(tiles, probabilities, 0, 3, None)


def test_hard_examples_of_a_model(data: TileData, model: FeatureClassifier) -> None:
    losses = [float(lines[2].partition("loss ")[2]) for lines, _, _ in shown(model.plot_hard_examples(8, columns=4))]
    assert len(losses) == 8
    assert losses == sorted(losses, reverse=True)
    assert len(model.plot_hard_examples(10_000).axes) == len(data.split.validation)
