"""Asking the host at a time of the test's choosing, so that nothing has to be waited for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from flask import Flask

from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.testing.times import seconds_of


def ask_now(app: Flask, at: float | datetime | timedelta | None = None) -> int:
    """Ask your ``streams`` callback once, as if it were `at`: about all that is due for a question
    by then.

    That a forgotten end is found, and that a countdown expires, is tested with it, without
    waiting. An end that is only found counts at the second answer, an interval after the first::

        outbox.register(stream_id)
        cancel_without_telling(stream_id)
        ask_now(app, timedelta(minutes=1))
        ask_now(app, timedelta(minutes=2))
        assert outbox[0].event == "end"

    What your answers make of the streams is pushed before it returns: within ``capture_pushes`` to
    the outbox; outside, to what the app has configured. Your callback may be asked about up to 500
    streams at once; its errors are logged, and not raised.

    Args:
        app: The host, with ``LiveActivity`` installed.
        at: Seconds since the epoch, a ``datetime`` with a time zone, or a ``timedelta`` from now.
            Without it, now.

    Returns:
        About how many streams it was asked; 0 too where there is no callback.

    Raises:
        ConfigurationError: ``LiveActivity`` is not installed.
        StorageUnavailable: The app's own storage does not answer.
        ValueError: `at` is a ``datetime`` without a time zone, or no finite number.

    .. versionadded:: 0.1.0
    """
    now, installation = seconds_of(at), installed_on(app)
    parts = installation.parts
    # An update keeps its distance from the last one by that time, too.
    delivery = Delivery(
        parts.storage,
        parts.push,
        parts.delivery.policy,
        clock=lambda: now,
        settled=installation.event_log.settled,
    )
    with installation.standing_in(replace(parts, delivery=delivery)):
        return installation.streams.ask_due(clock=lambda: now)
