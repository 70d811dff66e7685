"""What each verdict makes of a session, with attempts and reason."""

from __future__ import annotations

import logging
import math

import pytest

from flask_allmine_liveactivity.delivery.outcomes import backoff, settle
from flask_allmine_liveactivity.model import Push, PushResult, Session, SessionStatus, Verdict

from .world import HOUR, LIFETIME, NOW, World, delivered

MINUTE = 60.0


def outcome(session: Session) -> tuple[SessionStatus, int, str | None]:
    return session.status, session.attempts, session.reason


# --- delivered -------------------------------------------------------------------------------


def test_a_delivered_session_has_ended(world: World) -> None:
    token = world.register()
    world.end()
    world.run()
    session = world.session(token)
    assert outcome(session) == (SessionStatus.ENDED, 0, None)
    assert (session.delivered, session.claim_id) == (1, None)


def test_it_is_not_told_again(world: World) -> None:
    world.register()
    world.end()
    world.run()
    world.end()
    world.run_later(HOUR)
    assert len(world.told) == 1


def test_a_push_is_kept_for_the_sessions_life(memory_world: World) -> None:
    memory_world.register()
    memory_world.end()
    memory_world.run()
    (push,) = memory_world.memory.sent
    assert (push.expiration, push.priority) == (int(NOW + LIFETIME), 10)


def test_all_pushes_of_an_event_share_one_payload(memory_world: World) -> None:
    memory_world.register_many(5)
    memory_world.end()
    memory_world.run()
    assert len({id(push.payload) for push in memory_world.memory.sent}) == 1
    assert len({push.apns_id for push in memory_world.memory.sent}) == 5


def test_a_session_delivered_after_a_refusal_keeps_no_reason(world: World) -> None:
    token = world.register()
    world.end()
    world.refuse(Verdict.RETRY, "InternalServerError")
    world.run()
    world.answer = delivered
    world.run_later(15 * MINUTE)
    assert outcome(world.session(token)) == (SessionStatus.ENDED, 1, None)


# --- gone ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["Unregistered", "ExpiredToken"])
def test_a_token_that_died_after_its_registration_is_given_up(world: World, reason: str) -> None:
    token = world.register()
    world.clock.now += 10
    world.end()
    world.refuse(Verdict.GONE, reason, gone_since=NOW + 5)
    world.run()
    assert outcome(world.session(token)) == (SessionStatus.DEAD, 1, reason)


def test_a_410_without_a_time_is_believed(world: World) -> None:
    token = world.register()
    world.end()
    world.refuse(Verdict.GONE, "Unregistered")
    world.run()
    assert world.session(token).status is SessionStatus.DEAD


def test_a_410_older_than_the_registration_is_tried_again(world: World) -> None:
    token = world.register()
    world.end()
    world.refuse(Verdict.GONE, "Unregistered", gone_since=NOW - 5)
    world.run()
    assert outcome(world.session(token)) == (SessionStatus.ACTIVE, 1, "Unregistered")
    assert world.session(token).due_at == NOW + 5


def test_a_second_one_is_believed(world: World) -> None:
    token = world.register()
    world.end()
    world.refuse(Verdict.GONE, "Unregistered", gone_since=NOW - 5)
    world.run()
    world.run_later(5)
    assert outcome(world.session(token)) == (SessionStatus.DEAD, 2, "Unregistered")


def test_a_registration_in_between_makes_the_second_a_first(world: World) -> None:
    token = world.register()
    world.end()
    world.refuse(Verdict.GONE, "Unregistered", gone_since=NOW - 5)
    world.run()
    world.clock.now += 2
    world.register()
    world.run_later(3)
    assert world.session(token).status is SessionStatus.ACTIVE


def registered_while_its_push_is_gone(world: World) -> str:
    """A phone that registers again while its push is in flight, which is then answered 410."""
    token = world.register()
    world.end()

    def answer(push: Push) -> PushResult:
        world.clock.now += 2
        world.register()
        return PushResult(push, Verdict.GONE, reason="Unregistered", gone_since=NOW + 1)

    world.answer = answer
    world.run()
    return token


def test_a_registration_while_the_push_is_in_flight_survives_its_410(world: World) -> None:
    token = registered_while_its_push_is_gone(world)
    assert world.session(token).status is SessionStatus.ACTIVE


def test_such_a_phone_is_told_when_the_lease_is_over(world: World) -> None:
    token = registered_while_its_push_is_gone(world)
    world.answer = delivered
    world.run_later(60)
    assert world.session(token).status is SessionStatus.ENDED


# --- rejected --------------------------------------------------------------------------------


def test_a_rejected_token_waits_a_quarter_of_an_hour_then_an_hour(world: World) -> None:
    token = world.register()
    world.end()
    world.refuse(Verdict.REJECTED, "BadDeviceToken")
    world.run()
    assert world.session(token).due_at == world.clock.now + 15 * MINUTE
    world.run_later(15 * MINUTE)
    assert world.session(token).due_at == world.clock.now + HOUR
    assert outcome(world.session(token)) == (SessionStatus.ACTIVE, 2, "BadDeviceToken")


def test_it_is_given_up_at_the_third_time(world: World) -> None:
    token = world.register()
    world.end()
    world.refuse(Verdict.REJECTED, "BadDeviceToken")
    world.run()
    world.run_later(15 * MINUTE)
    world.run_later(HOUR)
    assert outcome(world.session(token)) == (SessionStatus.DEAD, 3, "BadDeviceToken")
    assert len(world.told) == 3


def test_it_is_not_pushed_to_before_its_time(world: World) -> None:
    world.register()
    world.end()
    world.refuse(Verdict.REJECTED, "BadDeviceToken")
    world.run()
    world.run_later(15 * MINUTE - 1)
    assert len(world.told) == 1


def test_other_refusals_in_between_do_not_count_as_rejections(world: World) -> None:
    token = world.register()
    world.end()
    for verdict in (Verdict.RETRY, Verdict.REJECTED, Verdict.RETRY, Verdict.REJECTED):
        world.refuse(verdict, "Some")
        world.run_later(HOUR)
    assert outcome(world.session(token)) == (SessionStatus.ACTIVE, 4, "Some")


def test_junk_among_the_good_ones_never_stops_a_run(world: World) -> None:
    tokens = world.register_many(60)
    junk = set(tokens[::2])
    world.end()
    world.answer = lambda push: (
        PushResult(push, Verdict.REJECTED, reason="BadDeviceToken")
        if push.token in junk
        else delivered(push)
    )
    run = world.run()
    assert (run.tally.delivered, run.tally.rejected, run.obstacle) == (30, 30, None)


def test_many_rejections_sound_an_alarm(
    memory_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    memory_world.register_many(10)
    memory_world.end()
    memory_world.refuse(Verdict.REJECTED, "BadDeviceToken")
    memory_world.run()
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "10 of 10" in record.getMessage()
    assert "LIVE_ACTIVITY_APNS_ENVIRONMENT" in record.getMessage()


def test_a_few_rejections_do_not(memory_world: World, caplog: pytest.LogCaptureFixture) -> None:
    tokens = memory_world.register_many(20)
    memory_world.end()
    memory_world.answer = lambda push: (
        PushResult(push, Verdict.REJECTED, reason="BadDeviceToken")
        if push.token in tokens[:10]
        else delivered(push)
    )
    memory_world.run()
    assert caplog.records == []


# --- later -----------------------------------------------------------------------------------


def test_a_retry_is_later_with_attempts_and_reason(world: World) -> None:
    token = world.register()
    world.end()
    world.refuse(Verdict.RETRY, "TooManyRequests")
    world.run()
    session = world.session(token)
    assert outcome(session) == (SessionStatus.ACTIVE, 1, "TooManyRequests")
    assert 0 < session.due_at - NOW <= 5
    assert session.claim_id is None


@pytest.mark.parametrize(
    ("attempts", "longest"), [(0, 4), (1, 8), (2, 16), (5, 128), (8, 900), (50, 900), (10_000, 900)]
)
def test_back_off_doubles_up_to_a_quarter_of_an_hour(attempts: int, longest: float) -> None:
    assert backoff(attempts, 0.9999999) == longest


@pytest.mark.parametrize("attempts", [0, 3, 20])
def test_back_off_is_drawn_from_the_whole_range(attempts: int) -> None:
    drawn = [backoff(attempts, chance / 1000) for chance in range(1000)]
    assert 0 < min(drawn) <= max(drawn) / 16
    assert sum(drawn) / 1000 == pytest.approx(max(drawn) / 2, rel=0.1)


def test_retry_after_is_honoured(world: World) -> None:
    token = world.register()
    world.end()
    world.refuse(Verdict.RETRY, "ServiceUnavailable", retry_after=123.0)
    world.run()
    assert world.session(token).due_at == NOW + 123


@pytest.mark.parametrize("retry_after", [901.0, 6 * HOUR, 1e300])
def test_nobody_waits_longer_than_is_promised(world: World, retry_after: float) -> None:
    token = world.register()
    world.end()
    world.refuse(Verdict.RETRY, "ServiceUnavailable", retry_after=retry_after)
    world.run()
    assert world.session(token).due_at == NOW + 15 * MINUTE


@pytest.mark.parametrize("retry_after", [0.0, -5.0, math.nan, math.inf])
def test_a_retry_after_that_makes_no_sense_asks_for_nothing(
    world: World, retry_after: float
) -> None:
    token = world.register()
    world.end()
    world.refuse(Verdict.RETRY, "ServiceUnavailable", retry_after=retry_after)
    world.run()
    assert NOW < world.session(token).due_at <= NOW + 4


def test_nothing_is_tried_later_than_the_sessions_end(world: World) -> None:
    token = world.register(lifetime=MINUTE)
    world.end()
    world.refuse(Verdict.RETRY, "ServiceUnavailable", retry_after=HOUR)
    world.run()
    assert world.session(token).due_at == NOW + MINUTE


def test_retries_go_on_until_the_session_ends(world: World) -> None:
    token = world.register()
    world.end()
    world.refuse(Verdict.RETRY, "InternalServerError")
    for _ in range(49):
        world.run_later(15 * MINUTE)
    assert len(world.told) == 47
    assert outcome(world.session(token)) == (
        SessionStatus.DEAD,
        47,
        "Expired: InternalServerError",
    )


def test_a_session_at_the_end_of_its_life_is_given_up_unpushed(world: World) -> None:
    token = world.register()
    world.clock.now += LIFETIME
    world.end()
    world.run()
    assert outcome(world.session(token)) == (SessionStatus.DEAD, 0, "Expired")
    assert world.told == []


@pytest.mark.parametrize("verdict", [Verdict.UNREACHABLE, Verdict.MISCONFIGURED])
def test_what_says_nothing_of_the_token_leaves_its_session_untouched(
    memory_world: World, verdict: Verdict
) -> None:
    token = memory_world.register()
    memory_world.end()
    memory_world.refuse(verdict, "whatever")
    memory_world.run()
    assert outcome(memory_world.session(token)) == (SessionStatus.ACTIVE, 0, None)
    assert memory_world.is_given_back(token)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_settlement_never_tells_more_than_was_pushed(
    memory_world: World, verdict: Verdict
) -> None:
    memory_world.register()
    memory_world.end()
    memory_world.run()
    (push,) = memory_world.memory.sent
    settled = settle(PushResult(push, verdict), revision=7, claimed_at=NOW, now=NOW)
    assert settled.delivered == (7 if verdict is Verdict.DELIVERED else 0)
