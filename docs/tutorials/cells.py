"""The cells of ``coastline-classification.ipynb``: its one source, from which ``make.py`` makes it.

Code is either the original notebook's (``original``; what is written otherwise there is listed in
``tests/test_notebook.py``) or littoral's own (``added``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Cell:
    """One cell."""

    kind: Literal["text", "original", "added"]
    source: str


def text(source: str) -> Cell:
    return Cell("text", source.strip())


def original(source: str) -> Cell:
    return Cell("original", source.strip())


def added(source: str) -> Cell:
    return Cell("added", source.strip())


ITEM = "9251417cb9ab4a059eb538282f82883c"

CELLS = [
    text("""
# What kind of shore is it?

A walk from a sea chart and a Sentinel-2 scene to a classified coast. The code is that of Esri's sample notebook
*Category-wise shoreline classification using Sentinel-2 imagery*, cell by cell and in its order: only the imports
differ. What was clicked in a desktop program there is a call here. Where littoral does something else on purpose, the
text says so.

Needed: `pip install "littoral[learn]"`, no GPU and no licence.

**How the outputs below were made.** On a machine without a network: the chart, the scenes and the tiles are those of
littoral's synthetic world, a small portal on the same machine served the tiles under the original's item id, and the
"pretrained" weights are of a short training on another synthetic coast. So read the figures for what they are, not for
how good the numbers look. Run against the real portal, the same cells fetch the real tiles.
"""),
    text("## Imports"),
    original("""
import os
import glob
import zipfile
from pathlib import Path

from littoral import GIS
from littoral import prepare_data, FeatureClassifier
"""),
    added("import littoral"),
    text("""
## The portal

`"home"` is the portal that the environment variable `LITTORAL_PORTAL` names, else ArcGIS Online, asked as anybody.
Public items need no account. For others pass `GIS(token="…")` or set `LITTORAL_PORTAL_TOKEN`; littoral takes no
passwords.
"""),
    original("""
gis = GIS("home")
"""),
    text("""
## Tiles from a chart and a scene

You need a chart with categories along its coastline and an image of the same place. These two coasts are painted by
code, one to learn from and one to keep unseen. With your own, `littoral.fetch_charts` gets NOAA's cells, and a
Sentinel-2 product is passed as the path of its folder.
"""),
    added("""
from littoral.demo.world import make_world

world = make_world(Path("world"), size_px=3072, unseen_px=2048)
"""),
    text("""
**Instead of *Generate Rectangles Along Lines*.** Squares of 1 km follow the coastline. Each has its line's `CATCOA`, so
no field has to be added and calculated, and `purity`: how much of the line inside the square is of that category. The
squares are told apart by category right away; there need not be a run for each.
"""),
    added("""
coast = littoral.read_charts(world.training.chart)
rectangles = littoral.rectangles_along_lines(coast)
rectangles[["ID", "GroupId", "SeqId", "CATCOA", "line_m", "purity"]].head()
"""),
    text("""
**Instead of *Export Training Data For Deep Learning*.** One category into one folder, as in the original; with
`per_category=True` a single call writes a folder for each. The documentation compares all parameters.
"""),
    original("""
print(littoral.export_tiles(
    world.training.scene,
    rectangles[rectangles["CATCOA"] == 1],
    "Category_1",
    littoral.CutOptions(tile_size=(256, 256)),
    littoral.ClassOptions(class_field="CATCOA"),
    littoral.ExportOptions(
        stride=(128, 128), only_with_features=True, metadata_format="Labeled_Tiles", extent="intersection"
    ),
    cell_size=10,
))
"""),
    text("""
## Tiles from the portal

The hosted tiles are ready to train on. (What is shown below is the stand-in item: synthetic tiles of 64 pixels, so that
two processor cores are enough. The real item's tiles have 256.)
"""),
    original(f"""
training_data = gis.content.get('{ITEM}')

training_data
"""),
    original("""
filepath = training_data.download(file_name=training_data.name)
"""),
    original("""
with zipfile.ZipFile(filepath, 'r') as zip_ref:
    zip_ref.extractall(Path(filepath).parent)
"""),
    original("""
output_path = os.path.join(os.path.splitext(filepath)[0], "*")

output_path = glob.glob(output_path)

output_path
"""),
    text("""
## Preparing the data

**An honest split.** Neighbouring tiles show nearly the same ground, so a validation tile next to a training tile
measures memory. Here whole squares of ground go to one side or the other, and tiles that would share ground across the
border are set aside. Scores come out lower than with a random split (`split="random"`, which says that it leaks), and
nearer to what a new coast will give.
"""),
    original("""
data = prepare_data(path=output_path, batch_size=128, val_split_pct=0.2)
"""),
    added("print(data)"),
    text("""
Training tiles, drawn at random, in frames of their category's colour. Look whether the label fits the picture.
"""),
    original("""
data.show_batch(rows=5)
"""),
    text("""
## The model

ResNet-34 with pretrained weights, as in the original. They were learnt on other pictures, so the body starts frozen
and only its normalisation and the new head learn (`model.unfreeze()` frees the rest). The first layer is widened to as
many bands as the tiles have.
"""),
    original("""
model = FeatureClassifier(data, oversample=True)
"""),
    text("""
The learning rate rises step by step while the loss is watched. The dot marks where it falls fastest; to the right of
the valley training would fall apart.
"""),
    original("""
lr = model.lr_find()

lr
"""),
    text("""
Twenty passes. At the end the weights of the best epoch are kept, and the confidences are calibrated on the validation
tiles.
"""),
    original("""
model.fit(20, lr=lr)
"""),
    text("""
Both curves should fall. When the blue one turns up while the grey one goes on falling, the network learns its tiles by
heart. The dot is the epoch that was kept.
"""),
    original("""
model.plot_losses()
"""),
    text("""
## How good is it?

Validation tiles with their charted category: ✓, or what the model says instead, and how sure it is. The frame has the
colour of the truth on the left and above, that of the answer on the right and below.
"""),
    original("""
model.show_results(rows=4)
"""),
    text("""
Rows are what the chart says, columns what the model says; the darker, the larger the share of the row. The synthetic
world shares out its colours in pairs (mangrove and marshy shore, glacier and ice coast, …), so that colour alone does
not tell them apart.
"""),
    original("""
model.plot_confusion_matrix()
"""),
    text("""
Not in the original: the same tiles judged beside two simple models, one that always answers with the commonest
category and one that knows only means and deviations of the bands. The intervals allow for neighbours being alike, and
the sentence below the table says whether the network is shown to be worth its trouble. Few tiles make wide intervals.
"""),
    added("""
print(model.evaluate())
"""),
    text("""
And whether a confidence can be taken at its word: of the answers given with 80 %, are four in five right? Bars that
end on the dashed line say yes. Below stands how many answers each bar is made of: one of five answers says little.
"""),
    added("""
model.plot_reliability()
"""),
    text("""
## Saving

One file with the network, its preprocessing, categories, calibration, scores and the outline of its training area,
which ArcGIS Pro reads as well. A name alone saves it beside the tiles, as in the original; a path ending in `.dlpk` is
taken as it is.
"""),
    original("""
model.save('model-20e_8classes')
"""),
    text("""
## A coast the model has not seen

**Instead of *Generate Rectangles Along Lines* and *Classify Objects Using Deep Learning*.** The same squares along the
other coast, then an answer for each. The package is all that is needed: it knows how its tiles were cut.
"""),
    added("""
package = Path(output_path[0]).parent / "models" / "model-20e_8classes" / "model-20e_8classes.dlpk"
unseen = littoral.rectangles_along_lines(littoral.read_charts(world.unseen.chart))
classified = littoral.classify_objects(world.unseen.scene, unseen, package)
littoral.write_classified(classified, "classified.gpkg", model.manifest.categories, overwrite=True)
"""),
    text("""
The file opens in QGIS in these colours. Squares that reach over the edge of the image, or show no data, get no
category and say why in `status`; nothing is guessed.
"""),
    added("""
littoral.plot_classified(classified, scene=world.unseen.scene)
"""),
    text("""
The count for each category: squares that were called so, how many of them the chart calls so too, and kilometres of
shore. What the chart confirms on a coast that had no part in the training is the number to believe.
"""),
    added("""
classified["as charted"] = classified["ClassValue"] == classified["CATCOA"]
classified.groupby("ClassLabel").agg(
    **{
        "squares": ("ID", "size"),
        "as charted": ("as charted", "sum"),
        "km": ("line_m", lambda metres: round(metres.sum() / 1000, 1)),
        "mean confidence": ("Confidence", lambda shares: round(shares.mean(), 2)),
    }
)
"""),
    text("""
From here: `littoral.write_report` puts the map, the scores and sample tiles on one page, `littoral classify --smooth`
lets neighbours help each other, and `littoral summarise` gives kilometres of each category with intervals.
"""),
]
