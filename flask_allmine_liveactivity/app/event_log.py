"""What has happened, for the host's log and for the receivers of signals."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Sequence
from typing import Any

from blinker import NamedSignal
from flask import Flask

from flask_allmine_liveactivity.app.calling import call_host
from flask_allmine_liveactivity.model import Settlement, StreamEvent, fingerprint
from flask_allmine_liveactivity.model.settled import summary
from flask_allmine_liveactivity.signals import (
    pushes_settled,
    session_registered,
    stream_ended,
    stream_updated,
)

# Of its own name, so that a host can turn it on alone. Records carry what they say as attributes,
# too: `live_activity` is a mapping.
logger = logging.getLogger("flask_allmine_liveactivity.events")


class EventLog:
    """What happens in one app.

    Args:
        app: The sender of the signals.
    """

    def __init__(self, app: Flask) -> None:
        # Weakly: the thread that delivers tells what it has settled, and must not keep the app.
        self._app = weakref.ref(app)

    def registered(self, stream_id: str, answer: str, token: str) -> None:
        """A phone was answered."""
        if self._listens(session_registered):
            what = {
                "stream_id": stream_id,
                "answer": answer,
                "fingerprint": fingerprint(token),
            }
            self._log("session %(answer)s: stream %(stream_id)s, token %(fingerprint)s", what)
            self._send(session_registered, what)

    def announced(self, event: StreamEvent, source: str | None = None) -> None:
        """An end or an update was announced.

        Args:
            event: What stands.
            source: How an end came about this time, where it stood before: what was found may be
                said as well.
        """
        if event.is_end:
            self._ended(event, source or event.source)
        elif self._listens(stream_updated):
            what = {
                "stream_id": event.stream_id,
                "revision": event.revision,
                "priority": event.priority,
            }
            self._log("stream %(stream_id)s: an update, revision %(revision)s", what)
            self._send(stream_updated, what)

    def _ended(self, event: StreamEvent, source: str | None) -> None:
        if self._listens(stream_ended):
            what = {
                "stream_id": event.stream_id,
                "state": event.state,
                "revision": event.revision,
                "source": source,
            }
            self._log("stream %(stream_id)s: %(state)s, revision %(revision)s", what)
            self._send(stream_ended, what)

    def settled(self, settlements: Sequence[Settlement]) -> None:
        """What became of a batch was stored."""
        if not self._listens(pushes_settled):
            return
        settled = summary(settlements)
        for each in settled:
            what = {
                "stream_id": each.stream_id,
                "outcome": each.outcome,
                "reason": each.reason,
                "revision": each.revision,
                "count": each.count,
                "fingerprints": each.fingerprints,
            }
            why = "" if each.reason is None else " (%(reason)s)"
            self._log(f"stream %(stream_id)s: %(count)s %(outcome)s{why}", what)
        self._send(pushes_settled, {"settled": settled})

    def _listens(self, signal: NamedSignal) -> bool:
        return bool(signal.receivers) or logger.isEnabledFor(logging.INFO)

    def _log(self, message: str, what: dict[str, Any]) -> None:
        logger.info(message, what, extra={"live_activity": what})

    def _send(self, signal: NamedSignal, what: dict[str, Any]) -> None:
        app = self._app()
        if app is None:
            return
        for receiver in signal.receivers_for(app):
            try:
                call_host(app, receiver, app, **what)
            except Exception:
                logger.exception("A receiver of %s failed", signal.name)
