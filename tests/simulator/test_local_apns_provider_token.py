"""Provider tokens, as Apple checks them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from jwt.utils import base64url_decode, base64url_encode

from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.simulator.keys import make_signing_key, to_pem

from .sender import Sender, provider_token


@pytest.mark.parametrize("authorization", [None, "", "bearer ", "basic dXNlcjpwYXNz"])
def test_without_a_bearer_token_the_provider_token_is_missing(
    sender: Sender, authorization: str | None
) -> None:
    response = sender.push(authorization=authorization)
    assert (response.status_code, response.json()) == (403, {"reason": "MissingProviderToken"})


def test_the_scheme_may_be_written_in_upper_case(sender: Sender) -> None:
    assert sender.push(authorization=f"Bearer {sender.token}").status_code == 200


@pytest.mark.parametrize("token", ["x", "a.b", "a.b.c", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "ä.ö.ü"])
def test_a_token_that_is_no_jwt_is_invalid(sender: Sender, token: str) -> None:
    authorization: Any = f"bearer {token}".encode()
    response = sender.push(authorization=authorization)
    assert (response.status_code, response.json()) == (403, {"reason": "InvalidProviderToken"})


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"key": to_pem(make_signing_key())}, id="signed with another key"),
        pytest.param({"algorithm": "HS256", "key": "0" * 32}, id="another algorithm"),
        pytest.param({"algorithm": "none", "key": None}, id="not signed"),
        pytest.param({"claims": {"iss": "TEAM000000"}}, id="another team"),
        pytest.param({"headers": {"kid": "KEY0000000"}}, id="an unknown key id"),
        pytest.param({"claims": {"iat": "now"}}, id="iat is not a number"),
        pytest.param({"claims": {"iat": ""}}, id="iat is empty"),
        pytest.param({"claims": {"iat": "1e9"}}, id="iat is a string with an exponent"),
        pytest.param({"claims": {"iat": "-1"}}, id="iat is a string below zero"),
        pytest.param({"claims": {"iat": " 1700000000"}}, id="iat is a string with a blank"),
        pytest.param(
            {"claims": {"iat": "\N{ARABIC-INDIC DIGIT ONE}"}}, id="iat is a string of other digits"
        ),
        pytest.param({"claims": {"iat": "9" * 5000}}, id="iat is a string without end"),
        pytest.param({"claims": {"iat": str(int(time.time() * 1000))}}, id="iat in ms, a string"),
        pytest.param({"claims": {"iat": [1700000000]}}, id="iat is a list"),
        pytest.param({"claims": {"iat": True}}, id="iat is a boolean"),
        pytest.param({"claims": {"iat": None}}, id="iat is null"),
        pytest.param({"claims": {"iat": 10**30}}, id="iat is no time"),
        pytest.param({"claims": {"iat": int(time.time()) + 86400}}, id="iat is ahead"),
        pytest.param({"claims": {"iat": int(time.time() * 1000)}}, id="iat in milliseconds"),
    ],
)
def test_a_provider_token_that_cannot_be_trusted_is_invalid(
    apns: LocalApns, sender: Sender, changes: dict[str, Any]
) -> None:
    response = sender.push(authorization=f"bearer {provider_token(apns, **changes)}")
    assert (response.status_code, response.json()) == (403, {"reason": "InvalidProviderToken"})


def test_a_provider_token_without_a_key_id_is_invalid(apns: LocalApns, sender: Sender) -> None:
    token = provider_token(apns, headers={"kid": "x"})
    head = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9"  # {"alg":"ES256","typ":"JWT"}
    response = sender.push(authorization=f"bearer {head}.{token.partition('.')[2]}")
    assert response.json() == {"reason": "InvalidProviderToken"}


def test_a_provider_token_older_than_an_hour_has_expired(apns: LocalApns, sender: Sender) -> None:
    token = provider_token(apns, claims={"iat": int(time.time()) - 3700})
    response = sender.push(authorization=f"bearer {token}")
    assert (response.status_code, response.json()) == (403, {"reason": "ExpiredProviderToken"})


@pytest.mark.parametrize("age", [3500, -30])
def test_a_provider_token_is_good_for_an_hour_and_a_clock_may_be_a_little_fast(
    apns: LocalApns, sender: Sender, age: int
) -> None:
    token = provider_token(apns, claims={"iat": int(time.time()) - age})
    assert sender.push(authorization=f"bearer {token}").status_code == 200


# --- as clients send them -----------------------------------------------------------------------


def with_der_signature(token: str) -> str:
    """The token with its signature in ASN.1, as Java's and many other libraries make it."""
    signed, _, signature = token.rpartition(".")
    raw = base64url_decode(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    return f"{signed}.{base64url_encode(der).decode()}"


def test_a_signature_may_be_in_der(apns: LocalApns, sender: Sender) -> None:
    now = int(time.time())
    for _ in range(20):  # its length is not always the same
        token = with_der_signature(provider_token(apns, claims={"iat": now}))
        assert sender.push(authorization=f"bearer {token}").status_code == 200


def test_a_der_signature_of_another_key_is_invalid(apns: LocalApns, sender: Sender) -> None:
    token = with_der_signature(provider_token(apns, key=to_pem(make_signing_key())))
    response = sender.push(authorization=f"bearer {token}")
    assert (response.status_code, response.json()) == (403, {"reason": "InvalidProviderToken"})


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"0",
        b"\x30\x00",
        b"\x30\x06\x02\x01\x00\x02\x01\x00",
        b"\x30\x06\x02\x01\xff\x02\x01\x01",
        b"\x30\x84\xff\xff\xff\xff\x02",
        encode_dss_signature(2**300, 1),
        bytes(64),
        bytes(96),
    ],
    ids=lambda signature: signature[:8].hex() or "none",
)
def test_a_signature_of_neither_form_is_invalid(
    apns: LocalApns, sender: Sender, signature: bytes
) -> None:
    signed = provider_token(apns).rpartition(".")[0]
    token = f"{signed}.{base64url_encode(signature).decode()}"
    response = sender.push(authorization=f"bearer {token}")
    assert (response.status_code, response.json()) == (403, {"reason": "InvalidProviderToken"})


@pytest.mark.parametrize("form", ["{}", "{}.0", "{}.5"])
def test_iat_may_be_a_string_of_seconds(apns: LocalApns, sender: Sender, form: str) -> None:
    token = provider_token(apns, claims={"iat": form.format(int(time.time()))})
    assert sender.push(authorization=f"bearer {token}").status_code == 200


def test_a_string_of_seconds_ages_like_a_number(apns: LocalApns, sender: Sender) -> None:
    token = provider_token(apns, claims={"iat": str(int(time.time()) - 3700)})
    response = sender.push(authorization=f"bearer {token}")
    assert (response.status_code, response.json()) == (403, {"reason": "ExpiredProviderToken"})


# --- connections ---------------------------------------------------------------------------------


def test_a_connection_stays_with_the_key_of_its_first_push(apns: LocalApns, sender: Sender) -> None:
    sender.push()
    token = provider_token(apns, headers={"kid": "KEY0000000"})
    response = sender.push(authorization=f"bearer {token}")
    assert (response.status_code, response.json()) == (403, {"reason": "UnrelatedKeyIdInToken"})


def test_a_refused_provider_token_does_not_bind_the_connection(
    apns: LocalApns, sender: Sender
) -> None:
    token = provider_token(apns, headers={"kid": "KEY0000000"})
    sender.push(authorization=f"bearer {token}")
    assert sender.push().status_code == 200


def test_a_renewed_provider_token_is_good_on_the_same_connection(
    apns: LocalApns, sender: Sender
) -> None:
    sender.push()
    sender.token = provider_token(apns, claims={"iat": int(time.time()) - 5})
    sender.push()
    assert len({push.client for push in apns.accepted}) == 1


def test_the_team_and_the_key_id_can_be_chosen(
    new_sender: Callable[[LocalApns], Sender],
) -> None:
    with LocalApns(team_id="OTHERTEAM1", key_id="OTHERKEY12") as apns:
        assert new_sender(apns).push().status_code == 200


def test_a_signature_is_verified_once_for_each_token(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender.push()
    monkeypatch.setattr("jwt.PyJWS.decode", None)
    assert sender.push().status_code == 200
