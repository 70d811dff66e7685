"""The demo, and its page in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import chromium
from chromium_desk import Desk
from playwright.sync_api import Browser
from running_demo import Demo
from tabs import Tabs, quiet_tabs

TITLE = "Ask me anything"
FOLLOWERS = ("Grace", "Alan", "Mary")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path / "demo.log")
    yield running
    assert running.stop() == 0, running.printed()


@pytest.fixture(scope="module")
def untouched_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = Demo(tmp_path_factory.mktemp("demo") / "demo.log")
    yield running
    assert running.stop() == 0, running.printed()


@pytest.fixture
def tabs(browser: Browser, demo: Demo) -> Iterator[Tabs]:
    with quiet_tabs(browser, demo.page) as tabs:
        yield tabs


@pytest.fixture
def desk(tabs: Tabs) -> Desk:
    desk = tabs.open()
    for name in FOLLOWERS:
        desk.sees_countdown(name, TITLE)
    return desk
