"""Build the documentation's source: the written pages, and those made from the program itself.

``python docs/build.py`` fills ``build/docs``, from which ``make docs`` builds the site. Made here: the pages of
commands (from ``littoral describe --json``), the Python reference (from the rooms' public names), the rendered
notebook, the page of figures (``docs/figures.py``), and the tables that pages ask for with ``{{ name }}``.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from figures import figures_page
from nbconvert import MarkdownExporter

from littoral.categories import CATCOA

HERE = Path(__file__).parent
ROOT = HERE.parent
OUT = ROOT / "build" / "docs"
NOTEBOOK = "tutorials/coastline-classification"
BOUNDS = {"minimum": "at least", "above": "above", "maximum": "at most", "below": "below"}
FILE_KINDS = {
    "vector": "vector file", "scene": "scene", "raster": "image", "chart": "S-57 cells", "tiles": "folder of tiles",
    "model": "model file", "page": "HTML page", "table": "CSV table", "json": "JSON file", "folder": "folder",
    "items": "STAC items",
}  # fmt: skip
"""What a path leads to, in words."""
ROOT_PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
"""Pages of the repository's root; on the site they are under ``developing/``, in small letters."""


def main() -> None:
    """Write all pages anew."""
    shutil.rmtree(OUT, ignore_errors=True)
    shutil.copytree(HERE, OUT, ignore=shutil.ignore_patterns("*.py", "*.ipynb", "__pycache__"))
    verbs = described()
    values = {"categories": category_table(), "compatibility": compatibility_table(verbs)} | option_names(verbs)
    for page in OUT.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        page.write_text(re.sub(r"\{\{ ([\w.]+) \}\}", lambda found: values[found[1]], text), encoding="utf-8")
    write("reference/verbs/index.md", verbs_page(verbs))
    for name, verb in verbs.items():
        write(f"reference/verbs/{slug(name)}.md", verb_page(verb))
    write("reference/python.md", python_page())
    write("figures/index.md", figures_page())
    write(f"{NOTEBOOK}.md", rendered_notebook())
    for name in ROOT_PAGES:
        write(f"developing/{name.lower()}", (ROOT / name).read_text(encoding="utf-8"))


def write(name: str, text: str) -> None:
    """A page of the site."""
    path = OUT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def described() -> dict[str, dict[str, Any]]:
    """Every verb by its name, as ``littoral describe --json`` prints it."""
    done = subprocess.run(
        [sys.executable, "-m", "littoral", "describe", "--json"], capture_output=True, text=True, check=True
    )
    return {verb["name"]: verb for verb in json.loads(done.stdout)["verbs"]}


def slug(verb: str) -> str:
    """The name of a verb's page.

    >>> slug("fetch charts")
    'fetch-charts'
    """
    return verb.replace(" ", "-")


def verbs_page(verbs: Mapping[str, Mapping[str, Any]]) -> str:
    """All verbs by stage."""
    lines = ["# Commands", "", "Each command reads files and writes one. `littoral COMMAND --help` prints the same "
             "as these pages, which are made from `littoral describe --json`.", ""]  # fmt: skip
    for stage in dict.fromkeys(verb["stage"] for verb in verbs.values()):
        lines += [f"## {stage}", "", "| command | |", "|---|---|"]
        lines += [f"| [`littoral {name}`]({slug(name)}.md) | {cell(verb['summary'])} |"
                  for name, verb in verbs.items() if verb["stage"] == stage]  # fmt: skip
        lines.append("")
    return "\n".join(lines)


def verb_page(verb: Mapping[str, Any]) -> str:
    """Usage, description and a table for each group of options."""
    arguments = [parameter for parameter in verb["parameters"] if parameter["positional"]]
    options = [parameter for parameter in verb["parameters"] if not parameter["positional"]]
    required = [f"{p['short'] or p['flag']} {p['name'].upper()}" for p in options if p["required"]]
    usage = ["littoral", verb["name"], *(usage_of(p) for p in arguments), *required, "[OPTIONS]"]
    lines = [f"# littoral {verb['name']}", "", verb["summary"], "", f"    {' '.join(usage)}", ""]
    lines += [verb["description"], ""]
    if arguments:
        lines += ["## Arguments", "", options_table(arguments), ""]
    for group in dict.fromkeys(parameter["group"] for parameter in options):
        own = [parameter for parameter in options if parameter["group"] == group]
        lines += [f"## {group}", "", options_table(own), ""]
    return "\n".join(lines)


def usage_of(parameter: Mapping[str, Any]) -> str:
    """A positional argument in a line of usage."""
    name = parameter["name"].upper() + ("…" if parameter["repeatable"] else "")
    return name if parameter["required"] else f"[{name}]"


def options_table(parameters: Iterable[Mapping[str, Any]]) -> str:
    """Options with their value, default and help."""
    lines = ["| | value | default | |", "|---|---|---|---|"]
    for parameter in parameters:
        names = [parameter["name"].upper()] if parameter["positional"] else [parameter["flag"], parameter["short"]]
        names += [parameter["negative"]] if parameter["negative"] else []
        cells = [", ".join(f"`{name}`" for name in names if name), value_of(parameter), default_of(parameter)]
        lines.append(f"| {' | '.join([*cells, cell(parameter['help'])])} |")
    return "\n".join(lines)


def value_of(parameter: Mapping[str, Any]) -> str:
    """Choices, kind of file, or type with bounds and unit; empty for a switch."""
    if parameter["choices"]:
        return ", ".join(f"`{choice}`" for choice in parameter["choices"])
    if parameter["file"]:
        return FILE_KINDS[parameter["file"]["kind"]] + (" to write" if parameter["file"]["direction"] == "out" else "")
    if parameter["type"] == "boolean":
        return ""
    words = ["name of a field" if parameter["column_of"] else str(parameter["type"])]
    if parameter["minimum"] is not None and parameter["maximum"] is not None:
        words.append(f"{parameter['minimum']:g} to {parameter['maximum']:g}")
    else:
        words += [f"{word} {parameter[bound]:g}" for bound, word in BOUNDS.items() if parameter[bound] is not None]
    return cell(", ".join(words) + (f" {parameter['unit']}" if parameter["unit"] else ""))


def default_of(parameter: Mapping[str, Any]) -> str:
    """The default, in words where it has no value."""
    default = parameter["default"]
    if parameter["required"]:
        return "required"
    if parameter["default_text"]:
        return cell(parameter["default_text"])
    if default in (None, "", []) or parameter["type"] == "boolean":
        return ""
    if isinstance(default, list):
        default = (parameter["values"]["separator"] or " ").join(map(str, default))
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def option_names(verbs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """``VERB.name`` of every option with a flag to the flag, with the default where there is one."""
    names = {}
    for verb in verbs.values():
        for parameter in verb["parameters"]:
            if not parameter["positional"]:
                default = default_of(parameter)
                text = f"`{parameter['flag']}`" + (f" (default {default})" if default and default != "required" else "")
                names[f"{slug(verb['name'])}.{parameter['name']}"] = text
    return names


def cell(text: str) -> str:
    """Text that fits into a cell of a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def category_table() -> str:
    """CATCOA as littoral holds it."""
    lines = ["| code | name | colour | in S-101 |", "|---|---|---|---|"]
    for one in CATCOA.values():
        swatch = f'<span class="swatch" style="background:{one.colour}"></span>'
        lines.append(f"| {one.code} | {one.name} | {swatch} `{one.colour}` | `{one.s101}` |")
    return "\n".join(lines)


def compatibility_table(verbs: Mapping[str, Mapping[str, Any]]) -> str:
    """Where the defaults of the original's names differ from those of ``littoral train``."""
    from littoral import FeatureClassifier, prepare_data

    theirs = {name: value.default for call in (prepare_data, FeatureClassifier.__init__)
              for name, value in inspect.signature(call).parameters.items()}  # fmt: skip
    ours = {parameter["name"]: parameter for parameter in verbs["train"]["parameters"]}
    pairs = {
        "batch_size": "batch_size",
        "val_split_pct": "val_share",
        "oversample": "oversample",
        "backbone": "backbone",
    }
    lines = ["| | `prepare_data`, `FeatureClassifier` | `littoral train`, `littoral.train` |", "|---|---|---|"]
    for their, our in pairs.items():
        default = default_of(ours[our]) or f"`{ours[our]['default']}`"
        lines.append(f"| `{their}` | `{theirs[their]}` | {default} |")
    return "\n".join(lines)


def python_page() -> str:
    """The names at the top of the package, by the room they come from, each with its documentation."""
    lines = [
        "# In Python: reference",
        "",
        "What `import littoral` offers. Rooms have more public names, which their `__init__.pyi` lists; "
        "[Architecture](../developing/architecture.md) says what each room is for.",
        "",
    ]
    for room, names in public_names():
        lines += [f"## littoral.{room}", ""]
        lines += [f"::: littoral.{room}.{name}\n    options:\n      heading_level: 3\n" for name in names]
    return "\n".join(lines)


def public_names() -> Iterator[tuple[str, list[str]]]:
    """Room, and what the package's stub takes from it."""
    stub = ast.parse((ROOT / "src" / "littoral" / "__init__.pyi").read_text(encoding="utf-8"))
    for node in stub.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, [alias.asname or alias.name for alias in node.names]


def rendered_notebook() -> str:
    """The committed notebook with its outputs as a page; its pictures are written beside it."""
    notebook = nbformat.read(HERE / f"{NOTEBOOK}.ipynb", as_version=4)
    exporter = MarkdownExporter()
    text, resources = exporter.from_notebook_node(notebook)
    for name, content in resources["outputs"].items():
        (OUT / NOTEBOOK).parent.joinpath(name).write_bytes(content)
    return str(text)


if __name__ == "__main__":
    main()
