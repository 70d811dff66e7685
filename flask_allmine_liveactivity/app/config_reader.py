"""Reads ``app.config`` key by key: each value of its type and within its bounds."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask_allmine_liveactivity.errors import ConfigurationError

PREFIX = "LIVE_ACTIVITY_"

# What JSON calls otherwise; no setting may have one of these as its text.
_WORDS = {"true": "true", "false": "false", "none": "null", "null": "null"}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_WITH_UNIT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|h|d)[a-z]*\.?\s*", re.IGNORECASE)
_CLOCK = re.compile(r"\s*(\d+):(\d\d):(\d\d)\s*")
_PROXY = re.compile(
    r"(https?|socks5h?)://([^/?#\s\x00-\x20@]+@)?([\w.-]+|\[[0-9A-Fa-f:.]+\]):[1-9][0-9]{0,4}/?",
    re.ASCII,
)


class ConfigReader:
    """Reads single keys, and remembers which there are."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._known: set[str] = set()

    def get(self, name: str, default: Any) -> Any:
        self._known.add(PREFIX + name)
        value = self._config.get(PREFIX + name, default)
        if isinstance(value, str):
            _refuse_what_is_no_json(PREFIX + name, value)
        return value

    def text(self, name: str) -> str | None:
        value = self.get(name, None)
        if value is None or isinstance(value, str):
            return value
        hint = ""
        if isinstance(value, int | float) and not isinstance(value, bool):
            hint = (
                " from_prefixed_env() reads JSON, and so turns digits into a number: put the "
                "value in double quotes inside the variable."
            )
        raise ConfigurationError(
            f"{PREFIX}{name} must be a string, and is a {type(value).__name__}.{hint}"
        )

    def duration(self, name: str, default: float, *, least: float) -> float:
        return seconds_of(self.get(name, default), PREFIX + name, least=least)

    def count(self, name: str, default: int, *, most: int) -> int:
        value = self.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            hint = _unquoted(value) if isinstance(value, str) else ""
            raise ConfigurationError(
                f"{PREFIX}{name} must be a whole number from 1 to {most}, and is {value!r}.{hint}"
            )
        return value

    def flag(self, name: str) -> bool:
        value = self.get(name, False)
        if not isinstance(value, bool):
            raise ConfigurationError(
                f"{PREFIX}{name} must be True or False, and is {value!r}. In an environment "
                "variable that from_prefixed_env() reads, write true or false, without quotes."
            )
        return value

    def one_of(self, name: str, choices: tuple[str, ...], default: str | None) -> Any:
        value = self.get(name, default)
        if value not in choices:
            raise ConfigurationError(
                f"{PREFIX}{name} must be one of {', '.join(map(repr, choices))}, and is {value!r}."
            )
        return value

    def proxy(self, name: str) -> str | None:
        value = self.text(name)
        if value and not _PROXY.fullmatch(value):
            # Not the value itself: it may hold a password.
            raise ConfigurationError(
                f"{PREFIX}{name} must be a proxy's URL with its port: 'http://host:3128', or with "
                "'https', 'socks5' or 'socks5h' before it. Where it asks for a user and password: "
                "'http://user:password@host:3128'; in them escape what is special in a URL "
                "(urllib.parse.quote). '' is no proxy, whatever the environment says."
            )
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self.get(name, {})
        if not isinstance(value, Mapping):
            hint = ""
            if isinstance(value, str):  # which may hold a password
                hint = (
                    " from_prefixed_env() reads JSON: keys and texts stand in double quotes there, "
                    'as in {"key": "text", "other": true}.'
                )
            raise ConfigurationError(
                f"{PREFIX}{name} must be a mapping, and is a {type(value).__name__}.{hint}"
            )
        return dict(value)

    def pattern(self, name: str, default: re.Pattern[str]) -> re.Pattern[str]:
        value = self.get(name, default)
        if not isinstance(value, str | re.Pattern):
            raise ConfigurationError(
                f"{PREFIX}{name} must be a regular expression, and is a {type(value).__name__}."
            )
        try:
            return re.compile(value)
        except re.error as error:
            raise ConfigurationError(
                f"{PREFIX}{name} is not a regular expression: {error}."
            ) from None

    def refuse_unknown(self) -> None:
        for key in sorted(map(str, self._config)):
            if key.startswith(PREFIX) and key not in self._known:
                close = difflib.get_close_matches(key, sorted(self._known), n=1)
                hint = f" Did you mean {close[0]}?" if close else ""
                raise ConfigurationError(f"There is no setting {key}.{hint}")


def seconds_of(value: Any, name: str, *, least: float) -> float:
    """A duration in seconds; ``ConfigurationError`` names the setting."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if (
        not isinstance(value, int | float)
        or isinstance(value, bool)
        or not least <= value < 10 * 365 * 24 * 3600
    ):
        hint = _in_seconds(value) if isinstance(value, str) else ""
        raise ConfigurationError(
            f"{name} must be seconds (at least {least:g}) or a timedelta, and is {value!r}.{hint}"
        )
    return float(value)


def _refuse_what_is_no_json(key: str, text: str) -> None:
    """A variable of the environment is read as JSON; what is none stays a text."""
    word = _WORDS.get(text.strip().lower())
    if word is not None and text.strip() != word:
        raise ConfigurationError(
            f"{key} is the text {text!r}. from_prefixed_env() reads JSON from the environment: "
            f"write {word}, in small letters and without quotes."
        )
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        raise ConfigurationError(
            f"{key} has quotes around its value, which are taken for a part of it: remove them."
        )


def _unquoted(text: str) -> str:
    return f" Without quotes it is one: {text.strip()}." if text.strip().isdecimal() else ""


def _in_seconds(text: str) -> str:
    unit, clock = _WITH_UNIT.fullmatch(text), _CLOCK.fullmatch(text)
    if unit is not None:
        seconds = float(unit[1]) * _UNITS[unit[2].lower()]
    elif clock is not None:
        seconds = int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3])
    elif text.lstrip().startswith("{"):
        return ' A mapping by state is JSON: {"ready": 60}.'
    else:
        return _unquoted(text)
    return f" In seconds that is {seconds:g}."
