"""Tokens and keys for image stores, kept in memory and passed to GDAL separately from file names.

Tokens of the Planetary Computer and keys of CDSE are options of the environment in which GDAL opens a file
(:func:`gdal_environment`), so that GDAL's file names and messages do not contain them. Secrets in an address are
removed (:mod:`.redaction`) and restored only when the file is opened.

Environment variables:
    ``CDSE_S3_ACCESS_KEY``, ``CDSE_S3_SECRET_KEY``: S3 keys of the Copernicus Data Space Ecosystem, made at
    https://eodata-s3keysmanager.dataspace.copernicus.eu.
    ``CDSE_TOKEN``: an access token of CDSE, for downloading whole files without keys.

Planetary Computer and Earth Search need none.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote, urlencode, urlsplit

import rasterio
from rasterio.session import Session

from littoral import __version__
from littoral.errors import InputError
from littoral.http import PATIENT, DownloadError, Patience, open_session, read_json
from littoral.imagery.stac.providers import KNOWN, PUBLIC_BUCKETS
from littoral.imagery.stac.redaction import REMOTE, whole_address

CDSE_ENDPOINT = "https://eodata.dataspace.copernicus.eu"
_CDSE_REGION = "default"
_CDSE_KEYS = ("CDSE_S3_ACCESS_KEY", "CDSE_S3_SECRET_KEY")
_REFRESH = timedelta(minutes=5)
"""A token is renewed this long before it expires, because a file is read for some time after it is opened."""
_HTTP = {
    # No requests for folder listings and side-car files (.aux.xml, .ovr, .msk).
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    # A COG's header, block table included, in one request.
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    # Reads are rounded up to this size, and for neighbouring blocks GDAL reads 128 times as much ahead: at the default
    # of 16 KiB, a row of blocks costs 1.6 times its bytes. GDAL uses the first value set in a process.
    "CPL_VSIL_CURL_CHUNK_SIZE": "1024",
    # Adjacent blocks are read with one request.
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    # Stores answer 429 and 503 when they are busy.
    "GDAL_HTTP_MAX_RETRY": "4",
    "GDAL_HTTP_RETRY_DELAY": "1",
    # A transfer without data for a minute is aborted; the whole read may take longer.
    "GDAL_HTTP_CONNECTTIMEOUT": "30",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1",
    "GDAL_HTTP_LOW_SPEED_TIME": "60",
    "GDAL_HTTP_USERAGENT": f"littoral/{__version__}",
}


@dataclass(frozen=True)
class _Token:
    query: str
    expires: datetime


_tokens: dict[str, _Token] = {}
"""Tokens by the address that issued them."""
_lock = threading.Lock()


def gdal_name(href: str, access: str = "") -> str:
    """GDAL's name of a file, to be opened within :func:`gdal_environment`.

    It contains secrets only if the original address did.

    >>> gdal_name("https://tiles.example.org/open/B02.tif")
    '/vsicurl/https://tiles.example.org/open/B02.tif'
    >>> gdal_name("s3://sentinel-cogs/31/B02.tif")
    '/vsicurl/https://sentinel-cogs.s3.us-west-2.amazonaws.com/31/B02.tif'
    >>> gdal_name("s3://eodata/Sentinel-2/B02.jp2", "cdse")
    '/vsis3/eodata/Sentinel-2/B02.jp2'
    >>> gdal_name("https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/06/B02.tif", "planetary-computer")
    '/vsiaz/sentinel2-l2/06/B02.tif'
    >>> gdal_name("scene/B02.tif")
    'scene/B02.tif'
    """
    parts, whole = urlsplit(href), whole_address(href)
    if parts.scheme == "s3":
        public = _public(href)
        return f"/vsicurl/{public}" if public else f"/vsis3/{parts.netloc}{parts.path}"
    if parts.scheme not in ("http", "https"):
        return whole
    if access and KNOWN[access].tokens:
        return f"/vsiaz{unquote(parts.path)}"
    return f"/vsicurl/{whole}"


def gdal_options(access: str = "") -> dict[str, str]:
    """GDAL's options for reading blocks of a file over HTTP; no secrets. See the comments in the source for each."""
    if access == "cdse":
        endpoint = urlsplit(CDSE_ENDPOINT)
        return {
            **_HTTP,
            "AWS_S3_ENDPOINT": endpoint.netloc,
            "AWS_HTTPS": "YES" if endpoint.scheme == "https" else "NO",
            # The certificate is valid for the host name only, not for <bucket>.<host>.
            "AWS_VIRTUAL_HOSTING": "FALSE",
        }
    return dict(_HTTP)


def gdal_environment(href: str, access: str = "", *, patience: Patience = PATIENT) -> AbstractContextManager[object]:
    """GDAL environment for opening :func:`gdal_name`; an open file can be read outside of it.

    Raises:
        InputError: the required keys are not set.
        DownloadError: no token could be obtained.
    """
    if not REMOTE.match(href):
        return nullcontext()
    options, session = gdal_options(access), None
    if access == "cdse":
        session = _Keys(*_cdse_keys())
    elif access and KNOWN[access].tokens:
        parts = urlsplit(href)
        token = _token(href, access, patience)
        options["AZURE_STORAGE_CONNECTION_STRING"] = (
            f"BlobEndpoint={parts.scheme}://{parts.netloc};SharedAccessSignature={token}"
        )
    environment: AbstractContextManager[object] = rasterio.Env(session=session, **options)
    return environment


def signed_address(
    href: str, access: str = "", *, alternate: str = "", patience: Patience = PATIENT
) -> tuple[str, dict[str, str]]:
    """Web address from which a whole file can be downloaded now, and the headers to send; both may contain secrets.

    Args:
        href: Address of the file.
        access: Name of the catalogue whose token or key opens it.
        alternate: Its web address, if ``href`` is an S3 address.
        patience: Retries and timeouts for the token service.

    Raises:
        InputError: the required keys are not set, or the file is in an S3 bucket that is not public.
        DownloadError: no token could be obtained.
    """
    if access == "cdse":
        bearer = os.environ.get("CDSE_TOKEN")
        if bearer and alternate and not all(map(os.environ.get, _CDSE_KEYS)):
            return whole_address(alternate), {"Authorization": f"Bearer {bearer}"}
        parts, endpoint = urlsplit(href), urlsplit(CDSE_ENDPOINT)
        url = f"{endpoint.scheme}://{endpoint.netloc}{quote(f'/{parts.netloc}{parts.path}')}"
        return presign(url, *_cdse_keys(), _CDSE_REGION, datetime.now(UTC)), {}
    if access and KNOWN[access].tokens:
        return f"{href}?{_token(href, access, patience)}", {}
    if not href.startswith("s3://"):
        return whole_address(href), {}
    public = _public(href)
    if not public:
        remedy = f"copy it with the tools of who owns {urlsplit(href).netloc}, and pass an item that names the copy"
        raise InputError(href, "is in a bucket that wants an account of yours", remedy)
    return public, {}


class _Keys(Session):  # type: ignore[misc]
    """Session with S3 keys; rasterio does not accept them as options of the environment."""

    def __init__(self, access_key: str, secret_key: str) -> None:
        self._options = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}

    def get_credential_options(self) -> dict[str, str]:
        return self._options


def _public(href: str) -> str:
    parts = urlsplit(href)
    region = PUBLIC_BUCKETS.get(parts.netloc)
    return f"https://{parts.netloc}.s3.{region}.amazonaws.com{quote(parts.path)}" if region else ""


def _cdse_keys() -> tuple[str, str]:
    missing = [name for name in _CDSE_KEYS if not os.environ.get(name)]
    if missing:
        raise InputError(
            "The store of the Copernicus Data Space Ecosystem",
            f"wants S3 keys, and {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set",
            "make keys at https://eodata-s3keysmanager.dataspace.copernicus.eu and set the environment variables "
            f"{' and '.join(_CDSE_KEYS)}",
        )
    return os.environ[_CDSE_KEYS[0]], os.environ[_CDSE_KEYS[1]]


def _token(href: str, access: str, patience: Patience) -> str:
    """Query string that opens a container; reused for all its files until shortly before it expires."""
    parts = urlsplit(href)
    account, container = parts.netloc.partition(".")[0].partition(":")[0], parts.path.split("/")[1]
    source = f"{KNOWN[access].tokens}/{account}/{container}"
    # Locked during the request, so that only one of several threads makes it.
    with _lock:
        held = _tokens.get(source)
        if held is None or held.expires - datetime.now(UTC) < _REFRESH:
            held = _tokens[source] = _ask_for_token(source, access, patience)
        return held.query


def _ask_for_token(source: str, access: str, patience: Patience) -> _Token:
    try:
        with open_session() as session:
            answer = read_json(session, source, patience=patience)
        expires = datetime.fromisoformat(answer["msft:expiry"])
        return _Token(
            str(answer["token"]).removeprefix("?"), expires if expires.tzinfo else expires.replace(tzinfo=UTC)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DownloadError(source, "did not hand out a token", f"see whether {access} is at work") from error


def presign(url: str, access_key: str, secret_key: str, region: str, now: datetime, *, valid_s: int = 86_400) -> str:
    """Presigned address of an S3 object, valid for ``valid_s`` seconds: AWS Signature Version 4.

    Source: Amazon S3 API Reference, Authenticating Requests: Using Query Parameters.
    """
    parts = urlsplit(url)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    scope = f"{day}/{region}/s3/aws4_request"
    query = urlencode(
        {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{access_key}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(valid_s),
            "X-Amz-SignedHeaders": "host",
        },
        quote_via=quote,
        safe="",
    )
    request = f"GET\n{parts.path}\n{query}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    message = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request", message):
        key = hmac.digest(key, part.encode(), "sha256")
    return f"{url}?{query}&X-Amz-Signature={key.hex()}"
