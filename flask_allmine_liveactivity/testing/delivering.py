"""Delivering at a time of the test's choosing, so that nothing has to be waited for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Flask

from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.delivery.outcomes import EXPIRED
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.times import seconds_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What one run of delivery has done.

    .. versionadded:: 0.1.0
    """

    delivered: int
    """Pushes that were accepted."""
    gone: int
    """Pushes whose tokens are dead."""
    rejected: int
    """Pushes whose tokens do not work, for another reason."""
    retrying: int
    """Pushes that are to be tried again."""
    expired: int
    """Sessions that were given up untold, at the end of their life."""
    pending: int
    """Sessions that are still to be told afterwards."""
    obstacle: str | None
    """Why the run stopped before all were told, if it did: a push was answered ``unreachable`` or
    ``misconfigured``."""


def deliver_now(app: Flask, at: float | datetime | timedelta | None = None) -> Delivered:
    """Run delivery once, as if it were `at`: all that is due by then.

    Back-off, retries and expiry are tested with it, without waiting::

        outbox.answer(token, "retry", retry_after=600)
        notify_stream_state(stream_id, "cancelled")
        assert deliver_now(app, timedelta(minutes=9)).delivered == 0
        assert deliver_now(app, timedelta(minutes=11)).delivered == 1

    It is one look at that time: of the tries that would have been made in between, none is.
    Within ``capture_pushes`` it delivers to the outbox; outside, to what the app has configured.

    Args:
        app: The host, with ``LiveActivity`` installed.
        at: Seconds since the epoch, a ``datetime`` with a time zone, or a ``timedelta`` from now.
            Without it, now.

    Raises:
        ConfigurationError: ``LiveActivity`` is not installed.
        StorageUnavailable: The app's own storage does not answer.
        ValueError: `at` is a ``datetime`` without a time zone, or no finite number.

    .. versionadded:: 0.1.0
    """
    parts = installed_on(app).parts
    now = seconds_of(at)
    expired_before = _expired(parts.storage, now)
    # Of its own: what this run learns of an outage is not to slow the app's delivery down.
    run = Delivery(parts.storage, parts.push, parts.delivery.policy, clock=lambda: now).run()
    return Delivered(
        delivered=run.tally.delivered,
        gone=run.tally.gone,
        rejected=run.tally.rejected,
        retrying=run.tally.retrying,
        expired=_expired(parts.storage, now) - expired_before,
        pending=parts.storage.counts(now).untold,
        obstacle=run.obstacle,
    )


def _expired(storage: Storage, now: float) -> int:
    dead = storage.counts(now).dead
    # Not "ExpiredToken", which is Apple's: of these the push service was never asked again.
    return sum(
        count
        for reason, count in dead.items()
        if reason == EXPIRED or reason.startswith(f"{EXPIRED}: ")
    )
