"""Reading the JSON that the page sends; what is wrong with it is a 400 with a sentence."""

from __future__ import annotations

import json
import math
from typing import Any

from flask import abort, request

LONGEST_TEXT = 200
LONGEST_TOKEN = 8192
# Of objects and lists in each other. What is taken is shown again, to every browser: what cannot
# be written as JSON would break the page for good.
DEEPEST = 32
# Seconds since the epoch at the end of the year 9999.
FURTHEST = 253_402_300_800.0


def given() -> dict[str, Any]:
    """The body, a JSON object."""
    body = _parse(_read())
    if not isinstance(body, dict):
        abort(400, "Send a JSON object.")
    if _is_deeper_than(DEEPEST, body):
        abort(400, f"Send JSON of at most {DEEPEST} levels.")
    return body


def text(key: str, *, longest: int = LONGEST_TEXT) -> str:
    """A string that is not empty."""
    value = given().get(key)
    if not isinstance(value, str) or not value.strip():
        abort(400, f"{key} must be a string, and not empty.")
    if len(value) > longest:
        abort(400, f"{key} must not be longer than {longest} characters.")
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
    if not abs(value) < FURTHEST:
        abort(400, f"{key} must lie within {FURTHEST:.0f}.")
    return float(value)


def mapping(key: str) -> dict[str, Any]:
    """A JSON object; empty where there is none."""
    value = given().get(key, {})
    if not isinstance(value, dict):
        abort(400, f"{key} must be a JSON object.")
    return value


def _read() -> bytes:
    try:
        return request.get_data()
    except OSError:  # a server's word for a body that breaks off, or is chunked wrongly
        abort(400, "The body could not be read to its end.")


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError):
        abort(400, "Send JSON.")


def _no_number(name: str) -> float:
    """NaN and Infinity, which Python reads and no browser does."""
    raise ValueError(f"{name} is no JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _no_number(digits)


def _is_deeper_than(levels: int, body: Any) -> bool:
    """Asked level by level: a recursion would end where the body is deepest."""
    level = [body]
    for _ in range(levels):
        containers = (it for it in level if isinstance(it, dict | list))
        level = [
            inner for it in containers for inner in (it.values() if isinstance(it, dict) else it)
        ]
    return any(isinstance(it, dict | list) for it in level)
