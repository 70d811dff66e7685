"""Whose a session is: a user logs out of a phone, or is erased."""

from __future__ import annotations

from dataclasses import dataclass

from flask_allmine_liveactivity.app.installation import Installation
from flask_allmine_liveactivity.model.canonical import canonical_user_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What a user has left on a device."""

    sessions: int
    """Those that run, and have no owner now; their end is told all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """A user of whom nothing is known any more."""

    sessions: int
    """How many there were, of any status."""


def release(installation: Installation, user_id: object, device_id: str) -> Released:
    """A user has logged out of a device: its next user may register what still runs there.

    Raises:
        TypeError: ``user_id`` is neither a string nor a number, UUID or ``ObjectId``.
    """
    count = installation.storage.sessions.release(canonical_user_id(user_id), device_id)
    return Released(sessions=count)


def forget(installation: Installation, user_id: object) -> Forgotten:
    """Erase a user; what still runs is kept without its owner until it has been ended.

    Raises:
        TypeError: ``user_id`` is neither a string nor a number, UUID or ``ObjectId``.
    """
    return Forgotten(sessions=installation.storage.forget_user(canonical_user_id(user_id)))
