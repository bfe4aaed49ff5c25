"""Scale and offset of a Sentinel-2 product's bands: whether the offset of -1000 is subtracted is decided here.

For items of STAC catalogues see :mod:`littoral.imagery.stac.scaling`.
"""

from __future__ import annotations

import re

import numpy as np

from littoral.errors import InputError

_AGAIN = "fetch the product again"


def scale_and_offset(
    baseline: str, quantification: float, listed: float | None, *, of: str = "the band"
) -> tuple[float, float]:
    """Scale and offset of reflectance = stored x scale + offset, from a product's metadata of a band.

    A listed offset is used for any baseline and date, because reprocessed products of old dates (Collection 1, baseline
    05.00 on) have the offset too. Source: Sentinel-2 Products Specification Document, Radiometric_Offset_List and
    BOA_ADD_OFFSET_VALUES_LIST.

    Args:
        baseline: Processing baseline, such as 04.00.
        quantification: Stored values per unit of reflectance.
        listed: The offset that the product lists for the band, in stored values; None if it lists none.
        of: Name of the band in messages.

    Raises:
        InputError: no offset is listed although the baseline is 04.00 or later, or the baseline or the quantification
            value is invalid.

    >>> scale_and_offset("02.12", 10000, None)
    (0.0001, 0.0)
    >>> scale_and_offset("05.00", 10000, -1000)
    (0.0001, -0.1)
    >>> scale_and_offset("99.99", 10000, None)
    (0.0001, 0.0)
    """
    version = re.fullmatch(r"(\d+)\.(\d+)", baseline)
    if version is None:
        raise InputError(of, f"is of the processing baseline {baseline!r}, which is none", _AGAIN)
    if not (np.isfinite(quantification) and quantification > 0):
        raise InputError(of, f"has the quantification value {quantification:g}", _AGAIN)
    # Baseline 99.99 is a user's own processing, which lists an offset if there is one.
    if listed is None and 4 <= int(version[1]) < 99:
        raise InputError(
            of,
            f"is of processing baseline {baseline} and no offset is listed for it (from 04.00 on there must be one)",
            "the metadata is damaged or was edited: " + _AGAIN,
        )
    return 1 / quantification, (listed or 0.0) / quantification
