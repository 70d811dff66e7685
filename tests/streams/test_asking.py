"""The host is asked by page, in halves where it fails, and for one stream where it has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask

from flask_allmine_liveactivity import (
    Countdown,
    LiveActivity,
    MemoryPush,
    MemoryStorage,
    StreamState,
)
from flask_allmine_liveactivity.model import Announcement, StreamEvent
from flask_allmine_liveactivity.model.host_answers import HostAnswer
from flask_allmine_liveactivity.streams.announcement import (
    announcement_of_end,
    announcement_of_update,
)
from flask_allmine_liveactivity.streams.asking import (
    FAILURES,
    PAGE,
    TRIES,
    Host,
    Pace,
    Questions,
    ask_in_halves,
)
from streams.saying import INTERVAL, NOW, STREAM, countdown

IDS = [f"{number:024x}" for number in range(PAGE)]


class Answering(Host):
    """Answers as it is told to."""

    def __init__(self, answer: Callable[[Sequence[str]], Mapping[str, HostAnswer]]) -> None:
        self._answer = answer
        self.asked: list[list[str]] = []
        self.heard: list[StreamEvent] = []

    def ask(self, stream_ids: Sequence[str]) -> Mapping[str, HostAnswer]:
        self.asked.append(list(stream_ids))
        return self._answer(stream_ids)

    def end(
        self,
        stream_id: str,
        state: StreamState,
        source: str,
        alert: Mapping[str, Any] | None,
    ) -> Announcement:
        return announcement_of_end(
            stream_id,
            state,
            content_state=None,
            alert=alert,
            dismiss_after=None,
            now=NOW,
            ttl=3600.0,
            source=source,
        )

    def update(
        self, stream_id: str, countdown: Countdown, alert: Mapping[str, Any] | None, *, moved: bool
    ) -> Announcement:
        return announcement_of_update(
            stream_id, countdown, alert=alert, moved=moved, now=NOW, ttl=3600.0
        )

    def announced(self, event: StreamEvent) -> None:
        self.heard.append(event)

    def complain(self, what: str) -> None:
        pass


def all_but(*bad: str) -> Answering:
    """A host whose database is away for some ids."""

    def answer(stream_ids: Sequence[str]) -> dict[str, HostAnswer]:
        if set(bad) & set(stream_ids):
            raise LookupError("no such stream")
        return dict.fromkeys(stream_ids, None)

    return Answering(answer)


def questions(host: Host, storage: MemoryStorage) -> Questions:
    return Questions(
        storage.streams, host, Pace(interval=INTERVAL, kept_for=3600.0), clock=lambda: NOW
    )


@pytest.mark.parametrize("bad", [IDS[0], IDS[250], IDS[-1]])
def test_one_id_that_fails_costs_no_other_its_answer(bad: str) -> None:
    host = all_but(bad)
    assert set(ask_in_halves(host, IDS)) == set(IDS) - {bad}
    assert len(host.asked) <= 1 + 2 * PAGE.bit_length()


def test_a_host_that_is_down_is_asked_so_often_and_no_more() -> None:
    host = all_but(*IDS)
    assert ask_in_halves(host, IDS) == {}
    assert len(host.asked) == FAILURES


def test_nobody_is_asked_about_nothing() -> None:
    host = all_but()
    assert ask_in_halves(host, []) == {}
    assert host.asked == []


@pytest.mark.parametrize("key", [STREAM, STREAM.upper(), ObjectId(STREAM)])
def test_the_keys_of_answers_are_made_canonical(key: object) -> None:
    app = Flask("host")
    app.config.update(JWT_SECRET_KEY="a secret of thirty-two bytes or more")
    live_activity = LiveActivity(app, storage=MemoryStorage(), push=MemoryPush())
    live_activity.streams(lambda stream_ids: {key: countdown(), "no id": 3, 7: None})
    with app.app_context():
        assert live_activity.stream_changed(STREAM).changed


def test_a_question_is_put_off_before_the_host_is_asked() -> None:
    storage = MemoryStorage()
    storage.streams.wake(STREAM, NOW + 3600, NOW, ask_at=NOW)
    check_at = []

    def look(stream_ids: Sequence[str]) -> dict[str, HostAnswer]:
        row = storage.streams.read(STREAM)
        assert row is not None
        check_at.append(row.check_at)
        raise LookupError("down")

    questions(Answering(look), storage).ask_due()
    assert check_at == [NOW + INTERVAL]


def test_the_same_again_is_ignored() -> None:
    storage, host = MemoryStorage(), Answering(lambda ids: {STREAM: countdown()})
    assert questions(host, storage).changed(STREAM, None).changed
    again = questions(host, storage).changed(STREAM, None)
    assert (again.revision, again.changed) == (1, False)
    assert len(host.heard) == 1


def test_where_the_row_changes_meanwhile_the_host_is_asked_again_three_times() -> None:
    storage = MemoryStorage()

    def meanwhile(stream_ids: Sequence[str]) -> dict[str, HostAnswer]:
        row = storage.streams.read(STREAM)
        at = NOW + 1 if row is None else (row.check_at or NOW) + 1
        storage.streams.reopen(STREAM, NOW, ask_at=at)
        return {STREAM: countdown()}

    host = Answering(meanwhile)
    assert not questions(host, storage).changed(STREAM, None).changed
    assert len(host.asked) == TRIES
    assert host.heard == []


def test_a_callback_that_fails_changes_nothing() -> None:
    storage = MemoryStorage()
    assert not questions(all_but(STREAM), storage).changed(STREAM, None).changed
    assert storage.streams.read(STREAM) is None


def test_a_stream_whose_end_stands_is_not_asked_about() -> None:
    storage, host = MemoryStorage(), Answering(lambda ids: {STREAM: StreamState.READY})
    assert questions(host, storage).changed(STREAM, None).changed
    assert not questions(host, storage).changed(STREAM, None).changed
    assert len(host.asked) == 1
    assert storage.streams.take_questions(NOW + 9000, PAGE, NOW + 9060) == []
