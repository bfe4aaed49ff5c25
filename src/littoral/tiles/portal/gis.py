"""``GIS``: the first calls of notebooks that were written for ArcGIS, to find an item and download its file."""

from __future__ import annotations

import os
import warnings

from littoral.errors import InputError, LittoralWarning
from littoral.tiles.portal.items import Item, ask_item
from littoral.tiles.portal.rest import PORTAL_VARIABLE, TOKEN_VARIABLE, NoItemError, Portal, find_portal

_SIGNED_IN = {"home", "pro"}
"""Addresses that in ArcGIS mean the portal at which the user is signed in."""


class Content:
    """Items of a portal."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def get(self, itemid: str) -> Item | None:
        """The item of this id; None where the portal has none that is open to the user.

        Raises:
            InputError: not an id.
            DownloadError: the portal cannot be reached or refuses the token.
        """
        try:
            return ask_item(self._portal, itemid)
        except NoItemError:
            return None


class GIS:
    """A portal, used anonymously or with a token; no request is made before the first item."""

    def __init__(
        self,
        url: str | None = None,
        username: str | None = None,
        password: str | None = None,
        *,
        token: str | None = None,
    ) -> None:
        """
        Args:
            url: Of the portal; None: that of the environment variable LITTORAL_PORTAL, or ArcGIS Online. "home" and
                "pro" are taken for None, with a warning where the variable is not set.
            username: Not supported.
            password: Not supported.
            token: None: that of the environment variable LITTORAL_PORTAL_TOKEN, or none.

        Raises:
            InputError: not a web address, or a password.
        """
        if username is not None or password is not None:
            raise InputError(
                "GIS with a user name or password",
                "is not how littoral signs in",
                f"leave them out for public items, or pass token=… or set {TOKEN_VARIABLE}",
            )
        signed_in = url is not None and url.strip().lower() in _SIGNED_IN
        self.portal = find_portal(None if signed_in else url, token)
        if signed_in and not os.environ.get(PORTAL_VARIABLE):
            who = "with your token" if self.portal.token else "anonymously"
            warnings.warn(
                f'GIS("{url}") means the portal at which ArcGIS is signed in, which littoral cannot see; it uses '
                f"{self.portal.address} {who}: set {PORTAL_VARIABLE} or pass the portal's address to use another",
                LittoralWarning,
                stacklevel=2,
            )

    @property
    def url(self) -> str:
        return self.portal.address

    @property
    def content(self) -> Content:
        """Its items."""
        return Content(self.portal)

    def __repr__(self) -> str:
        return f"GIS @ {self.url}"
