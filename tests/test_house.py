"""The plan of the house, held by reading imports: who may import whom, and who owns which library."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from types import FunctionType

import littoral

HOUSE = Path(littoral.__file__).parent
ROOMS = [
    "errors", "options", "progress", "threads", "categories", "vectors", "geodesy", "http", "figures", "charts",
    "imagery", "shoreline", "rectangles", "tiles", "evaluation", "predictions", "raster_function", "package",
    "inference", "learn",
    "engines", "classify", "report", "demo", "declarations", "verbs", "cli", "__main__",
]  # fmt: skip
OWNERS = {
    "torch": {"learn"},
    "timm": {"learn"},
    "lightning": {"learn"},
    "torchmetrics": {"learn"},
    "safetensors": {"learn"},
    "onnx": {"learn"},
    "onnxscript": {"learn"},
    "onnxruntime": {"inference", "raster_function"},
    "captum": {"learn"},
    "torchgeo": {"learn"},
    "rasterio": {"imagery", "tiles", "demo"},
    "cyclopts": {"cli"},
    "docstring_parser": {"declarations"},
    "jinja2": {"report"},
    "requests": {"http"},
    "dask": {"classify"},
    "distributed": {"classify"},
    "pystac": {"imagery"},
    "pystac_client": {"imagery"},
}


def room_of(file: Path) -> str:
    return file.relative_to(HOUSE).parts[0].removesuffix(".py")


def imports(file: Path) -> set[str]:
    """Every module a file imports, inside functions and for type checkers too."""
    names: set[str] = set()
    package = ".".join(("littoral", *file.relative_to(HOUSE).parent.parts))
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            module = f"{package}.{node.module}" if node.level else node.module
            names.add(module)
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


FILES = [
    file
    for file in sorted(HOUSE.rglob("*.py*"))
    if file.suffix in (".py", ".pyi") and (file.parent != HOUSE or file.stem != "__init__")
]


def test_every_room_is_in_the_plan() -> None:
    assert {room_of(file) for file in FILES} == set(ROOMS)


def test_rooms_import_only_rooms_before_them() -> None:
    wrong = []
    for file in FILES:
        own = ROOMS.index(room_of(file))
        for name in imports(file):
            parts = name.split(".")
            if parts[0] == "littoral" and len(parts) > 1 and parts[1] in ROOMS and ROOMS.index(parts[1]) > own:
                wrong.append(f"{file.relative_to(HOUSE)} imports {name}")
    assert not wrong


def test_modules_do_not_import_in_circles() -> None:
    """Imports inside functions and for type checkers count; a name of a lazy package stands for its module."""
    modules = {".".join(("littoral", *file.relative_to(HOUSE).with_suffix("").parts)): file for file in FILES}
    modules = {name.removesuffix(".__init__"): file for name, file in modules.items() if file.suffix == ".py"}
    homes: dict[str, str] = {}
    for file in FILES:
        if file.suffix == ".pyi":
            package = ".".join(("littoral", *file.relative_to(HOUSE).parent.parts))
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ImportFrom):
                    homes |= {f"{package}.{alias.name}": f"{package}.{node.module}" for alias in node.names}
    graph: dict[str, set[str]] = {}
    for name, file in modules.items():
        found = {homes.get(each, each) for each in imports(file)}
        # A lazy package imports nothing by itself.
        graph[name] = {
            each
            for each in found & modules.keys()
            if not (modules[each].parent / "__init__.pyi").exists() or modules[each].name != "__init__.py"
        } - {name}
    # Raises CycleError, whose text lists the modules of the circle.
    tuple(TopologicalSorter(graph).static_order())
    assert sum(map(len, graph.values())) > len(modules)


def test_libraries_stay_with_their_rooms() -> None:
    wrong = []
    for file in FILES:
        for name in imports(file):
            library = name.split(".")[0]
            if library in OWNERS and room_of(file) not in OWNERS[library]:
                wrong.append(f"{file.relative_to(HOUSE)} imports {library}")
    assert not wrong


def test_architecture_names_every_room() -> None:
    text = (Path(__file__).parents[1] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert [room for room in ROOMS if f"`{room}" not in text and room != "__main__"] == []


def test_public_class_names_are_unique() -> None:
    files: dict[str, list[str]] = {}
    for file in HOUSE.rglob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                files.setdefault(node.name, []).append(str(file.relative_to(HOUSE)))
    assert {name: found for name, found in files.items() if len(found) > 1} == {}


def test_import_is_light() -> None:
    code = (
        "import sys, littoral; print([n for n in ('torch', 'rasterio', 'geopandas', 'matplotlib') if n in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_top_level_names_are_not_rooms() -> None:
    """Importing a submodule sets an attribute of its package, which would take the place of a name like it."""
    for info in pkgutil.walk_packages(littoral.__path__, "littoral."):
        importlib.import_module(info.name)
    packages = [
        name for name, module in sys.modules.items() if name.startswith("littoral") and hasattr(module, "__path__")
    ]
    # A verb is a function of the same name as its module; the package imports all of them first.
    packages.remove("littoral.verbs")
    assert set(littoral.__all__) & set(ROOMS) == {"verbs"}
    for package in packages:
        for name in set(getattr(sys.modules[package], "__all__", ())) - {"verbs"}:
            assert f"{package}.{name}" not in sys.modules, f"{package}.{name} is a name and a module"
            assert getattr(sys.modules[package], name) is not None


def test_verbs_stay_functions() -> None:
    """Also when all their modules have been imported."""
    for info in pkgutil.walk_packages(littoral.__path__, "littoral."):
        importlib.import_module(info.name)
    for name in set(littoral.verbs.__all__) - {"STAGES"}:
        assert isinstance(getattr(littoral.verbs, name), FunctionType), name


def test_options_load_the_standard_library_only() -> None:
    """So that help is instant. cyclopts and lazy_loader may be there: they load options or rooms."""
    modules = [f"littoral.{file.parent.name}.options" for file in HOUSE.glob("*/options.py")] + ["littoral.verbs"]
    code = (
        "import sys; before = set(sys.modules)\n"
        f"import importlib; [importlib.import_module(name) for name in {modules!r}]\n"
        "own = {'littoral', 'lazy_loader', *sys.stdlib_module_names}\n"
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before} - own))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(modules) > 5
    assert result.stdout.strip() == "[]"
