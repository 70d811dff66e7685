"""Keys of developer accounts: several of them, scoped, revoked; and tokens renewed too often."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from flask_allmine_liveactivity.simulator import LocalApns

from .sender import TOKEN, Sender

OTHER_APP = "org.example.other"
SUFFIX = ".push-type.liveactivity"
MINUTE = 60

SendEach: TypeAlias = Callable[..., list[tuple[int, str | None]]]


@pytest.fixture
def apns() -> LocalApns:
    """One of its own: keys stay."""
    return LocalApns()


@pytest.fixture
def sender(apns: LocalApns, new_sender: Callable[[LocalApns], Sender]) -> Sender:
    apns.start()
    return new_sender(apns)


@pytest.fixture(autouse=True)
def stopped(apns: LocalApns) -> object:
    yield
    apns.stop()


def outcome(sender: Sender, token: str, **headers: str | None) -> tuple[int, str | None]:
    """Status and reason of a push with this provider token."""
    response = sender.push(authorization=f"bearer {token}", **headers)
    return response.status_code, response.json()["reason"] if response.content else None


# --- more than one key -------------------------------------------------------------------------


def test_a_second_key_of_the_team_is_good_too(apns: LocalApns, sender: Sender) -> None:
    key = apns.make_key("KEY0000002")
    assert outcome(sender, key.provider_token()) == (200, None)


def test_a_connection_belongs_to_the_key_of_its_first_push(apns: LocalApns, sender: Sender) -> None:
    key = apns.make_key("KEY0000002")
    sender.push()
    assert outcome(sender, key.provider_token()) == (403, "UnrelatedKeyIdInToken")


def test_a_new_connection_takes_the_other_key(
    apns: LocalApns, sender: Sender, new_sender: Callable[[LocalApns], Sender]
) -> None:
    key = apns.make_key("KEY0000002")
    sender.push()
    assert outcome(new_sender(apns), key.provider_token()) == (200, None)


def test_a_key_of_another_team_may_not_push_to_this_teams_app(
    apns: LocalApns, sender: Sender
) -> None:
    key = apns.make_key("KEY0000002", team_id="OTHERTEAM1")
    assert outcome(sender, key.provider_token()) == (400, "TopicDisallowed")


def test_a_key_of_another_team_pushes_to_its_own_app(apns: LocalApns, sender: Sender) -> None:
    key = apns.make_key("KEY0000002", team_id="OTHERTEAM1", apps=[OTHER_APP])
    pushed = outcome(sender, key.provider_token(), apns_topic=OTHER_APP + SUFFIX)
    assert pushed == (200, None)


def test_a_key_may_be_for_some_apps_only(apns: LocalApns, sender: Sender) -> None:
    key = apns.make_key("KEY0000002", apps=[OTHER_APP])
    assert outcome(sender, key.provider_token()) == (400, "TopicDisallowed")


def test_two_keys_with_one_id_are_a_mistake(apns: LocalApns) -> None:
    with pytest.raises(ValueError, match="KEY1234567"):
        apns.make_key("KEY1234567")


def test_a_key_for_an_environment_that_is_not_one_is_a_mistake(apns: LocalApns) -> None:
    with pytest.raises(ValueError, match="environment"):
        apns.make_key("KEY0000002", environment="development")


def test_a_keys_repr_shows_nothing_secret(apns: LocalApns) -> None:
    assert repr(apns.key).startswith("SigningKey(key_id='KEY1234567', team_id='TEAM123456', apps=")
    assert "private" not in repr(apns.key)


# --- environments ------------------------------------------------------------------------------


def test_a_key_for_the_other_environment_is_refused(apns: LocalApns, sender: Sender) -> None:
    key = apns.make_key("KEY0000002", environment="production")
    assert outcome(sender, key.provider_token()) == (403, "BadEnvironmentKeyIdInToken")


def test_a_key_for_this_environment_is_good(apns: LocalApns, sender: Sender) -> None:
    key = apns.make_key("KEY0000002", environment="sandbox")
    assert outcome(sender, key.provider_token()) == (200, None)


# --- revoked -----------------------------------------------------------------------------------


def test_a_revoked_keys_provider_tokens_are_invalid_at_once(
    apns: LocalApns, sender: Sender
) -> None:
    sender.push()
    apns.revoke_key(apns.key)
    assert outcome(sender, sender.token) == (403, "InvalidProviderToken")


# --- renewed too often -------------------------------------------------------------------------


@pytest.fixture
def sequence(new_sender: Callable[[LocalApns], Sender]) -> SendEach:
    """What provider tokens made so many seconds ago are answered, each on its own connection."""

    def send(apns: LocalApns, *ages: float) -> list[tuple[int, str | None]]:
        now = time.time()
        outcomes = []
        for age in ages:
            sender = new_sender(apns)
            outcomes.append(outcome(sender, apns.key.provider_token(now - age)))
            sender.client.close()
        return outcomes

    return send


def on_one_connection(
    apns: LocalApns, sender: Sender, *ages: float
) -> list[tuple[int, str | None]]:
    now = time.time()
    return [outcome(sender, apns.key.provider_token(now - age)) for age in ages]


def test_a_connection_keeps_its_provider_token_for_20_minutes(
    apns: LocalApns, sender: Sender
) -> None:
    assert on_one_connection(apns, sender, 21 * MINUTE, 2 * MINUTE, 21 * MINUTE, 0.5 * MINUTE) == [
        (200, None),
        (429, "TooManyProviderTokenUpdates"),
        (200, None),
        (200, None),
    ]


def test_another_connection_may_have_another_one(
    apns: LocalApns, sender: Sender, new_sender: Callable[[LocalApns], Sender]
) -> None:
    now = time.time()
    assert outcome(sender, apns.key.provider_token(now - 300)) == (200, None)
    assert outcome(new_sender(apns), apns.key.provider_token(now)) == (200, None)


def test_a_connection_may_go_back_to_an_older_one(apns: LocalApns, sender: Sender) -> None:
    assert on_one_connection(apns, sender, 60, 300, 60) == [(200, None)] * 3


@pytest.fixture
def strict() -> Iterator[LocalApns]:
    with LocalApns(token_updates=1) as strict:
        yield strict


def test_by_the_letter_a_provider_token_renewed_within_20_minutes_is_refused(
    strict: LocalApns, sequence: SendEach
) -> None:
    assert sequence(strict, 21 * MINUTE, 2 * MINUTE) == [
        (200, None),
        (429, "TooManyProviderTokenUpdates"),
    ]


def test_the_one_before_stays_good(strict: LocalApns, sequence: SendEach) -> None:
    assert sequence(strict, 600, 300, 600)[-1] == (200, None)


def test_after_20_minutes_it_may_be_renewed(strict: LocalApns, sequence: SendEach) -> None:
    assert sequence(strict, 20 * MINUTE + 1, 1) == [(200, None), (200, None)]


def test_another_process_with_an_older_one_renews_nothing(
    strict: LocalApns, sequence: SendEach
) -> None:
    assert sequence(strict, 300, 600) == [(200, None), (200, None)]


def test_two_made_in_the_same_second_count_as_one(
    strict: LocalApns, new_sender: Callable[[LocalApns], Sender]
) -> None:
    now = time.time()
    tokens = [strict.key.provider_token(now) for _ in range(2)]
    assert tokens[0] != tokens[1]
    assert [outcome(new_sender(strict), token)[0] for token in tokens] == [200, 200]


@pytest.mark.parametrize("later", [-60, 0, 60])
def test_renewals_are_counted_per_team_not_per_key(
    strict: LocalApns, new_sender: Callable[[LocalApns], Sender], later: int
) -> None:
    now = time.time() - 300
    outcome(new_sender(strict), strict.key.provider_token(now))
    other = strict.make_key("KEY0000002")
    assert outcome(new_sender(strict), other.provider_token(now + later)) == (
        429,
        "TooManyProviderTokenUpdates",
    )


def test_after_20_minutes_a_team_may_take_another_key(
    strict: LocalApns, sequence: SendEach, new_sender: Callable[[LocalApns], Sender]
) -> None:
    sequence(strict, 20 * MINUTE + 1)
    other = strict.make_key("KEY0000002")
    assert outcome(new_sender(strict), other.provider_token()) == (200, None)


def test_a_refused_one_of_another_key_does_not_harm_the_first(
    strict: LocalApns, sequence: SendEach, new_sender: Callable[[LocalApns], Sender]
) -> None:
    sequence(strict, 300)
    outcome(new_sender(strict), strict.make_key("KEY0000002").provider_token())
    assert sequence(strict, 300) == [(200, None)]


def test_another_team_renews_by_itself(
    strict: LocalApns, sequence: SendEach, new_sender: Callable[[LocalApns], Sender]
) -> None:
    sequence(strict, 300)
    other = strict.make_key("KEY0000002", team_id="OTHERTEAM1", apps=[strict.bundle_id])
    assert outcome(new_sender(strict), other.provider_token()) == (200, None)


def test_keys_of_one_team_share_what_a_fleet_may_make(
    new_sender: Callable[[LocalApns], Sender],
) -> None:
    with LocalApns(token_updates=3) as apns:
        keys = [apns.key, *(apns.make_key(f"KEY000000{number}") for number in range(2, 6))]
        statuses = [outcome(new_sender(apns), key.provider_token())[0] for key in keys]
    assert statuses == [200, 200, 200, 429, 429]


def test_an_invalid_one_counts_for_nothing(strict: LocalApns, sequence: SendEach) -> None:
    assert [status for status, _ in sequence(strict, 4000, 300)] == [403, 200]


def test_an_honest_fleet_with_a_token_for_each_process_is_served(
    apns: LocalApns, sender: Sender, sequence: SendEach
) -> None:
    assert {status for status, _ in sequence(apns, *range(20, 0, -1))} == {200}


def test_a_sender_that_makes_one_for_each_push_is_not(sequence: SendEach) -> None:
    with LocalApns(token_updates=10) as apns:
        statuses = [status for status, _ in sequence(apns, *range(15, 0, -1))]
    assert statuses == [200] * 10 + [429] * 5


def test_each_that_breaks_the_rule_and_passes_is_said(
    apns: LocalApns, sender: Sender, sequence: SendEach, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sequence(apns, 300, 100)
    assert "made 200 s after one of the same team (key 'KEY1234567')" in caplog.text
    assert "Establishing a token-based connection to APNs" in caplog.text


def test_a_refusal_says_what_would_have_been_right(
    strict: LocalApns, sequence: SendEach, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sequence(strict, 300, 100)
    assert "429 TooManyProviderTokenUpdates" in caplog.text
    assert "keep it for 20 to 60 minutes" in caplog.text


def test_the_rule_can_be_left_out(new_sender: Callable[[LocalApns], Sender]) -> None:
    with LocalApns(token_updates=None) as apns:
        outcomes = on_one_connection(apns, new_sender(apns), *range(120, 0, -1))
    assert outcomes == [(200, None)] * 120


def test_a_token_that_belongs_to_another_app_is_not_for_the_topic(
    apns: LocalApns, sender: Sender
) -> None:
    apns.tokens_of_other_topic.add(TOKEN)
    response = sender.push()
    assert (response.status_code, response.json()) == (400, {"reason": "DeviceTokenNotForTopic"})
