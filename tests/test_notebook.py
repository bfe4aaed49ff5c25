"""The calls of the original notebook, in its order, in a process of their own; its hub is a server on loopback."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save

NOTEBOOK = """
import glob
from littoral import prepare_data, FeatureClassifier

output_path = glob.glob({folder!r} + "/*")
data = prepare_data(path=output_path, batch_size=16, val_split_pct=0.3)
batch = data.show_batch(rows=5)
model = FeatureClassifier(data, oversample=True)
lr = model.lr_find()
model.fit(2, lr=lr)
losses = model.plot_losses()
results = model.show_results(rows=4)
matrix = model.plot_confusion_matrix()
path = model.save('model-2e_2classes')
print(type(path).__name__, path)
again = FeatureClassifier.from_model(path)
print(again.predict_proba(data.tiles.paths[0]).round(3).tolist())
print([len(figure._repr_png_()) > 5000 for figure in (batch, losses, results, matrix, model.lr_figure)])
"""


@pytest.fixture
def hub() -> Iterator[tuple[str, list[str]]]:
    """What the hub answers for timm's resnet34, with weights made here; also the requests it got."""
    torch.manual_seed(0)
    content = save(timm.create_model("resnet34").state_dict())
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, body: bool) -> None:
            asked.append(f"{self.command} {self.path}")
            found = self.path.endswith("/model.safetensors")
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(content) if found else 0))
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            if not found:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.end_headers()
            if body and found:
                self.wfile.write(content)

        def do_HEAD(self) -> None:
            self.answer(False)

        def do_GET(self) -> None:
            self.answer(True)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_the_notebook_runs(hub: tuple[str, list[str]], coast: tuple[Path, object], tmp_path: Path) -> None:
    from littoral import export_tiles

    folder = tmp_path / "coastline_classification"
    export_tiles(coast[0], coast[1], folder, tile_size=64, per_category=True)  # type: ignore[arg-type]
    environment = {**os.environ, "HF_ENDPOINT": hub[0], "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:littoral", "-c", NOTEBOOK.format(folder=str(folder))],
        capture_output=True, text=True, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "epoch | train_loss | valid_loss | accuracy | time"
    assert len([line for line in lines if line.startswith(("0 ", "1 "))]) == 2
    assert "Computing model metrics..." in lines
    kind, path = lines[-3].split(" ", 1)
    assert kind in ("PosixPath", "WindowsPath")
    assert Path(path) == folder / "models" / "model-2e_2classes" / "model-2e_2classes.dlpk"
    assert Path(path).is_file()
    assert sum(eval(lines[-2])) == pytest.approx(1, abs=0.01)
    assert lines[-1] == "[True, True, True, True, True]"
    assert any("GET /timm/resnet34" in request for request in hub[1])


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
