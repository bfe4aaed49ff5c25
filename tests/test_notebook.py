"""The tutorial: the original notebook's cells in their order, as committed and as they run, in a process of its own.

Its portal and its hub are servers on loopback. ``docs/tutorials/make.py`` makes the notebook.
"""

from __future__ import annotations

import ast
import base64
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save

from hub_server import serving_weights
from littoral.learn.data.prepare import _but_models as but_models
from littoral.rectangles.options import RectangleOptions
from littoral.tiles.options import CutOptions, ExportOptions
from portal_server import HostedItems, serving, zipped

pytestmark = pytest.mark.slow

TUTORIALS = Path(__file__).parents[1] / "docs" / "tutorials"
COMMITTED = TUTORIALS / "coastline-classification.ipynb"
SEED = Path(__file__).parents[2] / "shared" / "seed.txt"
SOURCES = runpy.run_path(str(TUTORIALS / "cells.py"))
CODE = [cell for cell in SOURCES["CELLS"] if cell.kind != "text"]

REPLACED = {
    "from arcgis.gis import GIS": "from littoral import GIS",
    "from arcgis.learn import prepare_data, FeatureClassifier": "from littoral import prepare_data, FeatureClassifier",
    "with arcpy.EnvManager(": "print(littoral.export_tiles(",
}
"""Beginnings of statements of the original, and of those that stand in their place."""
SHOWN = {
    "gis = GIS('url', 'your_username', 'your_password')": "another way to sign in",
    "model.lr_find()": "named in the text before the cell that calls it",
    "model.save('D:\\\\Exported_Models\\\\coastline_classifier.dlpk')": "another place to save to",
}
"""Statements that the original shows in its text and does not run."""
SMALLER = {
    "size_px=3072, unseen_px=2048": "size_px=768, unseen_px=640",
    "batch_size=128, val_split_pct=0.2": "batch_size=16, val_split_pct=0.2",
    "model.fit(20, ": "model.fit(2, ",
}
"""Settings of the tutorial, and those with which it runs here."""
FIGURES = ("show_batch", "lr_find", "plot_losses", "show_results", "plot_confusion_matrix", "plot_reliability",
           "plot_classified")  # fmt: skip

RUN = """
import ast, json, sys
names = {"__name__": "__main__"}
shown = []
for source in json.load(sys.stdin):
    tree, last = ast.parse(source), None
    if isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, "<cell>", "exec"), names)
    value = eval(compile(last, "<cell>", "eval"), names) if last else None
    drawn = len(getattr(value, "_repr_png_", bytes)()) > 5000
    shown.append("" if value is None else "figure" if drawn else repr(value))
print("lr_find", len(names["model"].lr_figure._repr_png_()) > 5000)
print(json.dumps(shown))
"""
"""Runs cells as a notebook does: what the last line of each gives is shown."""


def statements(source: str) -> list[str]:
    return [ast.unparse(statement) for statement in ast.parse(source).body]


def original_statements(seed: str) -> list[str]:
    """The code among the text of the original, whose indentation is lost: a line is code if it imports, binds a name
    or uses a bound one; a block ends where it can be parsed."""
    lines, found, bound, at = seed.splitlines(), [], set(), 0
    while at < len(lines):
        line, at = lines[at].strip(), at + 1
        ends = range(at + 1, len(lines)) if line.startswith("with ") and line.endswith(":") else (at,)
        for end in ends:
            try:
                [statement] = ast.parse("\n ".join([line, *lines[at:end]])).body
            except (SyntaxError, ValueError):
                continue
            at = end
            break
        else:
            continue
        match statement:
            case ast.Import(names) | ast.ImportFrom(names=names):
                bound |= {name.asname or name.name for name in names}
            case ast.Assign(targets=[ast.Name(name)]) if " = " in line:
                bound.add(name)
            case ast.With() | ast.Expr(ast.Name()) | ast.Expr(ast.Call(ast.Attribute())):
                pass
            case _:
                continue
        source = ast.unparse(statement)
        if not isinstance(statement, ast.Expr) or source.split(".")[0] in bound:
            found.append(source)
    return found


def test_code_is_that_of_the_original() -> None:
    if not SEED.is_file():
        pytest.skip("the original notebook (../shared/seed.txt) is not on this machine")
    theirs = original_statements(SEED.read_text(encoding="utf-8"))
    assert set(SHOWN) <= set(theirs)
    theirs.remove("model.lr_find()")
    theirs = [line for line in theirs if line not in SHOWN]
    ours = [line for cell in CODE if cell.kind == "original" for line in statements(cell.source)]
    assert len(theirs) == len(ours) == 25
    for their, our in zip(theirs, ours, strict=True):
        replaced = next((new for old, new in REPLACED.items() if their.startswith(old)), None)
        assert our.startswith(replaced) if replaced else our == their
    [export] = [line for line in ours if line.startswith("print(littoral.export_tiles(")]
    assert "extent='intersection')" in export
    assert "cell_size=10" in export


def test_what_is_committed_is_what_its_cells_say() -> None:
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))["cells"]
    said = [("markdown" if cell.kind == "text" else "code", cell.source) for cell in SOURCES["CELLS"]]
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in committed] == said, "run docs/tutorials/make.py"


def test_committed_outputs() -> None:
    content = COMMITTED.read_text(encoding="utf-8")
    assert len(content) < 1_500_000
    cells = [cell for cell in json.loads(content)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    with_figure, texts = [], []
    for cell in cells:
        for output in cell["outputs"]:
            assert output["output_type"] in ("stream", "display_data", "execute_result")
            assert output.get("name") != "stderr", output
            data: dict[str, Any] = output.get("data", {})
            texts += ["".join(output.get("text", "")), *("".join(data[kind]) for kind in data if "text" in kind)]
            if "image/png" in data:
                assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
                with_figure.append(next(name for name in FIGURES if name in "".join(cell["source"])))
    assert tuple(with_figure) == FIGURES
    told = "\n".join(texts)
    assert [word for word in ("127.0.0.1", "localhost", "/home/", "/root/", "/work/", "token") if word in told] == []
    assert "squares" in texts[-1] and "sandy shore" in texts[-1]  # noqa: PT018
    assert "model-20e_8classes.dlpk" in told


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_the_notebook_runs(tmp_path: Path) -> None:
    from littoral import export_tiles, prepare_data, read_charts, rectangles_along_lines
    from littoral.demo.world import make_world

    sources = [cell.source for cell in CODE]
    for usual, small in SMALLER.items():
        assert sum(usual in source for source in sources) == 1
        sources = [source.replace(usual, small) for source in sources]
    name = "coastline_classification_using_feature_classifier"
    coast = make_world(tmp_path / "hosted", size_px=768, unseen_px=64).training
    rectangles = rectangles_along_lines(read_charts(coast.chart), RectangleOptions(length_m=600, width_m=600))
    export_tiles(
        coast.scene,
        rectangles,
        tmp_path / "tiles",
        CutOptions(tile_size=(32, 32)),
        export=ExportOptions(per_category=True),
        cell_size=10,
    )
    portal = HostedItems()
    portal.put(SOURCES["ITEM"], zipped(tmp_path / "tiles", f"{name}/"), f"{name}.zip")
    torch.manual_seed(0)
    weights = save(timm.create_model("resnet34").state_dict())
    with serving(portal), serving_weights(weights) as (hub, asked):
        environment = {
            **os.environ, "LITTORAL_PORTAL": portal.url, "TMPDIR": str(tmp_path), "HF_ENDPOINT": hub,
            "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-W", "error::UserWarning:littoral", "-c", RUN],
            input=json.dumps(sources), capture_output=True, text=True, env=environment, cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *lines, told = done.stdout.splitlines()
    shown = dict(zip(sources, json.loads(told), strict=True))
    assert lines[lines.index("epoch | train_loss | valid_loss | accuracy | time") + 2].startswith("1 ")
    assert lines[-1] == "lr_find True"
    for figure in FIGURES:
        assert figure == "lr_find" or [text for source, text in shown.items() if f".{figure}(" in source] == ["figure"]
    packed = tmp_path / name / "models" / "model-20e_8classes" / "model-20e_8classes.dlpk"
    assert repr(packed) in shown.values()
    assert packed.is_file()
    assert (tmp_path / "classified.gpkg").is_file()
    assert (tmp_path / "Category_1" / "map.txt").is_file()
    assert portal.count("data") == 1
    assert any("GET /timm/resnet34" in request for request in asked)
    # Run again, the cells find what they saved among the tiles.
    again = prepare_data((tmp_path / name).iterdir(), batch_size=16, val_split_pct=0.2)
    assert str(again) in done.stdout
    table = [*shown.values()][-1]
    assert {"squares", "km", "ClassLabel"} <= set(table.split())


def test_only_models_without_tiles_are_passed_over(tmp_path: Path) -> None:
    tiles, models, missing = tmp_path / "Category_1", tmp_path / "models", tmp_path / "no" / "models"
    (models / "m").mkdir(parents=True)
    assert but_models([tiles, models, missing]) == [tiles, missing]
    assert but_models([models]) == [models]
    (models / "m" / "map.txt").touch()
    assert but_models([tiles, models]) == [tiles, models]


def test_no_bar_in_a_notebook_that_cannot_show_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from littoral.learn.training import log

    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr(log, "find_spec", lambda name: None)
    for shown in (None, True):
        with log.bar("training", 3, 0, shown) as advance:  # a warning of rich's would be an error
            advance()


def test_a_hub_out_of_reach_says_what_to_pass(tmp_path: Path) -> None:
    code = (
        "from littoral.learn.network import build_network\n"
        "from littoral.errors import InputError\n"
        "try: build_network('resnet18', 3, 2, 'hub')\n"
        "except InputError as error: print(error)"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert "pretrained weights of resnet18 could not be fetched from the hub" in done.stdout
    assert "--weights none" in done.stdout
