"""Reading the JSON that the page sends; what is wrong with it is a 400 with a sentence."""

from __future__ import annotations

from typing import Any

from flask import abort, request

LONGEST_TEXT = 200
# Seconds since the epoch at the end of the year 9999.
FURTHEST = 253_402_300_800.0


def given() -> dict[str, Any]:
    """The body, a JSON object."""
    body = request.get_json()
    if not isinstance(body, dict):
        abort(400, "Send a JSON object.")
    return body


def text(key: str) -> str:
    """A string that is not empty."""
    value = given().get(key)
    if not isinstance(value, str) or not value.strip():
        abort(400, f"{key} must be a string, and not empty.")
    if len(value) > LONGEST_TEXT:
        abort(400, f"{key} must not be longer than {LONGEST_TEXT} characters.")
    return value.strip()


def flag(key: str) -> bool:
    """``true`` or ``false``."""
    value = given().get(key)
    if not isinstance(value, bool):
        abort(400, f"{key} must be true or false.")
    return value


def number(key: str, default: float) -> float:
    """A number."""
    value = given().get(key, default)
    if not isinstance(value, int | float) or isinstance(value, bool):
        abort(400, f"{key} must be a number.")
    # JSON as Python reads it knows NaN, and integers that no float can hold.
    if not abs(value) < FURTHEST:
        abort(400, f"{key} must lie within {FURTHEST:.0f}.")
    return float(value)


def mapping(key: str) -> dict[str, Any]:
    """A JSON object; empty where there is none."""
    value = given().get(key, {})
    if not isinstance(value, dict):
        abort(400, f"{key} must be a JSON object.")
    return value
