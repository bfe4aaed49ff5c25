"""Options are declared once: what is read from verbs, its JSON form, and names of earlier versions."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any, get_type_hints

import jsonschema
import pytest

import littoral
from command_line import run_command
from littoral.cli.describe import describe
from littoral.cli.entry import STAGES_OF_CLI
from littoral.cli.values import value_of
from littoral.declarations import VerbDeclaration, read_verb, read_verbs
from littoral.errors import InputError
from littoral.options import Options, check_value, plain_name
from littoral.verbs import STAGES

HOUSE = Path(littoral.__file__).parent
VERBS = {verb.name: verb for verb in read_verbs(STAGES)}
EVERY = [(verb, each) for verb in VERBS.values() for each in verb.parameters]

OLD = {
    "search": "--output -o --bbox --around --datetime --max-cloud --source --collection --limit --layer --overwrite",
    "charts": "--output -o --keep-all-scales --constructed --summary --skip-broken --overwrite",
    "shoreline": (
        "--output -o --index --threshold --min-area --min-length --cloud-buffer --cloud-mask --sea --date "
        "--cell-size --scene-crs --band-names --overwrite"
    ),
    "label": "--output -o --within --ratio --class-field --layer --coast-layer --overwrite",
    "lines": "--output -o --class-field --mapping --min-length --categories --layer --overwrite",
    "rectangles": (
        "--output -o --length --width --sort --overlap --spacing --tail --min-line --merge-by --labelled-only "
        "--layer --overwrite"
    ),
    "tiles": (
        "--output -o --class-field --tile-size --placement --stride --all-tiles --min-overlap "
        "--rotation-angle --buffer-radius --mask --extent --extent-crs --cell-size --reference-system "
        "--blacken-around-feature --crop-mode --bands --min-valid --min-purity --region-field --raw --format "
        "--image-format --world-file --start-index --per-category --restart --max-cloud --also --combine "
        "--near --categories --scene-crs --band-names --layer"
    ),
    "train": (
        "--output -o --scene --rectangles --class-field --tile-size --bands --min-valid --min-purity --raw "
        "--region-field --max-cloud --coast --also --combine --near --scene-crs --band-names --layer --cache "
        "--backbone --weights --method --turns --strength --epochs --lr --batch-size --val-share --split "
        "--block-km --val-regions --chip-size --resize-to --oversample --no-oversample --unfreeze --folds "
        "--mixup --focal-loss --class-weights --label-smoothing --early-stopping --checkpoint "
        "--checkpoint-every --resume --log --tensorboard --devices --num-nodes --accelerator --drop-rare "
        "--unreadable --categories --seed --licence --attribution --onnx --no-onnx --raster-function "
        "--no-raster-function --overwrite"
    ),
    "evaluate": "--output -o --allow-seen --tta --overwrite",
    "export": "--output -o --deepness --raster-function --no-raster-function --overwrite",
    "inspect": "--json",
    "classify": (
        "--output -o --class-label-field --also --combine --near --engine --processor --also-model --tta "
        "--level --min-confidence --keep-unlike --smooth --transitions --extent --extent-crs --cell-size "
        "--any-cell-size --parts --dask --scene-crs --band-names --layer --overwrite"
    ),
    "summarise": (
        "--output -o --shoreline --areas --area-field --table --smoothed --level --correlation --reach "
        "--class-label-field --categories --layer --overwrite"
    ),
    "change": (
        "--output -o --rate --min-overlap --table --level --correlation --class-label-field --categories --overwrite"
    ),
    "report": "--output -o --model --truth --scene --class-label-field --scene-crs --band-names --overwrite",
    "demo": "--output -o --seed --overwrite",
    "fetch charts": "--output -o --cell --state --bbox --band --base-url --catalogue",
    "fetch scenes": "--output -o --bands --cell-size",
    "fetch item": "--output -o --portal --token --categories --overwrite",
}
"""Options of version 0.1, whose command line was written by hand."""


def values(verb: str, *pairs: tuple[str, Any]) -> dict[str, Any]:
    """Keywords of a verb's function from texts."""
    declared = {each.name: each for each in VERBS[verb].parameters}
    return VERBS[verb].arguments({name: value_of(declared[name], text) for name, text in pairs})


def test_json_fits_its_schema() -> None:
    schema = json.loads((HOUSE / "describe.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    record = json.loads(run_command(["describe", "--json"]).stdout)
    jsonschema.validate(record, schema)
    assert [verb["name"] for verb in record["verbs"]] == [*VERBS, "describe"]
    assert {verb["stage"] for verb in record["verbs"]} == set(STAGES_OF_CLI)
    one = json.loads(run_command(["describe", "fetch", "charts", "--json"]).stdout)
    assert one["verbs"] == [verb for verb in record["verbs"] if verb["name"] == "fetch charts"]
    assert "--regularisation-c (number" in str(describe(["train"]))
    assert run_command(["describe", "nothing"]).stderr == (
        "littoral: nothing is not a verb: choose one of " + ", ".join([*VERBS, "describe"]) + ".\n"
    )


def test_a_parameter_as_it_is_declared() -> None:
    (length,) = (each.to_json() for verb, each in EVERY if verb.name == "rectangles" and each.name == "length_m")
    assert length == {
        "name": "length_m", "argument": "options", "flag": "--length", "short": None, "negative": None, "aliases": [],
        "type": "number", "values": None, "metavar": None, "default": 1000.0, "default_text": None, "choices": [],
        "minimum": None, "maximum": 1_000_000, "above": 0, "below": None, "unit": "m", "file": None, "column_of": None,
        "inverted": False, "group": "Rectangles", "advanced": False, "positional": False, "required": False,
        "repeatable": False, "help": "Length along the line, metres.",
    }  # fmt: skip


def test_every_parameter_has_one_name_a_help_text_and_a_valid_default() -> None:
    for verb in VERBS.values():
        names = [each.name for each in verb.parameters]
        flags = [flag for each in verb.parameters for flag in (each.flag, each.negative, *each.aliases) if flag]
        assert len(set(names)) == len(names), verb.name
        assert len(set(flags)) == len(flags), verb.name
    for verb, each in EVERY:
        assert each.help.endswith("."), (verb.name, each.name)
        check_value(each.name, each.default, each.kind, (each.bounds,))
        if each.column_of:
            tables = {other.name: other for other in verb.parameters}
            assert tables[each.column_of].file is not None, (verb.name, each.name)


def all_options() -> list[type[Options]]:
    modules = [importlib.import_module(f"littoral.{file.parent.name}.options") for file in HOUSE.glob("*/options.py")]
    return [
        member
        for module in modules
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, Options) and member.__module__ == module.__name__
    ]


def test_an_option_is_declared_in_one_place() -> None:
    """A name that occurs twice means another thing in another group, and is one thing in each verb."""
    used = {each.options for _, each in EVERY if each.options}
    assert used == set(all_options())
    for options in used:
        assert dataclasses.is_dataclass(options)
        assert options.__dataclass_params__.frozen  # type: ignore[attr-defined]
    for verb in VERBS.values():
        for name, parameter in inspect.signature(verb.function).parameters.items():
            hint = get_type_hints(verb.function)[name]
            if isinstance(hint, type) and issubclass(hint, Options):
                assert parameter.default == hint(), (verb.name, name)
    for verb, each in EVERY:
        if each.options is not None:
            field = next(one for one in dataclasses.fields(each.options) if one.name == each.name)  # type: ignore[arg-type]
            assert each.default == field.default, (verb.name, each.name)


def test_library_functions_take_the_values_and_repeat_none() -> None:
    """No public function has a keyword of the name of a field beside the options that have it."""
    repeated = []
    for name in littoral.__all__:
        function = getattr(littoral, name)
        if not inspect.isfunction(function) or name == "prepare_data":
            continue
        keywords = inspect.signature(function).parameters
        kinds = {keyword: re.findall(r"\w+", str(each.annotation)) for keyword, each in keywords.items()}
        for options in all_options():
            fields = {field.name for field in dataclasses.fields(options)}  # type: ignore[arg-type]
            if any(options.__name__ in words for words in kinds.values()):
                repeated += [(name, each) for each in fields & set(kinds) if options.__name__ not in kinds[each]]
    assert repeated == []


def test_options_of_earlier_versions_still_work() -> None:
    for name, flags in OLD.items():
        known = {
            flag
            for each in VERBS[name].parameters
            for flag in (each.flag, each.short, each.negative, *each.aliases)
            if flag is not None
        }
        assert set(flags.split()) - known - {"--deepness"} == set(), name


def test_an_earlier_name_says_the_new_one(tmp_path: Path) -> None:
    ended = run_command(["rectangles", tmp_path / "none.gpkg", "--merge-by=KIND", "-o", tmp_path / "r.gpkg"])
    assert ended.exit_code == 2
    assert ended.stderr.splitlines()[0] == "littoral: --merge-by is now --class-field"
    ended = run_command(["export", "m.dlpk", "-o", "m.onnx", "--deepness"])
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1)
    assert "Deepness" in ended.stderr


def test_the_class_field_has_one_name() -> None:
    for verb in ("rectangles", "tiles", "train", "label", "lines"):
        assert "--class-field" in [each.flag for each in VERBS[verb].parameters]
    for verb in ("rectangles", "tiles", "train", "evaluate", "classify", "report"):
        assert "--where" in [each.flag for each in VERBS[verb].parameters]
    for verb in ("rectangles", "tiles", "train", "evaluate"):
        assert "--classes" in [each.flag for each in VERBS[verb].parameters]
    assert "--classes" not in [each.flag for each in VERBS["classify"].parameters]


def test_texts_become_values() -> None:
    given = values(
        "train", ("bands", "B04, 1"), ("tile_size", "64x32"), ("classes", "2,3"), ("val_regions", "north,bay"),
        ("class_weights", "3=1, mangrove=2.5"), ("folds", "region"), ("onnx", False), ("also", ["a", "b"]),
        ("cache", "c"),
    )  # fmt: skip
    assert (given["cut"].bands, given["cut"].tile_size, given["labels"].classes) == (("B04", "1"), (64, 32), (2, 3))
    assert (given["split"].val_regions, given["folds"]) == (("north", "bay"), "region")
    assert given["network"].class_weights == {3: 1.0, "mangrove": 2.5}
    assert (given["package"].onnx, given["also"], given["samples"].cache) == (False, ("a", "b"), Path("c"))
    assert values("tiles", ("extent", "1,2,3.5,4"))["export"].extent == (1.0, 2.0, 3.5, 4.0)
    assert values("tiles", ("extent", "bay,west.gpkg"))["export"].extent == "bay,west.gpkg"
    assert values("tiles", ("only_with_features", True))["export"].only_with_features is False
    assert values("train", ("class_weights", "balanced"))["network"].class_weights == "balanced"
    for wrong in (("classes", "2,x"), ("tile_size", "big"), ("class_weights", "3=x"), ("folds", "1"), ("seed", -1)):
        with pytest.raises(InputError):
            values("train", wrong)


def test_units_are_not_in_flags() -> None:
    for verb, each in EVERY:
        if each.flag is not None and each.flag not in ("--block-km",):
            assert plain_name(each.flag[2:].replace("-", "_")) == each.flag[2:].replace("-", "_"), (
                verb.name,
                each.flag,
            )


def test_what_a_declaration_needs() -> None:
    def nothing(output: str) -> None:
        """Do nothing."""

    read = read_verb(nothing, "Other")
    assert isinstance(read, VerbDeclaration)
    assert (read.summary, [each.name for each in read.parameters]) == ("Do nothing.", ["output"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["rectangles"], "littoral rectangles needs LINES"),
        (["rectangles", "a.gpkg"], "littoral rectangles needs --output: add a value after --output"),
        (["rectangles", "a.gpkg", "-o"], "littoral rectangles needs -o: add a value after -o"),
        (["rectangles", "a.gpkg", "b.gpkg", "-o", "c.gpkg"], "littoral rectangles takes no argument b.gpkg"),
        (["search", "-o", "s.json", "--bbox", "1", "2"], "littoral search needs more values after --bbox"),
        (["rectangles", "a.gpkg", "-o", "c.gpkg", "--lenght", "5"], "did you mean --length?"),
        (["rectangles", "-a.gpkg", "-o", "c.gpkg"], "write ./ before the name of a file that begins with -"),
    ],
)
def test_words_that_do_not_fit_the_verb(words: list[str], sentence: str) -> None:
    ended = run_command(words)
    assert ended.exit_code == 2
    assert ended.stderr.count("\n") == 1
    assert sentence in ended.stderr
