"""The page in a browser that complains of nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from chromium_desk import Desk
from playwright.sync_api import Browser


class Tabs:
    """Opens the page, and listens to what its browser complains of."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        self._address = address
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []

    def open(
        self, width: int = 1280, height: int = 900, scheme: str = "light", *, still: bool = False
    ) -> Desk:
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce" if still else "no-preference",
        )
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._look)
        page.goto(self._address)
        return Desk(page)

    def _hear(self, message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")

    def _look(self, request: object) -> None:
        url = str(getattr(request, "url", ""))
        if not url.startswith(self._address.partition("/live-activity-simulator")[0]):
            self.elsewhere.append(url)


@contextlib.contextmanager
def quiet_tabs(browser: Browser, address: str) -> Iterator[Tabs]:
    """Tabs of which no browser complains."""
    tabs = Tabs(browser, address)
    yield tabs
    for context in list(browser.contexts):
        context.close()
    assert tabs.complaints == []
    assert tabs.elsewhere == [], "it must load nothing from another host"
