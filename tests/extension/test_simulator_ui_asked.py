"""The page of an app that is asked what its streams are: the phones follow, and the page knows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from flask_allmine_liveactivity import Countdown, StreamState
from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.testing import deliver_now

from .apps import STREAM
from .test_simulator_ui import Page, host


@dataclass
class Talk:
    """The stream as its host has it; ``None`` for a state: it is to come."""

    title: str = "A talk"
    starts_at: float = 4_000_000_000.0
    state: StreamState | None = None


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def asked(talk: Talk) -> Iterator[Page]:
    """A page of an app that says what its stream is, with the first phone following it."""
    app = host(LIVE_ACTIVITY_DISMISS_AFTER=600, LIVE_ACTIVITY_CHECK_INTERVAL=30)

    def streams(stream_ids: Sequence[str]) -> dict[str, Any]:
        shown = {"title": talk.title, "startsAt": talk.starts_at}
        countdown = Countdown(starts_at=talk.starts_at, content_state=shown)
        return dict.fromkeys(stream_ids, talk.state or countdown)

    app.extensions["live_activity"].callbacks.streams = streams
    page = Page(app)
    page.post("streams", streamId=STREAM, title="Named on the page", startsAt=4_000_000_000)
    page.phone(1, "log-in", username="ada")
    page.phone(1, "follow", streamId=STREAM)
    yield page
    app.extensions["live_activity"].close()
    app.extensions["live_activity_simulator"].stop()


def shown(page: Page) -> dict[str, Any]:
    (activity,) = page.state["phones"][0]["activities"]
    content_state = activity["contentState"]
    assert isinstance(content_state, dict)
    return content_state


def test_the_phones_follow_and_the_page_calls_it_what_the_host_does(
    asked: Page, talk: Talk
) -> None:
    talk.title, talk.starts_at = "Another talk", 4_000_000_600.0
    answer = asked.post(f"streams/{STREAM}/changed").get_json()
    assert (answer["title"], answer["startsAt"]) == ("Another talk", 4_000_000_600.0)
    assert shown(asked) == {"title": "Another talk", "startsAt": 4_000_000_600.0}
    assert (asked.outlook["fate"], asked.outlook["event"]) == ("follows", "update")


def test_an_update_that_is_still_to_be_told_is_an_update_and_no_end(asked: Page) -> None:
    asked.post("apple", answer="too-many-requests")
    asked.post(f"streams/{STREAM}/changed")
    assert (asked.outlook["fate"], asked.outlook["event"]) == ("waits", "update")
    assert asked.outlook["reason"] == "TooManyRequests"
    asked.post("apple", answer="as-usual")
    asked.post(f"resend/{STREAM}")
    deliver_now(asked.client.application, timedelta(seconds=6))
    assert asked.outlook["fate"] == "follows"


def test_an_update_waits_until_the_last_one_is_long_enough_ago(asked: Page, talk: Talk) -> None:
    asked.post(f"streams/{STREAM}/changed")
    talk.title = "Another talk"
    asked.post(f"streams/{STREAM}/changed")
    assert asked.outlook["fate"] == "waits"
    assert asked.outlook["nextTry"] > time.time() + 1


def test_the_page_knows_when_the_host_is_asked_and_what_it_has_said_once(
    asked: Page, talk: Talk
) -> None:
    installation = installed_on(asked.client.application)
    assert asked.outlook["askedAt"] > time.time()
    talk.state = StreamState.CANCELLED
    now = time.time()
    installation.streams.ask_due(clock=lambda: now + 31)
    assert asked.outlook["found"] == "cancelled"
    assert asked.streams == [("Named on the page", "scheduled")]
    installation.streams.ask_due(clock=lambda: now + 62)
    deliver_now(asked.client.application, timedelta(seconds=63))
    assert asked.cards(1) == [(STREAM, "ended")]
    assert asked.streams == [("Named on the page", "cancelled")]
