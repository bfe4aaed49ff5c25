"""Print the figures of a benchmark as one line of JSON, its last line; the page of figures is made from these lines."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from typing import Any

import littoral


def print_figures(benchmark: str, figures: Mapping[str, Any]) -> None:
    """Print one JSON object on one line.

    Args:
        benchmark: Name of the script, without suffix.
        figures: Names with their unit at the end (``_s``, ``_mb``, ``_per_s``), numbers or nested objects of them.
    """
    machine = {"processors": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
    print(json.dumps({"benchmark": benchmark, "littoral": littoral.__version__, "machine": machine, **figures}))
