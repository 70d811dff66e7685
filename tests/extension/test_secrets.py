"""What shows in a repr ends up in a log, a traceback or an error tracker: no token, no key."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import flask_allmine_liveactivity
from flask_allmine_liveactivity.app.settings import read_settings
from flask_allmine_liveactivity.model import Push, PushResult, Settlement, StreamState, Verdict
from flask_allmine_liveactivity.phones.registration import Claimant, resolve
from flask_allmine_liveactivity.streams.announcement import announcement_of_end

from .apps import apple_key

SECRET = "0123456789abcdef" * 10

# The words that names of secrets are made of, and the names that only sound like one.
OF_SECRETS = {"token", "tokens", "key", "keys", "pem", "secret", "password", "jwt", "bearer",
              "authorization", "credentials", "uri", "private"}  # fmt: skip
NO_SECRETS = {"key_id", "token_pattern"}
NUMBERS = {"int", "float", "bool"}


def modules() -> Iterator[ModuleType]:
    yield flask_allmine_liveactivity
    prefix = f"{flask_allmine_liveactivity.__name__}."
    for found in pkgutil.walk_packages(flask_allmine_liveactivity.__path__, prefix):
        if not found.name.endswith(".__main__"):
            yield importlib.import_module(found.name)


def dataclasses_of_the_package() -> dict[str, type[Any]]:
    return {
        f"{made.__module__}.{made.__qualname__}": made
        for module in modules()
        for _, made in inspect.getmembers(module, inspect.isclass)
        if dataclasses.is_dataclass(made) and made.__module__ == module.__name__
    }


def sounds_secret(name: str) -> bool:
    return name not in NO_SECRETS and not OF_SECRETS.isdisjoint(re.split(r"_+", name.lower()))


def test_no_dataclass_of_the_package_shows_a_token_or_a_key() -> None:
    found = dataclasses_of_the_package()
    # A dataclass in a field is looked at itself.
    harmless = NUMBERS | {made.__name__ for made in found.values()}
    shown = [
        f"{name}.{field.name}"
        for name, made in found.items()
        if made.__dataclass_params__.repr and "__repr__" in vars(made)
        for field in dataclasses.fields(made)
        if field.repr and sounds_secret(field.name)
        if str(field.type).removesuffix(" | None") not in harmless
    ]
    assert len(found) > 20
    assert shown == []


def claimant() -> Claimant:
    return Claimant(
        user_id="ada", device_id="iphone", activity_id="ride", stream_id="5" * 24, token=SECRET
    )


@pytest.mark.parametrize("what", ["claimant", "session", "resolution", "push", "settlement"])
def test_what_holds_a_token_does_not_show_it(what: str) -> None:
    session = claimant().session(time.time(), 60)
    push = Push(
        token=SECRET, payload=SECRET.encode(), apns_id="an-id", priority=10, expiration=0,
        target=session,
    )  # fmt: skip
    settlement = Settlement(
        session=session, status=session.status, delivered=1, attempts=0, rejections=0, due_at=0.0,
        reason=None, whoever_holds_the_lease=True,
    )  # fmt: skip
    shown: dict[str, object] = {
        "claimant": claimant(),
        "session": session,
        "resolution": resolve(session, [], time.time()),
        "push": PushResult(push, Verdict.DELIVERED),
        "settlement": settlement,
    }
    assert SECRET not in repr(shown[what])


def test_settings_do_not_show_a_key_or_a_password() -> None:
    config = {
        "LIVE_ACTIVITY_APNS_KEY": apple_key(),
        "LIVE_ACTIVITY_APNS_KEY_ID": "ABCDE12345",
        "LIVE_ACTIVITY_APNS_TEAM_ID": "ABCDE12345",
        "LIVE_ACTIVITY_APNS_BUNDLE_ID": "com.example.app",
        "LIVE_ACTIVITY_APNS_ENVIRONMENT": "sandbox",
        "LIVE_ACTIVITY_STORAGE_URI": f"postgresql://ada:{SECRET}@db/allmine",
        "LIVE_ACTIVITY_STORAGE_OPTIONS": {"connect_args": {"password": SECRET}},
    }
    settings = read_settings(config, push_given=False, lenient=False)
    assert SECRET not in repr(settings)
    assert "PRIVATE KEY" not in repr(settings)


def test_an_announcement_is_shown_whole() -> None:
    """It has no secret: what a person looks for is not hidden by the rule above."""
    announcement = announcement_of_end(
        "5" * 24, StreamState.READY, content_state={"title": "x"}, alert=None, dismiss_after=0.0,
        now=0.0, ttl=1.0,
    )  # fmt: skip
    assert "'title': 'x'" in repr(announcement)
