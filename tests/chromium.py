"""Headless Chromium."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator

import services
from playwright.sync_api import Browser, sync_playwright

REMEDY = "Get it: apt-get install chromium, or name yours in TEST_CHROMIUM."
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; without one the test is skipped, or fails in CI."""
    found = [os.environ.get("TEST_CHROMIUM"), *map(shutil.which, NAMES)]
    path = next((each for each in found if each), None)
    services.require(path is not None, "Chromium", REMEDY)
    with sync_playwright() as playwright:
        # In a container root has no sandbox.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
