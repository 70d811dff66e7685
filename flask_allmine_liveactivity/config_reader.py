"""Reads ``app.config`` key by key: each value of its type and within its bounds."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask_allmine_liveactivity.errors import ConfigurationError

PREFIX = "LIVE_ACTIVITY_"


class ConfigReader:
    """Reads single keys, and remembers which there are."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._known: set[str] = set()

    def get(self, name: str, default: Any) -> Any:
        self._known.add(PREFIX + name)
        return self._config.get(PREFIX + name, default)

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
            raise ConfigurationError(
                f"{PREFIX}{name} must be a whole number from 1 to {most}, and is {value!r}."
            )
        return value

    def flag(self, name: str) -> bool:
        value = self.get(name, False)
        if not isinstance(value, bool):
            raise ConfigurationError(f"{PREFIX}{name} must be True or False, and is {value!r}.")
        return value

    def one_of(self, name: str, choices: tuple[str, ...], default: str | None) -> Any:
        value = self.get(name, default)
        if value not in choices:
            raise ConfigurationError(
                f"{PREFIX}{name} must be one of {', '.join(map(repr, choices))}, and is {value!r}."
            )
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self.get(name, {})
        if not isinstance(value, Mapping):
            raise ConfigurationError(
                f"{PREFIX}{name} must be a mapping, and is a {type(value).__name__}."
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
        raise ConfigurationError(
            f"{name} must be seconds (at least {least:g}) or a timedelta, and is {value!r}."
        )
    return float(value)
