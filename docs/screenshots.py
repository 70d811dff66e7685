"""Makes the README's pictures of the page: ``python docs/screenshots.py``, with Chromium there."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect

DOCS = Path(__file__).parent
# The tests are no package: what they drive the demo with is found by its folder.
sys.path[:0] = [str(DOCS.parent / "tests"), str(DOCS.parent / "tests" / "example_app")]

from chromium import chromium  # noqa: E402 - by the path above
from chromium_desk import Desk  # noqa: E402 - by the path above
from running_demo import Demo  # noqa: E402 - by the path above

TITLE = "Ask me anything"
# High enough for the log below the phones.
WIDE, NARROW = (1280, 1200), (390, 844)


def main() -> None:
    """Take them all."""
    with chromium() as browser:
        for scheme in ("light", "dark"):
            take(browser, scheme, WIDE, DOCS / f"simulator-{scheme}.png")
        take(browser, "dark", NARROW, DOCS / "simulator-narrow.png")


def take(browser: Browser, scheme: str, size: tuple[int, int], picture: Path) -> None:
    """One picture: a stream is cancelled, two countdowns end, and one phone is in the air."""
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(Path(folder) / "demo.log")
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
        )
        desk = Desk(context.new_page())
        desk.page.goto(demo.page)
        desk.sees_countdown("Mary", TITLE)
        desk.press("Grace", "Flight mode")
        desk.say(TITLE, "Cancel")
        for name in ("Alan", "Mary"):
            desk.sees_end(name, TITLE, "Cancelled")
        expect(desk.ends).to_have_count(3)
        expect(desk.phone("Grace")).to_contain_text("has sent its end push")
        desk.page.evaluate("scrollTo(0, 0)")
        desk.page.screenshot(path=picture)
        context.close()
        demo.stop()
    print(f"{picture.name}: {picture.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
