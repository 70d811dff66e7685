"""What operations see: how things stand, each phone of a stream, and sessions page by page."""

from __future__ import annotations

import time
from dataclasses import asdict

import pytest
from extension.apps import OTHER_STREAM, STREAM, TOKEN, register
from flask import Flask

from flask_allmine_liveactivity import SessionStatus, Verdict
from flask_allmine_liveactivity.app import operations
from flask_allmine_liveactivity.app.installation import Installation
from flask_allmine_liveactivity.app.operations import Phone, listing, standing
from flask_allmine_liveactivity.model import Settlement, StreamEvent, no_answer
from flask_allmine_liveactivity.streams.announcement import stream_state

from .conftest import Apple

HOUR = 3600.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Its one item is the time."""
    now = [float(int(time.time()))]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


def phone(app: Flask, name: str = "a", stream: str = STREAM, user: str = "alice") -> None:
    answer = register(app, user, streamId=stream, activityId=name, liveActivityToken=name)
    assert answer.status_code in (200, 409)


def announce(installed: Installation, stream: str = STREAM) -> None:
    installed.announce(stream, stream_state("ready"))


def hold(installed: Installation, stream: str, reason: str, since: float) -> StreamEvent:
    announce(installed, stream)
    event = installed.storage.streams.read(stream)
    assert event is not None
    installed.storage.streams.hold(event, reason, since, since + 60)
    return event


# --- status ---------------------------------------------------------------------------------------


def test_status_says_for_how_long_somebody_has_waited(
    app: Flask, installed: Installation, clock: list[float]
) -> None:
    phone(app)
    assert operations.status(installed).oldest_pending_seconds is None
    assert not operations.status(installed).waits_longer_than(0)
    announce(installed)
    clock[0] += 90
    stands = operations.status(installed)
    assert stands.at == clock[0]
    assert (stands.counts.pending, stands.oldest_pending_seconds) == (1, 90)
    assert stands.waits_longer_than(89)
    assert not stands.waits_longer_than(90)


def test_status_of_one_stream_counts_only_its_own(
    app: Flask, installed: Installation, clock: list[float]
) -> None:
    phone(app)
    phone(app, "b", OTHER_STREAM)
    announce(installed, OTHER_STREAM)
    stands = operations.status(installed, STREAM.upper())
    assert stands.event is not None
    assert (stands.stream_id, stands.event.event, stands.known) == (STREAM, None, True)
    assert (stands.counts.active, stands.counts.pending) == (1, 0)
    assert operations.status(installed).counts.active == 2


def test_of_a_stream_nothing_is_known_until_a_phone_or_an_end_is(
    app: Flask, installed: Installation
) -> None:
    assert operations.status(installed, STREAM).known is False
    announce(installed)
    assert operations.status(installed, STREAM).known is True


def test_those_that_were_not_refused_are_told_from_those_that_were(
    app: Flask, installed: Installation, apple: Apple
) -> None:
    phone(app)
    apple.refuses(Verdict.REJECTED, "BadDeviceToken")
    operations.end(installed, STREAM, "ready")
    phone(app, "b", OTHER_STREAM)
    phone(app, "c", OTHER_STREAM)
    announce(installed, OTHER_STREAM)
    stands = operations.status(installed)
    assert (stands.counts.waiting, stands.not_refused) == ({"BadDeviceToken": 1}, 2)
    assert stands.environment_alarm is False


def test_most_tokens_refused_are_an_alarm(
    app: Flask, installed: Installation, apple: Apple
) -> None:
    for number in range(6):
        phone(app, f"a{number}")
    apple.refuses(Verdict.REJECTED, "BadDeviceToken")
    operations.end(installed, STREAM, "ready")
    assert operations.status(installed).environment_alarm is True


def test_the_longest_held_are_named_and_whether_there_are_more(
    installed: Installation, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "HELD_SHOWN", 1)
    hold(installed, STREAM, "BadTopic", clock[0] - 1)
    assert operations.status(installed).more_held is False
    hold(installed, OTHER_STREAM, no_answer("libcurl 7"), clock[0] - 2)
    stands = operations.status(installed)
    assert [event.stream_id for event in stands.held] == [OTHER_STREAM]
    assert (stands.more_held, stands.held[0].needs_a_person) == (True, False)
    (own,) = operations.status(installed, STREAM).held
    assert (own.stream_id, own.needs_a_person) == (STREAM, True)


# --- why ------------------------------------------------------------------------------------------


def one(installed: Installation) -> Phone:
    (found,) = operations.why(installed, STREAM).phones
    return found


def test_a_phone_follows_until_there_is_something_to_be_told(
    app: Flask, installed: Installation, clock: list[float]
) -> None:
    phone(app)
    assert (one(installed).follows, one(installed).pending) == (True, False)
    assert operations.why(installed, STREAM).next_look is None
    announce(installed)
    assert (one(installed).follows, one(installed).pending) == (False, True)
    assert one(installed).next_try is not None
    operations.reopen(installed, STREAM)
    assert (one(installed).follows, one(installed).next_try) == (True, None)
    clock[0] += 13 * HOUR
    assert one(installed).follows is False


def test_a_phone_that_was_told_has_accepted_and_waits_for_nothing(
    app: Flask, installed: Installation
) -> None:
    phone(app)
    operations.end(installed, STREAM, "ready")
    told = one(installed)
    assert (told.answer, told.pending, told.follows) == ("accepted", False, False)
    assert (told.next_try, told.session.delivered) == (None, 1)


def test_a_phone_that_was_refused_says_why_and_when_it_is_tried_again(
    app: Flask, installed: Installation, apple: Apple, clock: list[float]
) -> None:
    phone(app)
    apple.refuses(Verdict.REJECTED, "BadDeviceToken")
    operations.end(installed, STREAM, "ready")
    phone(app, "late")
    found = {each.session.activity_id: each for each in operations.why(installed, STREAM).phones}
    refused = found["a"]
    assert (refused.answer, refused.session.rejections) == ("BadDeviceToken", 1)
    assert refused.next_try == clock[0] + HOUR / 4
    late = found["late"].next_try
    assert late is not None
    assert late <= clock[0]


def test_a_phone_that_runs_on_and_knows_the_latest_follows(
    app: Flask, installed: Installation, clock: list[float]
) -> None:
    phone(app)
    announce(installed)
    (claimed,) = installed.storage.sessions.claim(
        STREAM, 1, claim_id="c" * 32, limit=1, now=clock[0], leased_until=clock[0] + 60
    )
    installed.storage.sessions.settle(
        [
            Settlement(
                session=claimed,
                status=SessionStatus.ACTIVE,
                delivered=1,
                attempts=0,
                rejections=0,
                due_at=0.0,
                reason=None,
                whoever_holds_the_lease=True,
            )
        ]
    )
    assert (one(installed).follows, one(installed).next_try) == (True, None)


def test_the_next_try_is_no_earlier_than_the_streams(
    app: Flask, installed: Installation, clock: list[float]
) -> None:
    phone(app)
    hold(installed, STREAM, "BadTopic", clock[0])
    found = operations.why(installed, STREAM)
    assert found.next_look == found.phones[0].next_try == clock[0] + 60


def test_a_phone_that_a_worker_has_claimed_is_under_way_until_its_lease_ends(
    app: Flask, installed: Installation, clock: list[float]
) -> None:
    phone(app)
    announce(installed)
    until = clock[0] + 60
    installed.storage.sessions.claim(
        STREAM, 1, claim_id="c" * 32, limit=1, now=clock[0] + 1, leased_until=until
    )
    assert (one(installed).under_way, one(installed).next_try) == (True, until)
    clock[0] = until
    assert (one(installed).under_way, one(installed).pending) == (False, True)


# --- which, and how many --------------------------------------------------------------------------


def pages(installed: Installation, **asked: object) -> list[tuple[list[str], bool]]:
    """The activities of each page, and whether it says how to go on."""
    found = operations.pages_of_sessions(installed, **asked)  # type: ignore[arg-type]
    return [
        (
            [session.session_id for session in page.sessions],
            page.next_page_after == page.sessions[-1].session_id,
        )
        for page in found
    ]


def test_sessions_are_read_page_by_page_up_to_the_limit(
    app: Flask, installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    for number in range(5):
        phone(app, f"a{number}")
    ids = [session.session_id for session in installed.storage.sessions.page()]
    assert pages(installed) == [(ids[:2], False), (ids[2:4], False), (ids[4:], False)]
    assert pages(installed, limit=3) == [(ids[:2], False), (ids[2:3], True)]
    assert pages(installed, after=ids[2]) == [(ids[3:], False)]
    assert pages(installed, after=ids[4]) == []


def test_phones_are_read_up_to_the_limit_over_all_pages(
    app: Flask, installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    for number in range(5):
        phone(app, f"a{number}")
    found = operations.why(installed, STREAM, limit=3)
    third = found.phones[2].session.session_id
    assert (len(found.phones), found.next_page_after) == (3, third)
    rest = operations.why(installed, STREAM, after=third)
    assert (len(rest.phones), rest.next_page_after) == (2, None)


def test_they_are_chosen_by_stream_user_and_status(app: Flask, installed: Installation) -> None:
    phone(app, "a", user="alice")
    phone(app, "b", OTHER_STREAM, user="bob")
    operations.end(installed, OTHER_STREAM, "ready")
    for asked in (
        {"stream": OTHER_STREAM.upper()},
        {"user_id": "bob"},
        {"status": SessionStatus.ENDED},
    ):
        (page,) = operations.pages_of_sessions(installed, **asked)  # type: ignore[arg-type]
        assert [session.activity_id for session in page.sessions] == ["b"]
    assert operations.why(installed, OTHER_STREAM, user_id="alice").phones == ()
    assert operations.why(installed, OTHER_STREAM, status=SessionStatus.DEAD).phones == ()


def test_what_is_no_stream_id_is_refused_before_anything_is_read(installed: Installation) -> None:
    with pytest.raises(ValueError, match="stream id"):
        operations.pages_of_sessions(installed, stream="nothing")


def test_no_token_leaves_them(app: Flask, installed: Installation) -> None:
    register(app)
    (page,) = operations.pages_of_sessions(installed)
    found = operations.why(installed, STREAM)
    assert TOKEN not in repr(asdict(page)) + repr(asdict(found))
    (listed,) = page.sessions
    assert listed.fingerprint == installed.storage.sessions.page()[0].fingerprint
