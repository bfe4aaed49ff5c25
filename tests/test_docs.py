"""The documentation: its README is short, its paths exist, and its pages cover what the program offers."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import littoral
from littoral.predictions.changes import STATUSES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
WRITTEN = sorted(DOCS.rglob("*.md"))
MADE = {"reference/python.md", "figures/index.md", "tutorials/coastline-classification.md"}
"""Pages that ``docs/build.py`` makes."""


@cache
def described() -> list[dict[str, Any]]:
    done = subprocess.run([sys.executable, "-m", "littoral", "describe", "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    verbs: list[dict[str, Any]] = json.loads(done.stdout)["verbs"]
    return verbs


def navigation() -> list[str]:
    """Every page of the site's navigation, in order."""
    return re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2])


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def test_paths_that_are_named_exist() -> None:
    """In pages, docstrings and comments: ``docs/…`` and ``benchmarks/…``."""
    sources = [
        *PAGES,
        *WRITTEN,
        *(file for folder in ("src", "tests", "benchmarks") for file in (ROOT / folder).rglob("*.py")),
    ]
    missing = []
    for source in sources:
        for name in re.findall(
            r"\b(?:docs|benchmarks)/[\w/.-]*\w\.(?:md|py|ipynb|png)", source.read_text(encoding="utf-8")
        ):
            if not (ROOT / name).is_file():
                missing.append(f"{source.relative_to(ROOT)}: {name}")
    assert not missing


def test_links_lead_to_pages() -> None:
    missing = []
    for source in [ROOT / "README.md", *WRITTEN]:
        for link in re.findall(r"\]\(([^)#\s]+)", source.read_text(encoding="utf-8")):
            target = (source.parent / link).resolve()
            made = target.relative_to(DOCS).as_posix() if target.is_relative_to(DOCS) else ""
            if not (target.is_file() or made in MADE or made.startswith(("reference/verbs/", "developing/"))):
                missing.append(f"{source.relative_to(ROOT)}: {link}")
    assert not missing


def test_every_page_is_in_the_navigation() -> None:
    verbs = {
        f"reference/verbs/{name}.md" for name in ["index", *(verb["name"].replace(" ", "-") for verb in described())]
    }
    root = {f"developing/{page.name.lower()}" for page in PAGES[1:]}
    written = {page.relative_to(DOCS).as_posix() for page in WRITTEN}
    assert set(navigation()) == verbs | root | written | MADE


def test_options_in_pages_exist() -> None:
    """An option that a page names is one of a verb, and not an old name."""
    known = {
        flag
        for verb in described()
        for p in verb["parameters"]
        for flag in (p["flag"], p["negative"], *p["aliases"])
        if flag
    }
    known |= {"--help", "--json", "--version"}
    unknown = []
    for page in [ROOT / "README.md", *(page for page in WRITTEN if page.parent.name != "developing")]:
        text = re.sub(r"python (?:docs|benchmarks)/[^`\n]*", "", page.read_text(encoding="utf-8"))
        unknown += [
            f"{page.name}: {flag}" for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text) if flag not in known
        ]
    assert not unknown


@pytest.mark.parametrize("page", ["concepts/glossary.md", "reference/files.md"])
def test_statuses_are_explained(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8").casefold()
    for status in ("uncertain", "unlike training", "outside imagery", "nodata", "cloud", "no area", "outside extent"):
        assert status in text, f"{page} does not explain {status}"
    if page == "reference/files.md":
        assert [one.name for one in STATUSES if f"`{one.name}`" not in text] == []


def test_python_reference_lists_every_public_name() -> None:
    sys.path.insert(0, str(DOCS))
    try:
        made = runpy.run_path(str(DOCS / "build.py"))
    except ImportError as error:
        pytest.skip(f"{error.name} is not installed")
    finally:
        sys.path.remove(str(DOCS))
    page = made["python_page"]()
    # The commands have pages of their own.
    names = [name for name in littoral.__all__ if name != "verbs"]
    assert [name for name in names if not re.search(rf"^::: littoral\..*\b{name}$", page, re.MULTILINE)] == []
