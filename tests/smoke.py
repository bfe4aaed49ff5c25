"""Smoke test of an installed wheel: the command line starts, and a synthetic chart becomes rectangles.

Run by the workflows as a script in an environment that has the wheel and its own dependencies only, no torch.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import littoral
from littoral.demo.world import make_world


def main() -> None:
    """Read a synthetic S-57 cell and place rectangles along its coast, by the command line."""
    assert "site-packages" in littoral.__file__, f"{littoral.__file__} is not an installed wheel"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        world = make_world(folder, size_px=1024)
        for words in (
            ["--version"],
            ["charts", str(world.training.chart), "-o", str(folder / "coast.gpkg")],
            ["rectangles", str(folder / "coast.gpkg"), "-o", str(folder / "boxes.gpkg")],
        ):
            subprocess.run([sys.executable, "-W", "error", "-m", "littoral", *words], check=True)
        boxes = littoral.read_vector(folder / "boxes.gpkg")
        assert len(boxes), "no rectangles"
        print(f"{len(boxes)} rectangles")


if __name__ == "__main__":
    main()
