"""Makes ``coastline-classification.ipynb`` from ``cells.py``, with outputs.

    pip install -e ".[dev]" nbclient ipykernel
    python docs/tutorials/make.py [WEIGHTS]
    python docs/tutorials/make.py --text      # only the text has changed: keep the outputs

takes some ten minutes on two cores. Nothing is fetched: a portal and a hub on this machine serve tiles of the synthetic
world, and weights of a training on another one; half of the time is that training, whose result is left in WEIGHTS,
and taken from there if it is there.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tests")]

from cells import CELLS, ITEM  # noqa: E402

from hub_server import serving_weights  # noqa: E402
from littoral import export_tiles, read_charts, rectangles_along_lines  # noqa: E402
from littoral.demo.world import Coast, make_world  # noqa: E402
from littoral.tiles.options import CutOptions, ExportOptions  # noqa: E402
from portal_server import HostedItems, serving, zipped  # noqa: E402

NOTEBOOK = HERE / "coastline-classification.ipynb"
WORK = Path(tempfile.gettempdir()) / "littoral-tutorial"
"""Stands in the outputs, so it is the same everywhere."""
HOSTED = "coastline_classification_using_feature_classifier"
TILE_PX, SIZE_PX, UNSEEN_PX = 64, 3072, 2048
PRETRAINING_SEED, PRETRAINING_PX, PRETRAINING_EPOCHS = 1, 3072, 12


def notebook() -> nbformat.NotebookNode:
    """The notebook without outputs."""
    cells = []
    for number, cell in enumerate(CELLS, start=1):
        made = new_markdown_cell(cell.source) if cell.kind == "text" else new_code_cell(cell.source)
        made["id"] = f"cell-{number}"
        if cell.kind != "text":
            made.metadata["tags"] = [cell.kind]
        cells.append(made)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def export_coast(coast: Coast, folder: Path, tile_px: int = TILE_PX) -> Path:
    """Tiles of a coast, a folder for each category."""
    rectangles = rectangles_along_lines(read_charts(coast.chart))
    export_tiles(
        coast.scene,
        rectangles,
        folder,
        CutOptions(tile_size=(tile_px, tile_px)),
        export=ExportOptions(per_category=True),
        cell_size=10,
    )
    return folder


def pretrained(folder: Path) -> bytes:
    """A ResNet-34 as the hub has them, trained from scratch on both coasts of another synthetic world."""
    import timm
    from safetensors.torch import save

    from littoral import FeatureClassifier, prepare_data

    world = make_world(folder / "world", seed=PRETRAINING_SEED, size_px=PRETRAINING_PX, unseen_px=PRETRAINING_PX)
    tiles = [export_coast(coast, folder / coast.name) for coast in (world.training, world.unseen)]
    data = prepare_data(tiles, bands=("B02", "B03", "B04"), batch_size=32)
    model = FeatureClassifier(data, "resnet34", pretrained=False)
    model.fit(PRETRAINING_EPOCHS, 1.5e-3)
    whole = timm.create_model("resnet34")
    whole.load_state_dict(model.network.body.state_dict(), strict=False)
    return save(whole.state_dict())


def hosted(content: bytes) -> HostedItems:
    """The portal's items: the training set of the original, with other tiles."""
    state = HostedItems()
    state.put(ITEM, content, name=f"{HOSTED}.zip", title="Coastline classification: synthetic tiles", owner="littoral",
              accessInformation="Tiles of littoral's synthetic world")  # fmt: skip
    return state


def run(made: nbformat.NotebookNode, weights: bytes, tiles: bytes) -> nbformat.NotebookNode:
    """Run the notebook in ``WORK``, and let it keep its outputs."""
    with ExitStack() as stack:
        portal = stack.enter_context(serving(hosted(tiles)))
        hub, _ = stack.enter_context(serving_weights(weights))
        os.environ |= {
            "LITTORAL_PORTAL": portal.url, "HF_ENDPOINT": hub, "HF_HOME": str(WORK / "hub"),
            "HF_HUB_DISABLE_XET": "1", "TMPDIR": str(WORK), "PYTHONWARNINGS": "ignore:IProgress not found",
        }  # fmt: skip
        place = {"metadata": {"path": str(WORK)}}
        NotebookClient(made, timeout=None, record_timing=False, coalesce_streams=True, resources=place).execute()
    for cell in made.cells:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = smaller(output.data["image/png"])
    return made


def smaller(png: str) -> str:
    """The same picture in 256 colours: a third of the bytes."""
    picture, buffer = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"), io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def with_outputs(made: nbformat.NotebookNode, before: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with the outputs of one that has the same code."""
    pairs = list(zip(*([c for c in one.cells if c.cell_type == "code"] for one in (made, before)), strict=True))
    for new, old in pairs:
        if new.source != old.source:
            raise SystemExit(f"this cell has changed, make the notebook without --text:\n{new.source}")
        new.outputs, new.execution_count = old.outputs, old.execution_count
    return made


def executed(weights: Path) -> nbformat.NotebookNode:
    """The notebook with new outputs."""
    if not weights.exists():
        weights.write_bytes(pretrained(WORK / "pretraining"))
    coast = make_world(WORK / "portal", size_px=SIZE_PX, unseen_px=UNSEEN_PX).training
    tiles = export_coast(coast, WORK / "portal" / "tiles")
    return run(notebook(), weights.read_bytes(), zipped(tiles, f"{HOSTED}/"))


def main() -> None:
    if "--text" in sys.argv:
        made = with_outputs(notebook(), nbformat.read(NOTEBOOK, as_version=4))
    else:
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir()
        made = executed(Path(sys.argv[1]) if len(sys.argv) > 1 else WORK / "resnet34.safetensors")
        shutil.rmtree(WORK)
    made.metadata = notebook().metadata  # not that of the Python which ran it
    nbformat.validate(made)
    nbformat.write(made, NOTEBOOK)
    print(f"{NOTEBOOK}: {NOTEBOOK.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
