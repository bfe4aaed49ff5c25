"""Run a benchmark and keep its last line, which is JSON, in ``benchmarks/results``.

The documentation's page of figures is made from these files by ``docs/figures.py``; no figure there is typed by hand.
Run: ``python benchmarks/record.py NAME [ARGUMENTS OF THE BENCHMARK]``, e.g. ``python benchmarks/record.py miami``.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "results"


def main() -> None:
    """Run the benchmark named first, pass the rest on to it, and add a line to its results."""
    name, *arguments = sys.argv[1:]
    command = [sys.executable, str(HERE / f"{name}.py"), *arguments]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        raise SystemExit(process.returncode)
    record = {
        "command": " ".join(["python", f"benchmarks/{name}.py", *map(_shown, arguments)]),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": _commit(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "figures": json.loads(lines[-1]),
    }
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{name}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _shown(argument: str) -> str:
    """An argument as it is kept: of a path, only the last name, as folders differ from machine to machine."""
    return Path(argument).name if Path(argument).is_absolute() else argument


def _commit() -> str:
    """The commit that is checked out, ``+`` where files were changed since; empty outside a repository."""
    git = ["git", "-C", str(HERE), "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(git, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
