"""Tokens and keys have no place in ``repr``, be it the simulator's."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest

from flask_allmine_liveactivity import simulator
from flask_allmine_liveactivity.simulator.certificate import make_certificate
from flask_allmine_liveactivity.simulator.connection import Connection
from flask_allmine_liveactivity.simulator.keys import SigningKey, make_signing_key, to_pem
from flask_allmine_liveactivity.simulator.request import Request
from flask_allmine_liveactivity.simulator.wire import TransportWire

TOKEN = "ab" * 80
# What a request carries secrets in, and what secrets are called.
SECRET = re.compile(
    r"(^|_)(token|password|secret|private|pem|headers|body|path|authorization|key)(s|$|_)"
)
# Named alike, and none: ids, numbers, times, and what shows no secret of its own.
HARMLESS = {
    ("Connection", "bad_tokens"),
    ("Connection", "key"),
    ("Connection", "provider_token_made_at"),
    ("Judgement", "valid_provider_token"),
    ("SigningKey", "key_id"),
    ("_Reading", "key_id"),
    ("Answer", "headers"),  # of an answer: a channel's id, or what a test has told
    ("Request", "repeated_headers"),  # names
}


def dataclasses_of_the_simulator() -> Iterator[type]:
    for module in pkgutil.walk_packages(simulator.__path__, f"{simulator.__name__}."):
        for found in vars(importlib.import_module(module.name)).values():
            if dataclasses.is_dataclass(found) and found.__module__ == module.name:
                assert isinstance(found, type)
                yield found


ALL = sorted(dataclasses_of_the_simulator(), key=lambda found: found.__qualname__)


def shown_fields(found: type) -> list[str]:
    """Those that the repr made by ``dataclass`` shows; of one written by hand, none."""
    if not hasattr(found.__repr__, "__wrapped__"):
        return []
    return [field.name for field in dataclasses.fields(found) if field.repr]


@pytest.mark.parametrize("found", ALL, ids=lambda found: found.__qualname__)
def test_no_field_that_may_be_secret_is_shown(found: Any) -> None:
    shown = [name for name in shown_fields(found) if SECRET.search(name)]
    assert [name for name in shown if (found.__name__, name) not in HARMLESS] == []


def test_there_is_something_to_look_at() -> None:
    names = {found.__name__ for found in ALL}
    assert {"Certificate", "Request", "Received", "SigningKey", "HttpConsole", "User"} <= names
    assert len(names) > 15


def test_each_exemption_is_needed() -> None:
    there = {(found.__name__, name) for found in ALL for name in shown_fields(found)}
    assert there >= HARMLESS


def test_a_certificate_shows_no_key() -> None:
    assert "PRIVATE" not in repr(make_certificate("localhost"))


def test_a_signing_key_shows_its_id_only() -> None:
    key = SigningKey("KEY1234567", "TEAM123456", make_signing_key())
    assert "KEY1234567" in repr(key)
    assert to_pem(key.private).splitlines()[1] not in repr(key)


def test_a_request_shows_neither_tokens_nor_what_it_carries() -> None:
    connection = Connection(TransportWire(None))  # type: ignore[arg-type]
    connection.count_push(TOKEN, 0.0)
    headers = {"authorization": "bearer a.provider.token"}
    shown = repr(Request("POST", f"/3/device/{TOKEN}", headers, (), b"payload", connection, 0.0))
    assert "POST" in shown
    assert not any(secret in shown for secret in (TOKEN, "a.provider.token", "payload"))
