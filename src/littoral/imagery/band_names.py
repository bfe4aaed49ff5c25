"""Band names: every sensor's bands get the names of Sentinel-2's bands of the same wavelengths.

A number alone does not identify a band: B4 is red for Sentinel-2 and Landsat 8, near infrared for Landsat 5. The band
is identified by the sensor, from the file's name or tags; else by its wavelength; else by the style of all band names.

Sources: Sentinel-2 Products Specification Document; Landsat 8-9 and Landsat 4-7 data format control books (LSDS-1822,
LSDS-414).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

Sensor = Literal["sentinel-2", "oli", "tm", "other", ""]
"""Sentinel-2's MSI; OLI and TIRS of Landsat 8 and 9; TM and ETM+ of Landsat 4 to 7; another sensor; unknown."""

OLI = {
    1: "B01", 2: "B02", 3: "B03", 4: "B04", 5: "B8A", 6: "B11", 7: "B12", 8: "PAN", 9: "B10", 10: "LWIR11",
    11: "LWIR12",
}  # fmt: skip
"""Bands of Landsat 8 and 9 by number."""
_TM = {1: "B02", 2: "B03", 3: "B04", 4: "B8A", 5: "B11", 6: "LWIR", 7: "B12", 8: "PAN"}
"""Bands of Landsat 4 to 7 by number."""
_WAVELENGTHS_NM = {
    "B01": 443, "B02": 490, "B03": 560, "B04": 665, "B05": 705, "B06": 740, "B07": 783, "B08": 842, "B8A": 865,
    "B09": 945, "B10": 1375, "B11": 1610, "B12": 2190,
}  # fmt: skip
_NEAR_NM, _NEAR_SWIR_NM = 20, 60
_SENSORS: dict[Sensor, str] = {
    "oli": r"^L[COT]0[89]_|^LC[89]\d{13}|HLS\.L30|(^|[^A-Z0-9])(L[89]|LC0?[89]|LANDSAT[-_ ]?[89]|OLI)([^A-Z0-9]|$)",
    "tm": r"^L[TE]0[4-7]_|^L[TE][4-7]\d{13}"
    r"|(^|[^A-Z0-9])(L[4-7]|L[TE]0?[4-7]|LANDSAT[-_ ]?[4-7]|ETM\+?S?|TM)([^A-Z0-9]|$)",
    "sentinel-2": r"(^|[^A-Z0-9])S2[A-D]?([^A-Z0-9]|$)|_?T\d\d[A-Z]{3}_\d{8}|SENTINEL[-_ ]?2|HLS\.S30|MSIL[12]",
    "other": r"^LM0\d_|^(MOD|MYD|MCD)\d\d|^VNP|^AST_L1|CBERS|PSSCENE|PLANETSCOPE|^PSB|ANALYTICMS|SPOT[-_ ]?\d|^S3[AB]_"
    r"|WORLDVIEW|^WV0\d|PLEIADES|GAOFEN|^GF\d_|RAPIDEYE|MODIS|ASTER|^L[CETM]0?\d_?$",
}
"""Patterns of a sensor's name in file names and tags, in upper case."""
_NUMBER = re.compile(r"(?<![A-Z0-9])(SR_|SR-)?B(?:AND_?)?(\d{1,2})(A?)(?![A-Z0-9])", re.IGNORECASE)
_TAGS = ("SENSOR", "SENSOR_ID", "SPACECRAFT_ID", "SPACECRAFT", "PLATFORM", "SATELLITE", "SATELLITEID", "INSTRUMENT")
_WAVELENGTH_TAGS = ("CENTRAL_WAVELENGTH_UM", "WAVELENGTH", "CENTER_WAVELENGTH", "CENTRAL_WAVELENGTH")
_SENTINEL_M = 20.5
"""Pixels up to this size, in metres, are taken for Sentinel-2's; Landsat's are larger."""


def sensor_of(*texts: str) -> Sensor:
    """The sensor named in the texts, by the first one that names any; "" if none does.

    >>> sensor_of("LC09_L2SP_015042_20230601_20230603_02_T1_SR_B3"), sensor_of("LE07_L1TP_015042_20020601_B4")
    ('oli', 'tm')
    >>> sensor_of("T17RNJ_20230613T155819_B03_10m"), sensor_of("bay_B03"), sensor_of("CBERS_4A_WPM_BAND3")
    ('sentinel-2', '', 'other')
    """
    for text in texts:
        for sensor, marks in _SENSORS.items():
            if re.search(marks, text.upper()):
                return sensor
    return ""


def sensor_in_tags(tags: Mapping[str, str]) -> Sensor:
    """The sensor named in a file's tags, "" if there is none.

    >>> sensor_in_tags({"SPACECRAFT_ID": "LANDSAT_8", "AREA_OR_POINT": "Area"})
    'oli'
    """
    return sensor_of(*(value for key, value in tags.items() if key.upper() in _TAGS))


def name_in(text: str, sensor: Sensor) -> str | None:
    """Sentinel-2's name of the band whose number is in a file name or description; None if there is none.

    A text with the numbers of two bands (``NDWI_B03_B08``) names neither.

    >>> name_in("aoi_B03_sub1", ""), name_in("NDWI_B03_B08", ""), name_in("LC08_L1TP_015042_20230601_02_T1_B5", "oli")
    ('B03', None, 'B8A')
    >>> name_in("LT05_L2SP_015042_20000601_02_T1_SR_B4", "tm"), name_in("HLS.L30.T17RNJ.2023164T155819.v2.0.B05", "oli")
    ('B8A', 'B8A')
    """
    found = {match.groups() for match in _NUMBER.finditer(text)}
    if len(found) != 1 or sensor == "other":
        return None
    ((surface, digits, letter),) = found
    number = int(digits)
    if sensor in ("oli", "tm"):
        return (OLI if sensor == "oli" else _TM).get(number)
    if surface and not sensor:
        # Landsat, but it is unknown which one.
        return None
    return "B8A" if letter and number == 8 else None if letter else f"B{number:02d}"


def name_by_wavelength(nanometres: float) -> str | None:
    """The Sentinel-2 band with the nearest central wavelength; None if it is over 20 nm (SWIR: 60 nm) away.

    >>> [name_by_wavelength(nm) for nm in (482, 560.5, 865, 833, 1609, 2201, 10895)]
    ['B02', 'B03', 'B8A', 'B08', 'B11', 'B12', None]
    """
    name, centre = min(_WAVELENGTHS_NM.items(), key=lambda band: abs(band[1] - nanometres))
    return name if abs(centre - nanometres) <= (_NEAR_NM if centre < 1000 else _NEAR_SWIR_NM) else None


def wavelength_in(tags: Mapping[str, str]) -> float | None:
    """Central wavelength in a band's tags, in nanometres, None without one; values below 100 are in micrometres."""
    for key, value in tags.items():
        number = re.match(r"\s*(\d+(\.\d+)?)", value) if key.upper() in _WAVELENGTH_TAGS else None
        if number and float(number[1]) > 0:
            return float(number[1]) * (1000 if float(number[1]) < 100 else 1)
    return None


def are_sentinel_2(names: Sequence[str], pixel_m: float) -> bool:
    """Whether names like B3, which Sentinel-2 and Landsat share, are Sentinel-2's.

    They are if one of the names has a form that only Sentinel-2 uses (B8A, B03), or if the pixels, of ``pixel_m``
    metres, are too small for Landsat; but not if a name begins with SR.

    >>> are_sentinel_2(["B2", "B3", "B8"], 10), are_sentinel_2(["B2", "B3", "B5"], 30)
    (True, False)
    >>> are_sentinel_2(["B3", "B8A"], 30), are_sentinel_2(["SR_B3", "SR_B5"], 10)
    (True, False)
    """
    if any(name.upper().startswith("SR") for name in names):
        return False
    return pixel_m <= _SENTINEL_M or any(re.fullmatch(r"B(0\d|8A)", name, re.IGNORECASE) for name in names)
