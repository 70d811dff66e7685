"""Whose a phone is."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class User:
    """Who is logged in on a phone."""

    username: str
    password: str = field(default="", repr=False)
