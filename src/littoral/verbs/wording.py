"""Words and tables of numbers that several summaries share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def share_of(part: float) -> str:
    """A share in per cent.

    >>> share_of(0.5), share_of(0.0001), share_of(0.0)
    ('50.0%', '<0.1%', '0.0%')
    """
    return "<0.1%" if 0 < part < 0.0005 else f"{part:.1%}"


def kilometre_lines(km: Iterable[tuple[object, float]]) -> list[str]:
    """A line for each name, with its kilometres and its share of all.

    >>> print(*kilometre_lines([("sandy shore", 3.0), ("mangrove", 1.0)]), sep="\\n")
      sandy shore                  3.0 km  75.0%
      mangrove                     1.0 km  25.0%
    """
    rows = list(km)
    total = max(sum(length for _, length in rows), 1e-9)
    return [f"  {name!s:<22}{length:>10.1f} km {share_of(length / total):>6}" for name, length in rows]


def renamed_lines(renamed: Mapping[str, str]) -> list[str]:
    """A line about the input's fields that got other names, if there are any.

    >>> renamed_lines({"chain": "chain_in"}), renamed_lines({})
    (["the input's field chain is kept as chain_in"], [])
    """
    if not renamed:
        return []
    words = "field {} is" if len(renamed) == 1 else "fields {} are"
    return [f"the input's {words.format(', '.join(renamed))} kept as {', '.join(renamed.values())}"]
