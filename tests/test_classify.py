from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from littoral import (
    FeatureClassifier,
    classify_objects,
    export_tiles,
    open_scene,
    prepare_data,
    read_vector,
    write_classified,
)
from littoral.classify import ClassifyOptions, DecisionOptions, Ensemble, open_ensemble, scenes_used
from littoral.classify.decisions import FEW_PLACES
from littoral.cli import main
from littoral.errors import InputError, LittoralWarning
from littoral.imagery.fingerprint import file_key
from littoral.imagery.options import SceneOptions
from littoral.package import Package, read_package
from littoral.predictions import Transitions
from littoral.tiles import TileSpec, cut_tiles, read_tile
from littoral.tiles.options import CutOptions
from littoral.vectors import read_provenance, trace
from textured_coast import boxes, textured

pytestmark = pytest.mark.slow

Writer = Callable[..., Path]
KEEP = DecisionOptions(keep_unlike=True)


@pytest.fixture(scope="module")
def model(tiles_folder: Path) -> FeatureClassifier:
    data = prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1)
    model = FeatureClassifier(data, "resnet10t", pretrained=False)
    model.fit(8, 3e-3)
    return model


@pytest.fixture(scope="module")
def package(model: FeatureClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model.save(tmp_path_factory.mktemp("model") / "m.dlpk")


def test_statements_are_the_models(
    coast: tuple[Path, gpd.GeoDataFrame], model: FeatureClassifier, package: Path
) -> None:
    scene, table = coast
    out = classify_objects(scene, table, package, decisions=KEEP)
    assert (out["status"] == "classified").all()
    assert list(out.columns[:3]) == list(table.columns)
    for tile in cut_tiles(open_scene(scene), table.iloc[:5], TileSpec(32, ("B02", "B03", "B04"))):
        alone = model.predict_proba(tile.values)
        row = out.iloc[tile.position]
        assert [row["P_7"], row["P_3"]] == pytest.approx(list(alone), abs=1e-5)
        assert row["Confidence"] == pytest.approx(alone.max(), abs=1e-5)
        assert row["ClassValue"] == (7, 3)[int(alone.argmax())]
        assert row["ClassLabel"] == ("mangrove", "sandy shore")[int(alone.argmax())]
    assert (out["ClassValue"] == table["CATCOA"]).mean() > 0.9
    assert np.allclose(out["P_7"] + out["P_3"], 1)


def test_rectangles_that_cannot_be_judged_say_so(tmp_path: Path, write_scene: Writer, package: Path) -> None:
    values = textured(size=200)
    values[:, :, 100:] = 0
    scene = write_scene(tmp_path / "s.tif", values, nodata=0)
    table = boxes([(40, 40), (150, 40), (2000, 40), (-8, 40)], [3, 3, 3, 3]).set_index([[10, 20, 30, 40]])
    out = classify_objects(scene, table, package, decisions=KEEP)
    assert out["status"].tolist() == ["classified", "nodata", "outside imagery", "outside imagery"]
    nulls = out[["ClassLabel", "ClassValue", "Confidence", "P_3", "P_7"]].isna()
    assert nulls.all(axis=1).tolist() == [False, True, True, True]
    assert out.index.tolist() == [10, 20, 30, 40]
    assert table.columns.tolist() == ["ID", "CATCOA", "geometry"]


def test_colliding_fields_are_kept(coast: tuple[Path, gpd.GeoDataFrame], package: Path) -> None:
    table = coast[1].iloc[:3].assign(classlabel="mine", Status=1)
    out = classify_objects(coast[0], table, package)
    assert out.attrs["renamed"] == {"classlabel": "classlabel_in", "Status": "Status_in"}
    assert out["classlabel_in"].tolist() == ["mine"] * 3
    with pytest.raises(InputError, match="another output field"):
        classify_objects(coast[0], table, package, decisions=DecisionOptions(class_label_field="confidence"))


def test_file_has_integers_nulls_and_style(coast: tuple[Path, gpd.GeoDataFrame], package: Path, tmp_path: Path) -> None:
    out = classify_objects(*coast, package, decisions=DecisionOptions(keep_unlike=True, class_label_field="Kind"))
    categories = read_package(package).manifest.categories
    path = write_classified(out, tmp_path / "c.gpkg", class_label_field="Kind")
    back = read_vector(path)
    assert back["ClassValue"].dtype == "Int64"
    assert back["Kind"].tolist() == out["Kind"].tolist()
    assert b"mangrove" in path.read_bytes()
    assert out.attrs["categories"] == [asdict(category) for category in categories]
    again = write_classified(out, tmp_path / "c2.gpkg", categories, class_label_field="Kind")
    assert len(again.read_bytes()) == len(path.read_bytes())
    # The user's own colours and names, also of classes that no row has.
    own = [{**each, "colour": "#123456", "name": f"own {each['code']}"} for each in out.attrs["categories"]]
    out.attrs["categories"] = own
    styled = write_classified(out, tmp_path / "c3.gpkg", class_label_field="Kind").read_bytes()
    assert b"18,52,86" in styled
    assert all(each["name"].encode() in styled for each in own)


def test_scene_must_be_like_the_training_scenes(tmp_path: Path, write_scene: Writer, package: Path) -> None:
    table = boxes([(40, 40)], [3])
    values = textured(size=100)
    with pytest.raises(InputError, match="the model needs bands B02, B03, B04 and the scene s does not name its bands"):
        classify_objects(write_scene(tmp_path / "s.tif", values, names=None), table, package)
    floats = write_scene(tmp_path / "f.tif", (values / 1e4).astype("float32"))
    with pytest.raises(InputError, match=r"float32 values \(as stored\) where the model was trained on uint16"):
        classify_objects(floats, table, package)
    eight = write_scene(tmp_path / "e.tif", (values // 64).astype("uint8"))
    with pytest.raises(InputError, match="uint8 values"):
        classify_objects(eight, table, package)
    far = boxes([(99_999, 40)], [3])
    with pytest.raises(InputError, match="overlaps none"):
        classify_objects(write_scene(tmp_path / "g.tif", values), far, package)


def test_many_rectangles_in_batches_equal_one_by_one(coast: tuple[Path, gpd.GeoDataFrame], package: Path) -> None:
    whole = classify_objects(coast[0], coast[1], package, decisions=KEEP)
    single = [classify_objects(coast[0], coast[1].iloc[[i]], package, decisions=KEEP) for i in (0, 33, 51)]
    for i, one in zip((0, 33, 51), single, strict=True):
        assert one["Confidence"].iloc[0] == pytest.approx(whole["Confidence"].iloc[i], abs=1e-5)


def test_an_offset_is_not_lost_between_training_and_classifying(
    tmp_path: Path, write_scene: Writer, coast: tuple[Path, gpd.GeoDataFrame]
) -> None:
    values = textured()
    shifted = write_scene(tmp_path / "shifted.tif", values, scales=(1e-4,) * 3, offsets=(-0.1,) * 3)
    export_tiles(shifted, coast[1], tmp_path / "tiles", CutOptions(tile_size=(32, 32)))
    data = prepare_data(tmp_path / "tiles", batch_size=8, val_split_pct=0.3, seed=1)
    model = FeatureClassifier(data, "resnet10t", pretrained=False)
    with pytest.raises(InputError, match=r"trained on int16 \(reflectance x 10000\)"):
        classify_objects(coast[0], coast[1], model)
    assert (classify_objects(shifted, coast[1], model)["status"] == "classified").all()
    # The same pixels from a file and as an array, fill included.
    path = data.tiles.paths[0]
    values, valid = read_tile(path)
    values[:, :9] = -32768
    valid[:9] = False
    by_hand = model.trained.predict_inputs(data.preprocessing.apply(values, valid)[None])[0]
    assert (model.predict_proba(values) == by_hand).all()
    assert (model.predict_proba(np.ma.masked_array(values, values == -32768)) == by_hand).all()


# What is withheld, and what is said beside


@pytest.fixture(scope="module")
def ensemble(package: Path) -> Ensemble:
    return open_ensemble([package])


def test_sets_hold_the_class_and_grow_with_the_level(coast: tuple[Path, gpd.GeoDataFrame], ensemble: Ensemble) -> None:
    sizes = []
    for level in (50, 90, 99):
        out = classify_objects(*coast, ensemble, decisions=DecisionOptions(level=level, keep_unlike=True))
        sizes.append(out["PredictionSetSize"])
        for label, told, size in zip(out["ClassLabel"], out["PredictionSet"], out["PredictionSetSize"], strict=True):
            assert told.split("; ")[0] == label
            assert len(told.split("; ")) == size
    assert (sizes[0] <= sizes[1]).all()
    assert (sizes[1] <= sizes[2]).all()
    with pytest.raises(InputError, match="level 30 has no threshold: pass 50 to 99"):
        classify_objects(*coast, ensemble, decisions=DecisionOptions(level=30))


def test_a_model_without_thresholds_or_record_says_so(
    coast: tuple[Path, gpd.GeoDataFrame], package: Path, ensemble: Ensemble
) -> None:
    given = read_package(package)
    bare = replace(given, manifest=replace(given.manifest, calibration={}, novelty={}))
    out = classify_objects(*coast, bare)
    assert [note.split(",")[0] for note in out.attrs["notes"]] == [
        "the model has no calibration", "the model has no record of its training's features",
    ]  # fmt: skip
    assert not {"PredictionSet", "PredictionSetSize", "Novelty"} & set(out.columns)
    (few,) = classify_objects(*coast, ensemble).attrs["notes"]
    places = given.manifest.novelty["places"]
    assert 1 < places < FEW_PLACES
    assert f"comes from only {places} training places: up to one in {places + 1} new places" in few
    many = replace(given, manifest=replace(given.manifest, novelty={**given.manifest.novelty, "places": FEW_PLACES}))
    assert classify_objects(*coast, many).attrs["notes"] == []


def test_below_the_confidence_asked_there_is_no_class(coast: tuple[Path, gpd.GeoDataFrame], ensemble: Ensemble) -> None:
    plain = classify_objects(*coast, ensemble, decisions=KEEP)
    least = float(plain["Confidence"].median())
    out = classify_objects(*coast, ensemble, decisions=DecisionOptions(min_confidence=least, keep_unlike=True))
    doubtful = plain["Confidence"] < least
    assert 0 < doubtful.sum() < len(out)
    assert out["status"].tolist() == np.where(doubtful, "uncertain", "classified").tolist()
    assert out[["ClassLabel", "ClassValue"]].isna().all(axis=1).tolist() == doubtful.tolist()
    for column in ("Confidence", "P_3", "PredictionSet"):
        assert out[column].equals(plain[column])
    with pytest.raises(InputError, match="min confidence 90 is more than 1"):
        DecisionOptions(min_confidence=90)


def test_what_an_earlier_run_said_does_not_stand_beside_it(
    coast: tuple[Path, gpd.GeoDataFrame], ensemble: Ensemble
) -> None:
    once = classify_objects(*coast, ensemble, decisions=KEEP).assign(P_99=0.9, ClassLabelSmoothed="old")
    again = classify_objects(coast[0], once, ensemble, decisions=KEEP)
    assert {"ClassLabel_in", "PredictionSet_in", "P_99_in", "ClassLabelSmoothed_in"} <= set(again.columns)
    assert not {"P_99", "ClassLabelSmoothed"} & set(again.columns)
    for column in ("ClassLabel", "PredictionSet", "P_3", "Novelty"):
        assert again[column].equals(once[column])


# Along the chain


def chained(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """One chain along each strip."""
    group = shapely.bounds(table.geometry.to_numpy())[:, 1].round().astype(int)
    seq = pd.Series(group).groupby(group).cumcount().to_numpy() + 1
    last = pd.Series(seq).groupby(group).transform("max").to_numpy()
    links = {
        "GroupId": group, "SeqId": seq, "line_m": 480.0,
        "Previous": pd.array(np.where(seq > 1, seq - 1, 0), "Int64"),
        "Next": pd.array(np.where(seq < last, seq + 1, 0), "Int64"),
    }  # fmt: skip
    return table.assign(**links)


def test_smoothed_stands_beside_raw(coast: tuple[Path, gpd.GeoDataFrame], ensemble: Ensemble) -> None:
    table = chained(coast[1])
    changes = Transitions((3, 7), (50_000.0, 50_000.0), ((0.0, 1.0), (1.0, 0.0)))
    plain = classify_objects(coast[0], table, ensemble, decisions=KEEP)
    out = classify_objects(
        coast[0], table, ensemble, decisions=DecisionOptions(keep_unlike=True, smooth=True), transitions=changes
    )
    assert out[plain.columns].equals(plain)
    assert np.allclose(out["PS_3"] + out["PS_7"], 1)
    right = out["ClassValueSmoothed"] == table["CATCOA"]
    assert right.sum() >= (out["ClassValue"] == table["CATCOA"]).sum()
    assert not np.allclose(out["PS_3"], out["P_3"])
    with pytest.raises(InputError, match="has no transitions between classes"):
        classify_objects(coast[0], table, ensemble, decisions=DecisionOptions(smooth=True))
    with pytest.raises(InputError, match="has no GroupId, SeqId, Previous, Next"):
        classify_objects(*coast, ensemble, decisions=DecisionOptions(smooth=True), transitions=changes)


def test_a_model_learns_how_its_coast_changes(coast: tuple[Path, gpd.GeoDataFrame], tmp_path: Path) -> None:
    table = chained(coast[1])
    told = {"tile_size": 32, "split": "spatial", "val_split_pct": 0.3, "seed": 1, "cache": tmp_path / "cache"}
    data = prepare_data(scene=coast[0], rectangles=table, **told)
    found = Transitions.from_json(data.transitions)
    assert found.codes == tuple(category.code for category in data.categories)
    # Nowhere along a strip does it change: only the prior's changes, a half both ways.
    assert np.array(found.changes).sum() == pytest.approx(2.0)
    model = FeatureClassifier(data, "test_resnet", pretrained=False, oversample=True)
    model.fit_head(regularisation_c=0.1)
    assert model.manifest.transitions == data.transitions
    assert model.manifest.prior == (0.5, 0.5)
    again = read_package(model.save(tmp_path / "m.dlpk"))
    assert (again.manifest.transitions, again.manifest.prior) == (model.manifest.transitions, (0.5, 0.5))
    assert again.manifest.novelty == model.manifest.novelty
    out = classify_objects(coast[0], table, again, decisions=DecisionOptions(smooth=True, keep_unlike=True))
    assert out["ClassLabelSmoothed"].notna().all()
    without = prepare_data(scene=coast[0], rectangles=coast[1], **told)
    assert without.transitions == {}


# Ensembles


def test_turns_are_asked_about_and_averaged(
    coast: tuple[Path, gpd.GeoDataFrame], model: FeatureClassifier, package: Path
) -> None:
    out = classify_objects(coast[0], coast[1], package, options=ClassifyOptions(tta=True), decisions=KEEP)
    (tile,) = cut_tiles(open_scene(coast[0]), coast[1].iloc[[7]], TileSpec(32, ("B02", "B03", "B04")))
    ways = [np.rot90(flip, turn, (1, 2)) for flip in (tile.values, tile.values[:, :, ::-1]) for turn in range(4)]
    mean = np.mean([model.predict_proba(np.ascontiguousarray(way)) for way in ways], axis=0)
    assert [out["P_7"].iloc[7], out["P_3"].iloc[7]] == pytest.approx(list(mean), abs=1e-5)
    assert "thresholds of a single model" in out.attrs["notes"][0]
    once = classify_objects(*coast, package, decisions=KEEP)
    assert out["Novelty"].to_numpy() == pytest.approx(once["Novelty"].to_numpy())


def test_several_models_answer_together(
    coast: tuple[Path, gpd.GeoDataFrame], package: Path, tiles_folder: Path, tmp_path: Path
) -> None:
    data = prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1, chip_size=24)
    other = FeatureClassifier(data, "test_resnet", pretrained=False)
    one, two, both = (
        classify_objects(*coast, first, also_models=rest, decisions=KEEP)
        for first, rest in ((package, ()), (other, ()), (package, (other,)))
    )
    assert both["P_3"].to_numpy() == pytest.approx(((one["P_3"] + two["P_3"]) / 2).to_numpy())
    # The other one was not trained: it has neither thresholds nor a record.
    assert "PredictionSet" not in both
    assert both["Novelty"].to_numpy() == pytest.approx(one["Novelty"].to_numpy())
    given = read_package(package)
    sets = given.manifest
    strange = replace(sets, categories=(replace(sets.categories[0], code=8), sets.categories[1]))
    with pytest.raises(InputError, match="has other classes"):
        open_ensemble([package, replace(given, manifest=strange)])
    renamed = replace(sets, categories=(replace(sets.categories[0], name="quay"), sets.categories[1]))
    with pytest.raises(InputError, match=rf"model 2 has other names for classes \({sets.categories[0].code} quay\)"):
        open_ensemble([package, replace(given, manifest=renamed)])
    tile = replace(sets.preprocessing.tile, bands=("B02", "B03", "B08"))
    bands = replace(sets, preprocessing=replace(sets.preprocessing, tile=tile))
    with pytest.raises(InputError, match=r"needs bands B02, B03, B08, the first B02, B03, B04"):
        open_ensemble([package, replace(given, manifest=bands)])
    with pytest.raises(InputError, match="processor nonsense cannot be used"):
        open_ensemble([package], processor="nonsense")


# Scenes and rectangles that are not as they should be


def test_cells_of_another_size_are_refused(
    tmp_path: Path, write_scene: Writer, coast: tuple[Path, gpd.GeoDataFrame], package: Path
) -> None:
    coarse = write_scene(tmp_path / "coarse.tif", textured(size=320), pixel=20.0)
    with pytest.raises(InputError, match=r"has cells of 20 m where the model was trained on 10 m.*--cell-size 10"):
        classify_objects(coarse, coast[1], package)
    at_will = classify_objects(coarse, coast[1], package, options=ClassifyOptions(any_cell_size=True))
    brought = classify_objects(coarse, coast[1], package, opening=SceneOptions(cell_size=10.0), decisions=KEEP)
    assert "the pixels of coarse are 20 m wide where the model was trained on 10 m" in brought.attrs["notes"][-1]
    again = write_scene(tmp_path / "again.tif", textured(size=320), pixel=20.0)
    twice = classify_objects([coarse, again], coast[1], package, opening=SceneOptions(cell_size=10.0))
    assert twice.attrs["notes"][-1].endswith("; as are those of 1 more")
    assert (brought["status"] == "classified").all()
    assert not np.allclose(at_will["P_3"], brought["P_3"])
    alike = write_scene(tmp_path / "alike.tif", textured(), pixel=10.5)
    assert len(classify_objects(alike, coast[1], package)) == len(coast[1])


def test_rectangles_without_ground(coast: tuple[Path, gpd.GeoDataFrame], ensemble: Ensemble) -> None:
    table = coast[1].iloc[:4].copy()
    point = table.geometry.iloc[1].centroid
    flat = shapely.Polygon([(point.x, point.y), (point.x + 100, point.y), (point.x, point.y)])
    table.geometry = [table.geometry.iloc[0], flat, None, shapely.Polygon()]
    out = classify_objects(coast[0], table, ensemble, decisions=KEEP)
    assert out["status"].tolist() == ["classified", "no area", "no area", "no area"]
    assert out[["ClassLabel", "Confidence", "P_3", "Scene", "Novelty"]].isna().all(axis=1).tolist() == [
        False,
        *[True] * 3,
    ]
    with pytest.raises(InputError, match="the rectangles all have no area"):
        classify_objects(coast[0], table.iloc[1:], ensemble)
    with pytest.raises(InputError, match="has no coordinate reference system"):
        classify_objects(coast[0], table.set_crs(None, allow_override=True), ensemble)


def test_a_bow_tie_has_ground_and_what_lies_off_the_world_has_none(
    coast: tuple[Path, gpd.GeoDataFrame], ensemble: Ensemble
) -> None:
    table = coast[1].iloc[:3].copy()
    left, low, right, high = table.geometry.iloc[1].bounds
    tie = shapely.Polygon([(left, low), (right, high), (right, low), (left, high)])
    nowhere = shapely.Polygon([(np.inf, 0), (1, 1), (2, 2), (np.inf, 0)])
    table.geometry = [table.geometry.iloc[0], tie, nowhere]
    with np.errstate(invalid="ignore"):
        out = classify_objects(coast[0], table, ensemble, decisions=KEEP)
    assert out["status"].tolist() == ["classified", "classified", "no area"]
    degrees = coast[1].iloc[:2].to_crs(4326)
    degrees.geometry = [degrees.geometry.iloc[0], shapely.box(-500, 100, -400, 200)]
    out = classify_objects(coast[0], degrees, ensemble, decisions=KEEP)
    assert out["status"].tolist() == ["classified", "outside imagery"]


def test_an_extent_leaves_the_others_in_their_places(coast: tuple[Path, gpd.GeoDataFrame], ensemble: Ensemble) -> None:
    whole = classify_objects(*coast, ensemble, decisions=KEEP)
    left, bottom, right, top = coast[1].iloc[:5].total_bounds
    out = classify_objects(*coast, ensemble, options=ClassifyOptions(extent=(left, bottom, right, top)), decisions=KEEP)
    assert out["status"].tolist() == ["classified"] * 5 + ["outside extent"] * (len(out) - 5)
    assert out["P_3"].iloc[:5].to_numpy() == pytest.approx(whole["P_3"].iloc[:5].to_numpy(), abs=1e-5)
    lonlat = coast[1].iloc[:5].to_crs(4326).total_bounds
    degrees = classify_objects(
        *coast, ensemble, options=ClassifyOptions(extent=tuple(lonlat), extent_crs="EPSG:4326"), decisions=KEEP
    )
    assert degrees["status"].equals(out["status"])
    with pytest.raises(InputError, match="all lie outside the extent"):
        classify_objects(*coast, ensemble, options=ClassifyOptions(extent=(left, top + 1e5, right, top + 2e5)))


def test_what_is_there_many_times_is_answered_alike(coast: tuple[Path, gpd.GeoDataFrame], ensemble: Ensemble) -> None:
    table = coast[1].iloc[[3] * 70]
    out = classify_objects(coast[0], table, ensemble, decisions=KEEP)
    assert len(out) == 70
    assert out["P_3"].nunique() == 1


# Files


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".fgb", ".geojson", ".shp"])
def test_every_format_keeps_what_is_said_and_where_it_comes_from(
    coast: tuple[Path, gpd.GeoDataFrame], ensemble: Ensemble, package: Path, tmp_path: Path, suffix: str
) -> None:
    out = classify_objects(coast[0], coast[1].to_crs(4326), ensemble)
    record = trace("classify", {"model": package}, {"level": 90})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LittoralWarning)
        path = write_classified(out, tmp_path / f"c{suffix}", ensemble.manifest.categories, provenance=record)
    back = read_vector(path).sort_values("ID").reset_index(drop=True)
    for column in ("ClassLabel", "ClassValue", "PredictionSet", "PredictionSetSize", "status", "Scene"):
        assert back[column].astype(object).where(back[column].notna(), None).tolist() == (
            out[column].astype(object).where(out[column].notna(), None).tolist()
        )
    assert back["Confidence"].to_numpy(float) == pytest.approx(out["Confidence"].to_numpy(), nan_ok=True)
    known = read_provenance(path)
    assert known is not None
    assert known["inputs"]["model"]["sha256"] == hashlib.sha256(package.read_bytes()).hexdigest()
    assert known["scenes"] == scenes_used(out) == [{"name": "scene", "date": "", "rectangles": len(out)}]


def test_the_verb_says_what_it_did(
    coast: tuple[Path, gpd.GeoDataFrame],
    package: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(arguments: list[str]) -> int:
        monkeypatch.setattr(sys, "argv", ["littoral", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    rectangles, out = tmp_path / "r.gpkg", tmp_path / "c.gpkg"
    chained(coast[1]).to_file(rectangles)
    labelled = tmp_path / "labelled.gpkg"
    halves = chained(coast[1]).assign(CATCOA=np.where(np.arange(len(coast[1])) % 5 < 3, 3, 7))
    halves.to_file(labelled)
    given = ["classify", str(coast[0]), str(rectangles), str(package), "-o", str(out)]
    assert run([*given, "--transitions", str(labelled)]) == 2
    assert "--transitions goes with --smooth" in capsys.readouterr().err
    options = ["--smooth", "--transitions", str(labelled), "--level", "95", "--keep-unlike", "--min-confidence", "0.6"]
    assert run([*given, *options]) == 0
    table = read_vector(out)
    assert {"PredictionSet", "Novelty", "ClassLabelSmoothed", "PS_3"} <= set(table.columns)
    parameters = (read_provenance(out) or {})["parameters"]
    assert (parameters["level"], parameters["smooth"], parameters["min_confidence"]) == (95, True, 0.6)
    # A folder is nobody's business, what is in the file is.
    assert run([*given, *options, "--extent", str(labelled), "--processor", "cpu", "--overwrite"]) == 0
    record = read_provenance(out) or {}
    assert (record["parameters"]["extent"], record["parameters"]["processor"]) == (None, "cpu")
    assert record["inputs"]["extent"]["sha256"] == hashlib.sha256(labelled.read_bytes()).hexdigest()
    assert str(tmp_path) not in str(record)
    parts = tmp_path / "parts"
    again = tmp_path / "again.gpkg"
    assert run([*given[:-1], str(again), *options, "--parts", str(parts)]) == 0
    assert list(parts.glob("*.parquet"))
    assert read_vector(again).drop(columns="geometry").equals(table.drop(columns="geometry"))


def test_a_model_file_is_opened_and_hashed_once(
    coast: tuple[Path, gpd.GeoDataFrame], package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    hashed: list[Path] = []

    def counting_open(path: str | Path) -> Package:
        opened.append(Path(path))
        return read_package(path)

    def counting_hash(path: str | Path) -> str:
        hashed.append(Path(path))
        return file_key(path)

    # A file that was just written is hashed again, as its time of change says too little.
    os.utime(package, (1e9, 1e9))
    for module in ("classify.classify", "engines", "learn.model_files"):
        monkeypatch.setattr(f"littoral.{module}.read_package", counting_open)
    monkeypatch.setattr("littoral.classify.checkpoints.file_key", counting_hash)
    for _ in range(2):
        out = classify_objects(*coast, package, ClassifyOptions(parts=tmp_path / "parts"), KEEP)
        assert opened == [package]
        assert [path for path in hashed if path.suffix == ".dlpk"] == [package]
        opened.clear()
        hashed.clear()
    whole = classify_objects(*coast, package, decisions=KEEP)
    assert out.equals(whole)
    assert whole.attrs["provenance"] == out.attrs["provenance"]
    assert whole.attrs["provenance"]["inputs"]["model"]["sha256"] == hashlib.sha256(package.read_bytes()).hexdigest()
    with pytest.raises(InputError, match="a model that is open cannot be sent to other processes"):
        classify_objects(*coast, read_package(package), ClassifyOptions(parts=tmp_path / "parts"))
