"""Whether what a host sends decodes into what its app has declared."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import Any

from flask_allmine_liveactivity.model.content_state import (
    WHERE,
    ContentState,
    Undecodable,
    is_number,
    shown,
)


class ContentStateMismatch(AssertionError):
    """A content-state that the app cannot decode; each line names a path and what is wrong.

    .. versionadded:: 0.1.0
    """


def check_content_state(
    value: object, declared: ContentState | Mapping[str, Any], *, allow_unknown: bool = False
) -> None:
    """Assert that a content-state decodes into the app's ``ContentState``.

        check_content_state(push.content_state, {"status": str, "startsAt": float})

    iOS drops a push whose content-state does not decode, the end with it, and tells nobody: so a
    test is the place to find out. What is decoded, and how, is said at `ContentState`.

    Args:
        value: What your callback returns, or `SentPush.content_state`.
        declared: The fields of the app's ``ContentState`` by name.
        allow_unknown: Keys that the app does not declare are no failure. Swift ignores them;
            usually one is a misspelt key.

    Raises:
        ContentStateMismatch: It does not decode, is no JSON, or has a key that is not declared.
        TypeError: A field is declared as something that Swift's decoder does not read from JSON.

    .. versionadded:: 0.1.0
    """
    declared = declared if isinstance(declared, ContentState) else ContentState(declared)
    if value is None:
        raise ContentStateMismatch(
            f"There is no {WHERE}: iOS ends the activity with what it shows last. Where that is "
            "meant, assert that it is None instead."
        )
    problems: list[str] = []
    try:
        value = _json(value, WHERE)
        declared.decode(value)
    except Undecodable as error:
        problems.append(str(error))
    if not allow_unknown:
        problems.extend(declared.unknown_keys(value))
    if problems:
        raise ContentStateMismatch("\n".join(problems))


def _json(value: object, where: str) -> Any:
    """The value as it comes out of JSON at the other end.

    Raises:
        Undecodable: JSON does not have it.
    """
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise Undecodable(f"{where} has the key {key!r}: keys of JSON are strings.")
        return {key: _json(one, f"{where}.{key}") for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json(one, f"{where}[{index}]") for index, one in enumerate(value)]
    if isinstance(value, Enum) and isinstance(value, str | int):
        return value.value
    if value is None or isinstance(value, str | bool) or is_number(value):
        return value
    if isinstance(value, int | float):
        raise Undecodable(f"{where} is {shown(value)}: JSON has only finite numbers.")
    if isinstance(value, date):
        raise Undecodable(
            f"{where} is a {type(value).__name__}, which JSON does not have: send a number, such "
            "as its timestamp(), and declare a Double in the app."
        )
    raise Undecodable(f"{where} is a {type(value).__name__}, which JSON does not have.")
