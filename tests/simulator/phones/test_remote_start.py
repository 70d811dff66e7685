"""Push-to-start, and broadcasts to channels."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flask_allmine_liveactivity.simulator.phones import Activity, Phone, Phones

from .desk import BEGINNING, STREAM, Apple, Clock, Host, kinds, latest

NOW = int(BEGINNING)
CHANNEL = "dHN0LXNyY2gtY2hubA=="


def only(phone: Phone) -> Activity:
    (activity,) = phone.activities
    return activity


def test_a_start_push_starts_an_activity(apple: Apple, phone: Phone) -> None:
    apple.start(phone, relevance_score=7, stale_date=BEGINNING + 60)
    activity = only(phone)
    assert (activity.stream_id, activity.state) == (STREAM, "active")
    assert (activity.content_state, activity.timestamp) == ({"status": "soon"}, NOW)
    assert (activity.relevance_score, activity.stale_date) == (7, BEGINNING + 60)
    assert latest(phone, "alert") == "Soon\nIt starts in an hour."


def test_the_app_registers_its_runtime_token(apple: Apple, phone: Phone, host: Host) -> None:
    apple.start(phone)
    activity = only(phone)
    assert host.registered == [
        {
            "streamId": STREAM,
            "deviceId": "iphone-1",
            "liveActivityToken": activity.token,
            "activityId": activity.id,
            "by": "ada-1",
            "status": 200,
        }
    ]
    assert activity.token != phone.push_to_start_token


def test_it_takes_pushes_to_its_runtime_token(apple: Apple, phone: Phone) -> None:
    apple.start(phone)
    apple.end(only(phone))
    assert only(phone).state == "ended"


def test_what_is_older_than_the_start_is_dropped(apple: Apple, phone: Phone) -> None:
    apple.start(phone)
    apple.end(only(phone), timestamp=NOW - 1)
    assert only(phone).state == "active"


def test_from_ios_18_on_a_token_is_there_only_if_it_was_asked_for(
    apple: Apple, phone: Phone, host: Host
) -> None:
    apple.start(phone, input_push_token=None)
    assert (only(phone).token, host.registered) == (None, [])
    phone.open_app()
    assert (host.registered, phone.missed_registrations) == ([], 0)
    with pytest.raises(ValueError, match="has no token to replace"):
        phone.rotate_token(only(phone))


def test_before_ios_18_there_always_is_one(apple: Apple, phones: Phones, host: Host) -> None:
    phone = phones.add(os_version=(17, 5))
    host.log_in(phone)
    apple.start(phone, input_push_token=None)
    assert host.tokens == [only(phone).token]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"attributes_type": None}, "attributes-type is missing"),
        ({"attributes": None}, "attributes do not decode"),
        ({"attributes": {"stream": STREAM}}, "attributes do not decode"),
        ({"attributes": {"streamId": 7}}, "attributes do not decode"),
        ({"alert": None}, "alert is missing"),
        ({"alert": "Soon"}, "alert is missing"),
        ({"content_state": None}, "content-state is missing"),
        ({"timestamp": None}, "timestamp is missing"),
        ({"event": "update"}, "An update belongs to a runtime token"),
        ({"event": "end"}, "An end belongs to a runtime token"),
    ],
)
def test_a_start_that_does_not_decode_starts_nothing(
    apple: Apple, phone: Phone, change: dict[str, Any], why: str
) -> None:
    apple.start(phone, **change)
    assert phone.activities == []
    assert latest(phone, "dropped").startswith(why)
    assert "alert" not in kinds(phone)


def test_another_attributes_type_than_the_apps_starts_nothing(clock: Clock) -> None:
    phones = Phones(clock=clock, attributes_type="CountdownAttributes")
    phone, apple = phones.add(), Apple(phones, clock)
    apple.start(phone)
    assert phone.activities == []
    apple.start(phone, attributes_type="CountdownAttributes")
    assert len(phone.activities) == 1


def test_a_start_that_apple_has_stored_starts_it_later(
    apple: Apple, phone: Phone, host: Host, clock: Clock
) -> None:
    phone.flight_mode = True
    apple.start(phone)
    clock.go_on(600)
    phone.flight_mode = False
    assert only(phone).started_at == BEGINNING + 600
    assert host.tokens == [only(phone).token]


def test_with_nobody_logged_in_it_starts_and_waits_to_be_registered(
    apple: Apple, phones: Phones, host: Host
) -> None:
    phone = phones.add()
    apple.start(phone)
    assert (phone.lock_screen, phone.missed_registrations) == ([only(phone)], 1)
    host.log_in(phone)
    assert (host.tokens, phone.missed_registrations) == ([only(phone).token], 0)


def test_without_the_app_it_does_not_start(apple: Apple, phone: Phone) -> None:
    token = phone.push_to_start_token
    assert token is not None
    phone.delete_app()
    apple.push(token, {"timestamp": NOW, "event": "start"})
    assert phone.activities == []


def test_an_app_that_is_woken_may_register_later(apple: Apple, phone: Phone, host: Host) -> None:
    phone.registers_at_once = False
    apple.start(phone)
    assert (host.tokens, phone.missed_registrations) == ([], 1)
    phone.register_now()
    assert (host.tokens, phone.missed_registrations) == ([only(phone).token], 0)


def test_an_app_that_is_woken_may_register_when_it_is_opened(
    apple: Apple, phone: Phone, host: Host
) -> None:
    phone.registers_at_once = False
    apple.start(phone)
    phone.open_app()
    assert host.tokens == [only(phone).token]


def test_an_app_that_is_woken_may_register_never(
    apple: Apple, phones: Phones, phone: Phone, host: Host
) -> None:
    phone.registers_at_once = False
    apple.start(phone)
    phones.tick()
    phone.flight_mode = True
    phone.flight_mode = False
    assert host.tokens == []
    apple.end(only(phone))
    phone.open_app()
    assert (host.tokens, phone.missed_registrations) == ([], 0)


def test_in_an_event_loop_it_registers_at_the_next_tick(
    apple: Apple, phones: Phones, phone: Phone, host: Host
) -> None:
    async def serve() -> None:
        apple.start(phone)

    asyncio.run(serve())
    assert (phone.lock_screen, host.tokens) == ([only(phone)], [])
    phones.tick()
    assert host.tokens == [only(phone).token]
    phones.tick()
    assert len(host.tokens) == 1


class TestBroadcasts:
    @pytest.fixture
    def activity(self, apple: Apple, phone: Phone) -> Activity:
        apple.start(phone, input_push_token=None, input_push_channel=CHANNEL)
        return only(phone)

    def broadcast(self, apple: Apple, channel: str = CHANNEL, **headers: str) -> None:
        end = {"timestamp": int(apple.clock.now), "event": "end", "dismissal-date": 0}
        apple.phones.broadcast(channel, apple.received("", end, **headers))

    def test_an_activity_of_a_channel_has_no_token(self, activity: Activity, host: Host) -> None:
        assert (activity.channel_id, activity.token, host.tokens) == (CHANNEL, None, [])

    def test_below_ios_18_it_does_not_start(self, apple: Apple, phones: Phones) -> None:
        phone = phones.add(os_version=(17, 6))
        apple.start(phone, input_push_channel=CHANNEL)
        assert phone.activities == []
        assert latest(phone, "dropped").startswith("input-push-channel needs iOS 18")

    def test_a_broadcast_reaches_all_that_are_subscribed(
        self, apple: Apple, phones: Phones, activity: Activity
    ) -> None:
        other = phones.add()
        apple.start(other, input_push_token=None, input_push_channel=CHANNEL)
        self.broadcast(apple)
        assert (activity.state, only(other).state) == ("dismissed", "dismissed")

    def test_it_reaches_no_others(self, apple: Apple, phone: Phone, activity: Activity) -> None:
        other = phone.follow(STREAM)
        self.broadcast(apple, "another")
        assert activity.state == "active"
        self.broadcast(apple)
        assert other.state == "active"

    def test_the_order_of_timestamps_holds_for_it_too(
        self, apple: Apple, phone: Phone, activity: Activity, clock: Clock
    ) -> None:
        clock.now -= 60
        self.broadcast(apple)
        assert activity.state == "active"
        assert "is older than" in latest(phone, "dropped")

    def test_an_ended_activity_is_no_longer_subscribed(
        self, apple: Apple, phone: Phone, activity: Activity
    ) -> None:
        self.broadcast(apple)
        self.broadcast(apple)
        assert kinds(phone, activity).count("push") == 2
        assert "dropped" not in kinds(phone)

    def test_a_channel_stores_one_message_for_an_offline_phone(
        self, apple: Apple, phone: Phone, activity: Activity
    ) -> None:
        other = phone.follow(STREAM)
        phone.flight_mode = True
        self.broadcast(apple)
        apple.end(other)
        phone.flight_mode = False
        assert (activity.state, other.state) == ("dismissed", "ended")

    def test_a_channel_that_stores_nothing_reaches_no_offline_phone(
        self, apple: Apple, phone: Phone, activity: Activity
    ) -> None:
        phone.flight_mode = True
        self.broadcast(apple, apns_expiration="0")
        phone.flight_mode = False
        assert activity.state == "active"

    @pytest.mark.parametrize(("size", "state"), [(5120, "dismissed"), (5121, "active")])
    def test_it_may_have_5120_bytes(
        self, apple: Apple, phones: Phones, activity: Activity, size: int, state: str
    ) -> None:
        end = {"timestamp": NOW, "event": "end", "dismissal-date": 0}
        spare = size - len(apple.received("", end | {"alert": {"body": ""}}).body)
        end["alert"] = {"body": "x" * spare}  # type: ignore[assignment]
        push = apple.received("", end)
        assert len(push.body) == size
        phones.broadcast(CHANNEL, push)
        assert activity.state == state
