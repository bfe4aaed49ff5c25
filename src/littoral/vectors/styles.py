"""Make QGIS styles, and store them in a GeoPackage."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from xml.sax.saxutils import escape, quoteattr

from littoral.categories import UNKNOWN_COLOUR, Category

EPOCH = "2000-01-01T00:00:00.000Z"
"""Written instead of the current time, so that the same table gives the same bytes."""

Colour = tuple[int, int, int]

_RIM = (128, 128, 128)
_OTHERS = "not classified"
_GREY = Category(0, "unknown", UNKNOWN_COLOUR).rgb


def qgis_style(
    field: str,
    categories: list[Category],
    *,
    text_values: bool,
    geometry: str = "fill",
    status: str | None = None,
    hatched: Mapping[str, str] = MappingProxyType({}),
    aliases: Mapping[str, str] = MappingProxyType({}),
    confidence: str | None = None,
) -> str:
    """Make a QGIS style (QML) that colours features by category; all other values of the field are grey.

    Args:
        field: Field with the category.
        categories: Values of the field, with names and colours.
        text_values: True if the field holds names, False for codes.
        geometry: ``fill`` for polygons or ``line``.
        status: Text field with the reason why a row has no category; each value in ``hatched`` gets its own symbol.
        hatched: Qt's names of brushes (``b_diagonal``, ``diagonal_x``) by value of ``status``.
        aliases: Display names of fields in QGIS's tables and forms.
        confidence: Field from 0 to 1 that the map tip shows as a percentage.

    The style is a ``categorizedSymbol`` renderer for QGIS 3.x and 4.x. Symbol properties are written twice: as a map,
    and in the form that QGIS before 3.18 reads.

    >>> 'attr="KIND"' in qgis_style("KIND", [], text_values=True)
    True
    """
    entries = [(c.name if text_values else str(c.code), c.name, c.rgb, "solid") for c in categories]
    entries += [(name, name, _GREY, brush) for name, brush in hatched.items()]
    if all(label != _OTHERS for _, label, _, _ in entries):
        # In QGIS, an empty value matches all values without an entry, and null.
        entries.append(("", _OTHERS, _GREY, "solid"))
    rows, symbols = [], []
    for index, (value, label, colour, brush) in enumerate(entries):
        kind = "string" if text_values or not value or value in hatched else "long"
        rows.append(
            f"<category value={quoteattr(value)} label={quoteattr(label)} symbol='{index}' render='true' "
            f"type='{kind}'/>"
        )
        layer = _fill(colour, brush) if geometry == "fill" else _line(colour)
        symbols.append(f"<symbol name='{index}' type='{geometry}' alpha='1' clip_to_extent='1'>{layer}</symbol>")
    attr = field if status is None else f"coalesce({_quoted(field)}, {_quoted(status)})"
    named = "".join(
        f"<alias field={quoteattr(name)} index='{at}' name={quoteattr(alias)}/>"
        for at, (name, alias) in enumerate(aliases.items())
    )
    more = f"<aliases>{named}</aliases>" if aliases else ""
    if confidence is not None:
        tip = f"<b>[% {attr if status else _quoted(field)} %]</b> [% round(100 * {_quoted(confidence)}) || ' %' %]"
        more += f"<mapTip enabled='1'>{escape(tip)}</mapTip>"
    kinds = "Symbology" + ("|Fields" if aliases else "") + ("|MapTips" if confidence is not None else "")
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
        f"<qgis version='3.22' styleCategories='{kinds}'>"
        f"<renderer-v2 type='categorizedSymbol' attr={quoteattr(attr)} symbollevels='0' enableorderby='0' "
        f"forceraster='0'><categories>{''.join(rows)}</categories><symbols>{''.join(symbols)}</symbols></renderer-v2>"
        f"{more}</qgis>\n"
    )


def _fill(colour: Colour, brush: str) -> str:
    rgb = ",".join(map(str, colour))
    # Patterns are visible only if they are opaque and darker than plain fills.
    inside = f"{rgb},150" if brush == "solid" else "90,90,90,255"
    outline = {"outline_color": f"{rgb},255", "outline_style": "solid", "outline_width": "0.4"}
    return _layer("SimpleFill", {"color": inside, "style": brush, **outline, "outline_width_unit": "MM"})


def _line(colour: Colour) -> str:
    """A line with a grey rim, visible on white and on imagery; the rim is locked, so QGIS does not recolour it."""
    return _stroke(_RIM, "1.2", locked=True) + _stroke(colour, "0.8")


def _stroke(colour: Colour, width: str, *, locked: bool = False) -> str:
    line = {"line_color": f"{','.join(map(str, colour))},255", "line_style": "solid", "line_width": width}
    return _layer("SimpleLine", {**line, "line_width_unit": "MM", "capstyle": "flat", "joinstyle": "round"}, locked)


def _layer(kind: str, properties: Mapping[str, str], locked: bool = False) -> str:
    options = "".join(f"<Option type='QString' name='{name}' value='{value}'/>" for name, value in properties.items())
    older = "".join(f"<prop k='{name}' v='{value}'/>" for name, value in properties.items())
    attributes = f"class='{kind}' enabled='1' pass='0' locked='{int(locked)}'"
    return f"<layer {attributes}><Option type='Map'>{options}</Option>{older}</layer>"


def _quoted(field: str) -> str:
    """A field name quoted for a QGIS expression.

    >>> _quoted('a"b')
    '"a""b"'
    """
    doubled = field.replace('"', '""')
    return f'"{doubled}"'


def write_styles(path: Path, layer: str, styles: Mapping[str, str]) -> None:
    """Write the table ``layer_styles`` of QGIS to a GeoPackage; the first style is the layer's default.

    The table is registered in ``gpkg_contents``; otherwise QGIS does not find it.
    """
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
        database.executemany(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, styleSLD, useAsDefault, description, owner, update_time) "
            "VALUES ('', '', ?, ?, ?, ?, '', ?, ?, '', ?)",
            [
                (layer, geometry, name, style, at == 0, "categories of littoral", EPOCH)
                for at, (name, style) in enumerate(styles.items())
            ],
        )
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?, 0)",
            (EPOCH,),
        )
