"""What an event's record says of its hold: somebody has to mend something, or nobody answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_allmine_liveactivity.model import StreamEvent, no_answer

EVENT = StreamEvent(
    stream_id="65f000000000000000000001",
    revision=1,
    event="end",
    state=None,
    content_state=None,
    alert=None,
    dismissal_date=None,
    timestamp=1,
    expires_at=100.0,
    said="",
    due_at=1.0,
    touch=0,
)


def held(reason: str) -> StreamEvent:
    return replace(EVENT, held_reason=reason, held_since=2.0)


@pytest.mark.parametrize(
    ("event", "needs_a_person", "unanswered", "seen_instead"),
    [
        (EVENT, False, False, None),
        (held("InvalidProviderToken"), True, False, None),
        (held(no_answer("libcurl 7: no answer: x")), False, True, "libcurl 7: no answer: x"),
    ],
    ids=["not held", "held", "no answer"],
)
def test_a_hold_needs_a_person_unless_it_is_for_want_of_an_answer(
    event: StreamEvent, needs_a_person: bool, unanswered: bool, seen_instead: str | None
) -> None:
    assert (event.needs_a_person, event.unanswered) == (needs_a_person, unanswered)
    assert event.seen_instead == seen_instead


def test_what_stands_on_record_since_earlier_versions_is_read_alike() -> None:
    assert held("no answer: libcurl 28").seen_instead == "libcurl 28"
