"""Whose a phone is."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class User:
    """Who is logged in on a phone."""

    username: str
    password: str = field(default="", repr=False)
    access_token: str | None = field(default=None, repr=False)
    """A ready-made one: the phone does not ask the host for one."""
