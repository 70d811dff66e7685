"""The app's ``ContentState``, and whether a push decodes into it.

The phones of the simulator decode with it, and the test kit checks with it; it imports neither.
"""

from __future__ import annotations

import math
import types
from collections.abc import Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

WHERE = "content-state"
"""How every path in a message begins."""

_INT64 = range(-(2**63), 2**63)


class Undecodable(ValueError):
    """JSON does not decode into what the app has declared; the message says where and why."""


class ContentState:
    """The fields that an app's ``ContentState`` has, decoded as Swift's ``JSONDecoder`` does.

        ContentState({"status": str, "startsAt": float, "viewers": int | None})

    A plain decoder is used, without strategies for keys or dates (Apple, "Starting and updating
    Live Activities with ActivityKit push notifications"), so keys are compared exactly, and a
    ``Date`` is a ``float``: seconds since 2001-01-01 UTC.

    Args:
        fields: By name: ``str``, ``int``, ``float``, ``bool``; ``T | None`` for an optional;
            ``list[T]``; ``dict[str, T]``; ``Literal["soon", "live"]`` or an ``Enum`` class for an
            enumeration with raw values; a mapping of fields or another `ContentState` for a nested
            structure, ``ContentState({...}) | None`` for an optional one.

    Raises:
        TypeError: A field is declared as anything else.

    .. versionadded:: 0.1.0
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = {
            name: ContentState(declared) if isinstance(declared, Mapping) else declared
            for name, declared in fields.items()
        }
        self.optional = False
        for name, declared in self.fields.items():
            _check(declared, name)

    def __or__(self, none: None) -> ContentState:
        """The same structure as an optional: it may be left out, or be ``null``."""
        optional = ContentState(self.fields)
        optional.optional = True
        return optional

    def decode(self, value: object) -> dict[str, Any]:
        """What the app sees: the declared fields, absent optionals as ``None``, and no others.

        Args:
            value: As it came out of JSON.

        Raises:
            Undecodable: A field is missing, or of another type.

        .. versionadded:: 0.1.0
        """
        return _structure(self, value, WHERE)

    def unknown_keys(self, value: object) -> Iterator[str]:
        """The keys that the app has not declared and ignores, each as a sentence.

        A key that Swift ignores is often one that was meant to be another.

        .. versionadded:: 0.1.0
        """
        return _unknown(self, value, WHERE)

    def __repr__(self) -> str:
        return f"ContentState({self.fields!r})" + (" | None" if self.optional else "")


def _check(declared: Any, name: str) -> None:
    optional = _unwrapped(declared)
    if optional is not None:
        _check(optional, name)
    elif isinstance(declared, type) and issubclass(declared, date):
        raise TypeError(
            f"The field {name!r} is declared as {declared!r}: ActivityKit's decoder reads a Swift "
            "Date as seconds since 2001-01-01, not since 1970. Declare a Double or a String in the "
            "app, and float or str here."
        )
    elif get_origin(declared) is list:
        _check(get_args(declared)[0], name)
    elif get_origin(declared) is dict and get_args(declared)[0] is str:
        _check(get_args(declared)[1], name)
    elif not (
        declared in (str, int, float, bool)
        or _cases(declared)
        or isinstance(declared, ContentState)
    ):
        raise TypeError(
            f"The field {name!r} is declared as {declared!r}: use str, int, float, bool, "
            "T | None, list[T], dict[str, T], Literal[...], an Enum or a ContentState."
        )


def _cases(declared: Any) -> tuple[Any, ...]:
    """The raw values of an enumeration; none where it is no enumeration."""
    if get_origin(declared) is Literal:
        return get_args(declared)
    if isinstance(declared, type) and issubclass(declared, Enum):
        return tuple(case.value for case in declared)
    return ()


def _unwrapped(declared: Any) -> Any:
    """The ``T`` of ``T | None``; ``None`` where it is not optional."""
    if isinstance(declared, ContentState) and declared.optional:
        return ContentState(declared.fields)
    if get_origin(declared) not in (Union, types.UnionType):
        return None
    others = [one for one in get_args(declared) if one is not type(None)]
    return others[0] if len(others) == 1 and len(get_args(declared)) == 2 else None


def _structure(declared: ContentState, value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Undecodable(f"{where} is {shown(value)}, and must be an object.")
    decoded: dict[str, Any] = {}
    for name, field in declared.fields.items():
        optional = _unwrapped(field)
        if name not in value and optional is None:
            raise Undecodable(f"{where} has no {name!r}, which the app's ContentState requires.")
        # decodeIfPresent: an optional may be left out, or be null.
        if optional is not None and value.get(name) is None:
            decoded[name] = None
        else:
            decoded[name] = _value(optional or field, value[name], f"{where}.{name}")
    return decoded


def _value(declared: Any, value: Any, where: str) -> Any:
    optional = _unwrapped(declared)
    if optional is not None:
        return None if value is None else _value(optional, value, where)
    if isinstance(declared, ContentState):
        return _structure(declared, value, where)
    if get_origin(declared) is list:
        if not isinstance(value, list):
            raise Undecodable(f"{where} is {shown(value)}, and must be an array.")
        (item,) = get_args(declared)
        return [_value(item, one, f"{where}[{index}]") for index, one in enumerate(value)]
    if get_origin(declared) is dict:
        if not isinstance(value, dict):
            raise Undecodable(f"{where} is {shown(value)}, and must be an object.")
        item = get_args(declared)[1]
        return {key: _value(item, one, f"{where}.{key}") for key, one in value.items()}
    cases = _cases(declared)
    if cases:
        # True is not 1 in JSON, though it is in Python.
        if not any(value == case and type(value) is type(case) for case in cases):
            one_of = ", ".join(repr(case) for case in cases)
            raise Undecodable(f"{where} is {shown(value)}, and must be one of {one_of}.")
        return value
    return _plain(declared, value, where)


def _unknown(declared: Any, value: object, where: str) -> Iterator[str]:
    declared = _unwrapped(declared) or declared
    if isinstance(declared, ContentState) and isinstance(value, dict):
        for key, one in value.items():
            if key in declared.fields:
                yield from _unknown(declared.fields[key], one, f"{where}.{key}")
            else:
                close = get_close_matches(str(key), set(declared.fields) - set(value), 1)
                meant = f": did you mean {close[0]!r}?" if close else "."
                yield f"{where} has {key!r}, which the app does not declare and ignores{meant}"
    elif get_origin(declared) is list and isinstance(value, list):
        for index, one in enumerate(value):
            yield from _unknown(get_args(declared)[0], one, f"{where}[{index}]")
    elif get_origin(declared) is dict and isinstance(value, dict):
        for key, one in value.items():
            yield from _unknown(get_args(declared)[1], one, f"{where}.{key}")


def _plain(declared: type, value: Any, where: str) -> Any:
    """A string, number or truth value: the decoder converts none into another."""
    if declared in (str, bool):
        if type(value) is declared:
            return value
    elif is_number(value):
        if declared is float:
            return float(value)
        # 3.0 is an Int for the decoder, and 3.5 is none.
        if value == int(value) and int(value) in _INT64:
            return int(value)
    raise Undecodable(f"{where} is {shown(value)}, and must be {_SWIFT[declared]}.")


def is_number(value: object) -> bool:
    """Whether it is a JSON number that a ``Double`` can hold: ``true`` is none, nor is ``NaN``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of hundreds of digits
        return False


_SWIFT = {str: "a String", int: "an Int", float: "a Double", bool: "a Bool"}


def shown(value: object) -> str:
    """How a value stands in a sentence."""
    return "null" if value is None else repr(value)[:80]
