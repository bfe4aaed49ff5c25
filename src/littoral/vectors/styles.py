"""QGIS styles, and where a GeoPackage keeps them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from xml.sax.saxutils import quoteattr

from littoral.categories import UNKNOWN_COLOUR, Category

EPOCH = "2000-01-01T00:00:00.000Z"
"""Stands for the time of writing, so that the same table gives the same bytes."""


def qgis_style(field: str, categories: list[Category], *, text_values: bool, geometry: str = "fill") -> str:
    """A QGIS style (QML) that colours ``field`` by category; whatever else it holds is grey.

    ``geometry`` is ``fill`` for polygons or ``line``. The form is QGIS's own ``categorizedSymbol`` renderer, as QGIS
    3.x and 4.x read it.
    """
    entries = [(c.name if text_values else str(c.code), c.name, c.rgb) for c in categories]
    entries.append(("", "not classified", Category(0, "", UNKNOWN_COLOUR).rgb))
    rows, symbols = [], []
    for index, (value, label, (red, green, blue)) in enumerate(entries):
        rows.append(
            f"<category value={quoteattr(value)} label={quoteattr(label)} symbol='{index}' render='true' "
            f"type='{'string' if text_values or not value else 'long'}'/>"
        )
        if geometry == "fill":
            layer = (
                "<layer class='SimpleFill' enabled='1' pass='0' locked='0'><Option type='Map'>"
                f"<Option type='QString' name='color' value='{red},{green},{blue},150'/>"
                f"<Option type='QString' name='outline_color' value='{red},{green},{blue},255'/>"
                "<Option type='QString' name='outline_width' value='0.4'/>"
                "<Option type='QString' name='style' value='solid'/></Option></layer>"
            )
        else:
            layer = (
                "<layer class='SimpleLine' enabled='1' pass='0' locked='0'><Option type='Map'>"
                f"<Option type='QString' name='line_color' value='{red},{green},{blue},255'/>"
                "<Option type='QString' name='line_width' value='0.8'/></Option></layer>"
            )
        symbols.append(f"<symbol name='{index}' type='{geometry}' alpha='1' clip_to_extent='1'>{layer}</symbol>")
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
        "<qgis version='3.22' styleCategories='Symbology'>"
        f"<renderer-v2 type='categorizedSymbol' attr={quoteattr(field)} enableorderby='0' forceraster='0'>"
        f"<categories>{''.join(rows)}</categories><symbols>{''.join(symbols)}</symbols></renderer-v2></qgis>\n"
    )


def write_style(path: Path, layer: str, style: str) -> None:
    """Table ``layer_styles`` as QGIS writes it; it must be registered in ``gpkg_contents`` to be seen."""
    with closing(sqlite3.connect(path)) as database, database:
        (geometry,) = database.execute(
            "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", (layer,)
        ).fetchone()
        database.execute(
            "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT(256), "
            "f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), "
            "styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), "
            "update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"
        )
        database.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, styleSLD, useAsDefault, description, owner, update_time) "
            "VALUES ('', '', ?, ?, ?, ?, '', 1, ?, '', ?)",
            (layer, geometry, "littoral", style, "categories of littoral", EPOCH),
        )
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?, 0)",
            (EPOCH,),
        )
