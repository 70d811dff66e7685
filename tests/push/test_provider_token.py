"""The JWT by which Apple knows us: what is in it, and when it is renewed."""

from __future__ import annotations

import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model import Verdict
from flask_allmine_liveactivity.push.apns.client import ApnsPush
from flask_allmine_liveactivity.push.apns.provider_token import ProviderToken, read_signing_key
from flask_allmine_liveactivity.simulator import Answer, LocalApns

from .engine import TOKEN, Clock, engine, pushes, send_one

KEY = ec.generate_private_key(ec.SECP256R1())
MINUTE = 60.0


@pytest.fixture
def clock() -> Clock:
    return Clock(1_790_000_000.7)


@pytest.fixture
def provider_token(clock: Clock) -> ProviderToken:
    return ProviderToken(KEY, "KEY1234567", "TEAM123456", clock=clock)


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


# --- what is in it ---------------------------------------------------------------------------


def test_its_header_names_algorithm_and_key(provider_token: ProviderToken) -> None:
    header = jwt.get_unverified_header(provider_token.current())
    assert (header["alg"], header["kid"]) == ("ES256", "KEY1234567")


def test_its_claims_are_the_team_and_whole_seconds(provider_token: ProviderToken) -> None:
    claims = jwt.decode(
        provider_token.current(),
        KEY.public_key(),
        algorithms=["ES256"],
        options={"verify_iat": False},
    )
    assert claims == {"iss": "TEAM123456", "iat": 1_790_000_000}
    assert type(claims["iat"]) is int


# --- when it is renewed ----------------------------------------------------------------------


def test_it_is_kept_for_45_minutes(provider_token: ProviderToken, clock: Clock) -> None:
    first = provider_token.current()
    clock.now += 45 * MINUTE - 1
    assert provider_token.current() == first


def test_it_is_renewed_at_45_minutes(provider_token: ProviderToken, clock: Clock) -> None:
    first = provider_token.current()
    clock.now += 45 * MINUTE
    assert provider_token.current() != first


def test_it_is_renewed_where_the_clock_was_set_back(
    provider_token: ProviderToken, clock: Clock
) -> None:
    first = provider_token.current()
    clock.now -= 10 * MINUTE
    assert provider_token.current() != first


def test_an_expired_one_is_renewed_when_20_minutes_old(
    provider_token: ProviderToken, clock: Clock
) -> None:
    first = provider_token.current()
    clock.now += 20 * MINUTE
    renewed = provider_token.after_expiry(first)
    assert renewed not in (None, first)
    assert provider_token.current() == renewed


def test_a_younger_one_is_never_renewed(provider_token: ProviderToken, clock: Clock) -> None:
    first = provider_token.current()
    clock.now += 20 * MINUTE - 1
    assert provider_token.after_expiry(first) is None
    assert provider_token.current() == first


def test_of_many_refused_with_one_token_the_first_renews_it(
    provider_token: ProviderToken, clock: Clock
) -> None:
    first = provider_token.current()
    clock.now += 21 * MINUTE
    assert provider_token.after_expiry(first) == provider_token.after_expiry(first)


def test_threads_share_one(provider_token: ProviderToken) -> None:
    seen: set[str] = set()
    start = threading.Barrier(8)

    def look() -> None:
        start.wait()
        seen.add(provider_token.current())

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 1


# --- on the wire -----------------------------------------------------------------------------


def test_one_token_serves_every_connection(apns: LocalApns) -> None:
    apns.delay(0.1)
    with engine(apns, connections=2) as push:
        threads = [threading.Thread(target=lambda: list(push.send(pushes(10)))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({received.client for received in apns.received}) == 2
    assert len({received.provider_token for received in apns.received}) == 1


def test_one_that_has_expired_is_renewed_and_the_push_sent_again(apns: LocalApns) -> None:
    clock = Clock(time.time() - 30 * MINUTE)
    with engine(apns, clock=clock) as push:
        send_one(push)
        clock.now = time.time()
        apns.answer(TOKEN, Answer.expired_provider_token())
        assert send_one(push).verdict is Verdict.DELIVERED
    old, refused, new = apns.received
    assert old.provider_token == refused.provider_token != new.provider_token


def test_it_is_sent_again_once(apns: LocalApns) -> None:
    clock = Clock(time.time() - 30 * MINUTE)
    with engine(apns, clock=clock) as push:
        send_one(push)
        clock.now = time.time()
        apns.answer_always(TOKEN, Answer.expired_provider_token())
        result = send_one(push)
    assert (result.verdict, result.reason) == (Verdict.MISCONFIGURED, "ExpiredProviderToken")
    assert len(apns.received) == 3


def test_all_in_flight_with_the_old_one_go_again_with_one_new_one(apns: LocalApns) -> None:
    clock = Clock(time.time() - 30 * MINUTE)
    with engine(apns, clock=clock) as push:
        list(push.send(pushes(100)))
        apns.clear()
        clock.now = time.time()
        apns.answer_next(30, Answer.expired_provider_token())
        results = list(push.send(pushes(100)))
    assert {result.verdict for result in results} == {Verdict.DELIVERED}
    assert len({received.provider_token for received in apns.received}) == 2


def test_one_that_apple_calls_old_though_it_is_young_is_for_a_person_to_mend(
    apns: LocalApns, push: ApnsPush
) -> None:
    apns.answer(TOKEN, Answer.expired_provider_token())
    result = send_one(push)
    assert (result.verdict, result.reason) == (Verdict.MISCONFIGURED, "ExpiredProviderToken")
    assert len(apns.received) == 1


def test_a_clock_an_hour_slow_is_for_a_person_to_mend(apns: LocalApns) -> None:
    with engine(apns, clock=Clock(time.time() - 61 * MINUTE)) as push:
        result = send_one(push)
    assert (result.verdict, result.reason) == (Verdict.MISCONFIGURED, "ExpiredProviderToken")


def test_after_too_many_updates_the_old_one_is_kept(apns: LocalApns, push: ApnsPush) -> None:
    send_one(push)
    apns.answer(TOKEN, Answer.too_many_provider_token_updates())
    assert send_one(push).verdict is Verdict.RETRY
    send_one(push)
    assert len({received.provider_token for received in apns.received}) == 1


# --- the key ---------------------------------------------------------------------------------


def test_the_key_of_a_p8_file_is_read() -> None:
    assert read_signing_key(pem(KEY)).private_numbers() == KEY.private_numbers()


@pytest.mark.parametrize(
    "key",
    [
        "",
        "not a key",
        "-----BEGIN PRIVATE KEY-----\nSECRETSECRET\n-----END PRIVATE KEY-----\n",
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(rsa.generate_private_key(65537, 2048)),
    ],
    ids=["nothing", "no PEM", "broken", "P-384", "RSA"],
)
def test_any_other_key_is_refused_without_quoting_it(key: str) -> None:
    with pytest.raises(ConfigurationError, match="LIVE_ACTIVITY_APNS_KEY") as refused:
        read_signing_key(key)
    assert not any(line in str(refused.value) for line in key.splitlines() if len(line) > 8)
