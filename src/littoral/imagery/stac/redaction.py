"""Remove passwords, keys and signatures from addresses, for file names, written files and messages.

The complete address is kept in memory, so that the file can still be opened in this process; :mod:`.signing` restores
it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

REMOTE = re.compile(r"(https?|s3)://|/vsi(curl|s3|gs|az|adls|oss|swift)/")
_ADDRESS = re.compile(r"[a-z][\w+.-]*://[^{}]+", re.IGNORECASE)
"""An address, also inside a GDAL name, where braces enclose the address of an archive."""
_USER = re.compile(r"(?<=://)[^/\s?#'\"<>]*@")
_SECRET = re.compile(
    r"key(?!word|frame)|token|jwt|secret|passw|pwd|credential|signature|bearer|hmac|(session|connect)_?id"
    # Does not match author, authority, sigma or design.
    r"|auth(?!or(?!i[sz]))|sig(?![a-z])|(?<![a-z])(sign|sas|pass|pw)(?![a-z])",
    re.IGNORECASE,
)
"""Pattern in the names of secret query parameters."""
_SIGNED = re.compile(
    r"x-(amz|goog|oss)-.*|expires|policy|s[eiprstv]|spr|sip|srt|sdd|s[au]oid|sk(oid|tid|[estv])|rsc[cdelt]",
    re.IGNORECASE,
)
"""Names of parameters that belong to a signature and change with it, in S3-like stores and Azure."""
_FILE = re.compile(r"\.(tiff?|jp2|vrt|json|geojson)$", re.IGNORECASE)
"""Values that name a file; such a parameter is kept even if it is called ``key``, as some stores do."""
_whole: dict[str, str] = {}
"""Complete addresses, by the address without secrets; in memory only."""


def without_signature(href: str) -> str:
    """An address without user, password, keys and signatures; the complete address is kept in memory.

    >>> without_signature("https://me:pw@example.org/B02.tif?version=2&api_key=abc")
    'https://example.org/B02.tif?version=2'
    >>> without_signature("/vsizip/{/vsicurl/https://example.org/a.zip?se=1&sig=abc}/B02.tif")
    '/vsizip/{/vsicurl/https://example.org/a.zip}/B02.tif'
    >>> without_signature("https://example.org/get?key=B02.tif")
    'https://example.org/get?key=B02.tif'
    """
    bare = _ADDRESS.sub(lambda found: _bare(found[0]), href)
    if bare != href:
        _whole[bare] = href
    return bare


def whole_address(href: str) -> str:
    """The complete address for one returned by :func:`without_signature`; it may hold secrets."""
    return _whole.get(href, href)


def without_signatures(content: Any) -> Any:
    """A copy of parsed JSON with :func:`without_signature` applied to every text that is a remote address."""
    if isinstance(content, Mapping):
        return {name: without_signatures(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_signatures(value) for value in content]
    return without_signature(content) if isinstance(content, str) and REMOTE.match(content) else content


def path_of(href: str) -> str:
    """An address without query and fragment, e.g. to take a file name from; a path is returned unchanged.

    >>> path_of("https://example.org/B02.tif?version=2.1"), path_of("scene #1?.tif")
    ('https://example.org/B02.tif', 'scene #1?.tif')
    """
    return re.sub(r"[?#][^{}]*", "", href) if "://" in href else href


def without_secrets(text: str) -> str:
    """A library's message without query parameters, users and passwords in addresses, and bearer tokens.

    >>> without_secrets("'/vsicurl/https://me:pw@example.org/B02.tif?se=1&sig=abc' not recognized")
    "'/vsicurl/https://example.org/B02.tif' not recognized"
    >>> without_secrets("Authorization: Bearer abc.def")
    'Authorization: Bearer …'
    """
    text = re.sub(r"\?[^\s'\"<>?]*=[^\s'\"<>]*", "", text)
    text = _USER.sub("", text)
    text = re.sub(r"(?i)(SharedAccessSignature=|\bsig=)[^\s'\"&;]+", r"\1…", text)
    return re.sub(r"(?i)\bBearer\s+\S+", "Bearer …", text)


def _bare(address: str) -> str:
    head, *parameters = re.split(r"(?=[?#])", address)
    return _USER.sub("", head) + "".join(map(_without_secret_ones, parameters))


def _without_secret_ones(parameters: str) -> str:
    """Query or fragment, with its ``?`` or ``#``, without secret parameters; "" if none is left."""
    pairs = [(pair, *pair.partition("=")[::2]) for pair in re.split("[&;]", parameters[1:])]
    kept = [(pair, name) for pair, name, value in pairs if not _SECRET.search(unquote(name)) or _FILE.search(value)]
    if len(kept) == len(pairs):
        return parameters
    left = [pair for pair, name in kept if not _SIGNED.fullmatch(name)]
    return parameters[0] + "&".join(left) if left else ""
