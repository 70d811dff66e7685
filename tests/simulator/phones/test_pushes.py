"""Which pushes a phone drops, without a word to anybody."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from flask_allmine_liveactivity.simulator.phones import Activity, Phone, Phones

from .desk import BEGINNING, HOUR, STREAM, Apple, Clock, Host, kinds, latest

NOW = int(BEGINNING)


def test_an_update_shows_its_content_state(apple: Apple, phone: Phone, activity: Activity) -> None:
    apple.update(activity, {"status": "live"})
    assert (activity.content_state, activity.timestamp) == ({"status": "live"}, NOW)
    assert (phone.log[-1].kind, phone.log[-1].activity_id) == ("push", activity.id)
    assert phone.log[-1].payload == {
        "aps": {"timestamp": NOW, "event": "update", "content-state": {"status": "live"}}
    }


@pytest.mark.parametrize("event", ["update", "end"])
def test_what_is_older_than_the_newest_taken_is_dropped(
    apple: Apple, phone: Phone, activity: Activity, event: str
) -> None:
    apple.update(activity, {"n": 1}, timestamp=NOW + 10)
    apple.push(activity, {"timestamp": NOW + 9, "event": event, "content-state": {"n": 2}})
    assert (activity.state, activity.content_state) == ("active", {"n": 1})
    assert "is older than" in latest(phone, "dropped")


def test_what_is_as_old_as_the_newest_taken_is_taken(apple: Apple, activity: Activity) -> None:
    apple.update(activity, {"n": 1})
    apple.update(activity, {"n": 2})
    assert activity.content_state == {"n": 2}


def test_what_was_dropped_does_not_count_as_taken(apple: Apple, activity: Activity) -> None:
    apple.update(activity, "not an object", timestamp=NOW + 10)
    apple.update(activity, {"n": 2}, timestamp=NOW + 9)
    assert (activity.content_state, activity.timestamp) == ({"n": 2}, NOW + 9)


def test_an_update_from_before_the_activity_is_dropped(apple: Apple, activity: Activity) -> None:
    apple.update(activity, {"n": 1}, timestamp=NOW - 1)
    assert activity.content_state == {"status": "soon"}


def test_an_end_from_before_the_activity_is_taken(apple: Apple, activity: Activity) -> None:
    apple.end(activity, timestamp=NOW - 1000)
    assert activity.state == "ended"


def test_an_update_of_the_second_in_which_it_was_started_is_taken(
    apple: Apple, phone: Phone, clock: Clock
) -> None:
    clock.go_on(0.7)
    activity = phone.follow(STREAM)
    apple.update(activity, {"n": 1}, timestamp=NOW)
    assert activity.content_state == {"n": 1}


@pytest.mark.parametrize(
    ("ahead", "state"), [(8 * 3600, "ended"), (8 * 3600 + 1, "active"), (NOW * 999, "active")]
)
def test_what_is_more_than_eight_hours_ahead_is_dropped(
    apple: Apple, activity: Activity, ahead: int, state: str
) -> None:
    apple.end(activity, timestamp=NOW + ahead)
    assert activity.state == state


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"timestamp": None}, "timestamp is missing."),
        ({"timestamp": str(NOW)}, "timestamp is '1800000000', and must be a number."),
        ({"timestamp": True}, "timestamp is True, and must be a number."),
        ({"timestamp": float("nan")}, "timestamp is nan, and must be a number."),
        ({"timestamp": 10**400}, "timestamp is 1000"),
        ({"timestamp": NOW * 1000}, "timestamp is in milliseconds"),
        ({"event": None}, "event is null, and must be"),
        ({"event": "stop"}, "event is 'stop', and must be"),
        ({"event": ["end"]}, "event is ['end'], and must be"),
        ({"event": "start"}, "A start belongs to the push-to-start token"),
        ({"content_state": None}, "content-state is missing"),
        ({"content_state": "live"}, "content-state is not an object."),
        ({"stale_date": "now"}, "stale-date is 'now', and must be a number."),
        ({"dismissal_date": "now"}, "dismissal-date is 'now', and must be a number."),
        ({"relevance_score": "high"}, "relevance-score is 'high', and must be a number."),
    ],
)
def test_an_update_that_does_not_decode_is_dropped_whole(
    apple: Apple, phone: Phone, activity: Activity, change: dict[str, Any], why: str
) -> None:
    apple.update(activity, **({"content_state": {"n": 1}} | change))
    assert (activity.content_state, activity.timestamp) == ({"status": "soon"}, None)
    assert latest(phone, "dropped").startswith(why)


def test_an_end_whose_content_state_is_null_is_dropped(apple: Apple, activity: Activity) -> None:
    apple.push(activity, {"timestamp": NOW, "event": "end", "content-state": None})
    assert activity.state == "active"


@pytest.mark.parametrize("payload", [None, {}, {"event": "end"}, {"aps": "end"}])
def test_a_payload_without_aps_is_dropped(
    apple: Apple, phones: Phones, phone: Phone, activity: Activity, payload: Any
) -> None:
    assert activity.token is not None
    push = dataclasses.replace(apple.received(activity.token, {}), payload=payload)
    phones.receive(push)
    assert latest(phone, "dropped") == "The payload has no aps dictionary."


@pytest.mark.parametrize(("size", "state"), [(4096, "ended"), (4097, "active")])
def test_a_payload_over_4096_bytes_is_dropped(
    apple: Apple, phones: Phones, activity: Activity, size: int, state: str
) -> None:
    assert activity.token is not None
    push = apple.received(activity.token, {"timestamp": NOW, "event": "end"})
    phones.receive(dataclasses.replace(push, body=b"x" * size))
    assert activity.state == state


def test_a_push_to_a_strangers_token_is_nobodys(
    apple: Apple, phone: Phone, activity: Activity
) -> None:
    before = phone.log
    apple.end("ab" * 80)
    assert (phone.log, activity.state) == (before, "active")


def test_an_alert_is_in_the_log(apple: Apple, phone: Phone, activity: Activity) -> None:
    apple.end(activity, alert={"title": "Allmine", "body": "It was cancelled."})
    assert latest(phone, "alert") == "Allmine\nIt was cancelled."


@pytest.mark.parametrize(
    ("alert", "text"),
    [
        ({"title": {"loc-key": "SOON"}, "body": "Come"}, "SOON\nCome"),
        ({"body": {"loc-key": "WITH", "loc-args": ["Ada", 5]}}, "WITH (Ada, 5)"),
        ({"title": "Only this"}, "Only this"),
        ({}, ""),
    ],
)
def test_an_alert_that_is_to_be_translated_shows_its_loc_key(
    apple: Apple, phone: Phone, activity: Activity, alert: dict[str, Any], text: str
) -> None:
    apple.update(activity, alert=alert)
    assert latest(phone, "alert") == text


def test_a_push_that_is_dropped_alerts_nobody(
    apple: Apple, phone: Phone, activity: Activity
) -> None:
    apple.end(activity, timestamp=NOW * 1000, alert={"title": "Now"})
    assert "alert" not in kinds(phone)


class TestBudget:
    """Pushes of priority 10 per activity and hour. Apple publishes no figure."""

    @pytest.fixture
    def phones(self, clock: Clock) -> Phones:
        return Phones(clock=clock, budget=2)

    def test_priority_10_beyond_the_budget_is_dropped(
        self, apple: Apple, phone: Phone, activity: Activity
    ) -> None:
        for number in range(3):
            apple.update(activity, {"n": number}, apns_priority="10")
        assert activity.content_state == {"n": 1}
        assert "budget of 2" in latest(phone, "dropped")

    def test_without_a_header_the_priority_is_10(self, apple: Apple, activity: Activity) -> None:
        for number in range(3):
            apple.update(activity, {"n": number})
        assert activity.content_state == {"n": 1}

    def test_priority_5_never_counts(self, apple: Apple, activity: Activity) -> None:
        for number in range(9):
            apple.update(activity, {"n": number}, apns_priority="5")
        apple.update(activity, {"n": "last"}, apns_priority="10")
        assert activity.content_state == {"n": "last"}

    def test_priority_5_is_taken_when_the_budget_is_used_up(
        self, apple: Apple, activity: Activity
    ) -> None:
        for number in range(3):
            apple.update(activity, {"n": number})
        apple.update(activity, {"n": "last"}, apns_priority="5")
        assert activity.content_state == {"n": "last"}

    def test_an_end_counts_too(self, apple: Apple, activity: Activity) -> None:
        apple.update(activity)
        apple.update(activity)
        apple.end(activity)
        assert activity.state == "active"

    def test_after_an_hour_there_is_a_budget_again(
        self, apple: Apple, activity: Activity, clock: Clock
    ) -> None:
        for number in range(3):
            apple.update(activity, {"n": number})
        clock.go_on(HOUR)
        apple.update(activity, {"n": "last"})
        assert activity.content_state == {"n": "last"}

    def test_each_activity_has_its_own(
        self, apple: Apple, phone: Phone, activity: Activity
    ) -> None:
        other = phone.follow(STREAM)
        for number in range(3):
            apple.update(activity, {"n": number})
        apple.update(other, {"n": "other"})
        assert other.content_state == {"n": "other"}


def test_without_a_figure_there_is_no_budget(apple: Apple, activity: Activity) -> None:
    for number in range(100):
        apple.update(activity, {"n": number})
    assert activity.content_state == {"n": 99}


def test_the_lock_screen_shows_the_most_relevant_first(apple: Apple, phone: Phone) -> None:
    first, second, third = (phone.follow(STREAM) for _ in range(3))
    apple.update(second, relevance_score=50)
    apple.update(third, relevance_score=100.5)
    assert phone.lock_screen == [third, second, first]
    assert third.relevance_score == 100.5


def test_of_equal_relevance_the_one_that_was_started_first_is_first(phone: Phone) -> None:
    started = [phone.follow(STREAM) for _ in range(3)]
    assert phone.lock_screen == started


def test_an_update_without_a_relevance_score_has_none(apple: Apple, activity: Activity) -> None:
    apple.update(activity, relevance_score=50)
    apple.update(activity)
    assert activity.relevance_score == 0


def test_ended_activities_keep_their_place(apple: Apple, phone: Phone, host: Host) -> None:
    first, second = phone.follow(STREAM), phone.follow(STREAM)
    apple.update(second, relevance_score=50)
    apple.end(second)
    assert phone.lock_screen == [second, first]
