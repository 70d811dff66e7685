"""The coach on a host's own app: what the endpoint answers is what it tells, and what helps."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from chromium import chromium
from flask import Flask, abort, request
from flask_jwt_extended import JWTManager, create_access_token
from playwright.sync_api import Browser, Locator, Page, expect
from werkzeug.serving import make_server

from flask_allmine_liveactivity import (
    Countdown,
    LiveActivity,
    StreamForbidden,
    StreamNotFound,
    StreamState,
)

from .apps import JWT_SECRET, STREAM

TITLE = "A talk"


@dataclass
class Host:
    """An app whose endpoint answers as it is told; 200: as usual."""

    app: Flask
    url: str
    answer: int = 200
    title: str = TITLE
    starts_at: float = 4_000_000_000.0
    state: StreamState | None = None
    """In which the stream is over, as the app knows it; ``None``: it is to come."""


@pytest.fixture
def host() -> Iterator[Host]:
    yield from serving()


@pytest.fixture
def asked_host() -> Iterator[Host]:
    """An app that says what its streams are."""
    for host in serving(LIVE_ACTIVITY_CHECK_INTERVAL=2):

        def streams(stream_ids: Sequence[str], host: Host = host) -> dict[str, Any]:
            shown = {"title": host.title, "startsAt": host.starts_at}
            countdown = Countdown(starts_at=host.starts_at, content_state=shown)
            return dict.fromkeys(stream_ids, host.state or countdown)

        host.app.extensions["live_activity"].callbacks.streams = streams
        yield host


def serving(**config: Any) -> Iterator[Host]:
    app = Flask("host")
    app.debug = True
    app.config.update(
        JWT_SECRET_KEY=JWT_SECRET,
        LIVE_ACTIVITY_STORAGE_URI="memory://",
        LIVE_ACTIVITY_SIMULATOR_UI=True,
        LIVE_ACTIVITY_DISMISS_AFTER=60,
        **config,
    )
    JWTManager(app)
    live_activity = LiveActivity(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    host = Host(app, f"http://127.0.0.1:{server.server_port}")

    @live_activity.stream_guard
    def guard(stream_id: str, user_id: str) -> None:
        if host.answer == 404:
            raise StreamNotFound
        if host.answer == 403:
            raise StreamForbidden

    @app.before_request
    def refuse() -> None:
        if "live-activity-sessions" in request.path and host.answer in (413, 429, 503):
            abort(host.answer)
        if "live-activity-sessions" in request.path and host.answer == 500:
            raise RuntimeError("the app's own")

    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield host
    app.extensions["live_activity_simulator"].stop()
    app.extensions["live_activity"].close()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, host: Host) -> Iterator[Page]:
    yield from opened(browser, host)


@pytest.fixture
def asking_page(browser: Browser, asked_host: Host) -> Iterator[Page]:
    yield from opened(browser, asked_host)


def opened(browser: Browser, host: Host) -> Iterator[Page]:
    """Open, with a stream named, and ada logged in on the first phone."""
    with browser.new_context(viewport={"width": 1366, "height": 768}) as context:
        page = context.new_page()
        page.goto(f"{host.url}/live-activity-simulator/")
        page.get_by_label("Stream id").fill(STREAM)
        page.get_by_label("Another stream").fill(TITLE)
        page.get_by_role("button", name="Schedule", exact=True).click()
        expect(stream(page)).to_contain_text("Scheduled")
        log_in(page, "ada")
        yield page


def phone(page: Page, which: str = "First iPhone") -> Locator:
    return page.get_by_role("article", name=which)


def log_in(page: Page, words: str, which: str = "First iPhone") -> None:
    phone(page, which).get_by_label(f"User id or access token of {which}").fill(words)
    phone(page, which).get_by_role("button", name="Log in").click()
    expect(phone(page, which).get_by_role("button", name="Log in")).to_be_hidden()


def stream(page: Page) -> Locator:
    return page.get_by_role("article", name=TITLE, exact=True)


def says(page: Page, words: str) -> None:
    expect(page.locator("#coach-text")).to_contain_text(re.compile(words))


def obey(page: Page, label: str) -> None:
    button = page.locator("#coach-action")
    expect(button).not_to_have_attribute("aria-busy", "true")
    expect(button).to_have_text(label)
    button.click()


@pytest.mark.parametrize(
    ("status", "words", "helps"),
    [
        (403, "Insufficient permissions.*guard does not let this user", "Swipe it away"),
        (404, "Resource not found.*guard knows no such stream", "Swipe it away"),
        (413, "A limit of the host", "Swipe it away"),
        (429, "too many sessions, or a rate limit", "Open the app on First iPhone"),
        (500, "The host has failed: its log says why", "Open the app on First iPhone"),
        (503, "cannot reach its storage", "Open the app on First iPhone"),
    ],
)
def test_a_refused_registration_is_no_follower_and_is_sent_by_nobody(
    host: Host, page: Page, status: int, words: str, helps: str
) -> None:
    host.answer = status
    obey(page, "Follow it on all phones")
    for moment in (None, "Cancel"):
        if moment is not None:
            stream(page).get_by_role("button", name=moment, exact=True).click()
            expect(stream(page)).to_contain_text("1 phone still counts down")
        says(page, f"First iPhone: not registered.*answered {status}.*{words}")
        expect(phone(page)).to_contain_text(re.compile(f"Endpoint{status}.*Hostdoes not know it"))
        expect(page.locator("body")).not_to_contain_text("1 phone follows")
        expect(page.locator("body")).not_to_contain_text("by itself")
    host.answer = 200
    obey(page, helps)
    says(page, "Every countdown has ended|That stream is over")
    expect(page.locator("#tally")).to_have_text("No countdown runs")


def test_what_was_mended_is_registered_when_the_app_is_opened(host: Host, page: Page) -> None:
    host.answer = 404
    obey(page, "Follow it on all phones")
    expect(stream(page)).to_contain_text("nobody follows yet, 1 not registered")
    host.answer = 200
    phone(page).get_by_text("Open app").click()
    expect(stream(page)).to_contain_text("1 phone follows")
    expect(phone(page)).to_contain_text("200, has its token")


def test_an_access_token_of_ones_own_logs_in_and_a_refused_one_logs_out(
    host: Host, page: Page
) -> None:
    with host.app.app_context():
        good = create_access_token(identity="grace")
    other = "Second iPhone"
    log_in(page, f"{good.rpartition('.')[0]}.c2lnbmVk", other)
    phone(page, other).get_by_role("button", name="Follow", exact=True).click()
    says(page, r"could not register: nobody is logged in, since the access token.* \(401\)")
    log_in(page, good, other)
    expect(phone(page, other)).to_contain_text("200, has its token")
    expect(stream(page)).to_contain_text("1 phone follows")


def test_an_app_that_is_not_asked_has_no_story_of_it(page: Page) -> None:
    expect(page.locator("#steps li")).to_have_count(4)
    expect(stream(page).get_by_text("Ask the app")).to_have_count(0)


def test_what_an_app_changes_and_what_it_never_says_is_followed(
    asked_host: Host, asking_page: Page
) -> None:
    page = asking_page
    obey(page, "Follow it on all phones")
    card = phone(page).get_by_role("listitem")
    expect(stream(page)).to_contain_text("1 phone follows")
    stream(page).get_by_role("button", name="Ask the app what it is now").click()

    asked_host.title = "Another talk"
    expect(card).to_contain_text("Another talk", timeout=15_000)
    expect(page.get_by_role("article", name="Another talk", exact=True)).to_be_visible()
    expect(page.locator("#steps")).to_contain_text("Rename (seen)")

    asked_host.starts_at += 600
    expect(page.locator("#steps")).to_contain_text("Move (seen)", timeout=15_000)

    asked_host.state = StreamState.CANCELLED
    expect(page.locator("#steps")).to_contain_text("Host dies (seen)", timeout=15_000)
    says(page, "Nobody had said it, and every phone was told all the same")
    expect(card).to_contain_text("Ended")
