"""Signals of Flask's kind, sent when something has happened.

The sender is the app. A receiver runs in the request or in the thread that delivers, so it must be
quick. A receiver that raises is logged, and the request or the delivery goes on.

``session_registered``
    A phone was answered: ``stream_id``, ``answer`` (``registered``, ``late``, ``conflict``,
    ``elsewhere`` or ``too many``) and ``fingerprint``, the short name of its token.
``stream_ended``
    An end was announced, also one that is said again: ``stream_id``, ``state``, ``revision``, and
    ``source``: ``said`` by the host, ``found`` when the host was asked, ``guard`` or ``expired``.
``stream_updated``
    Running countdowns are to show something new: ``stream_id``, ``revision``, ``priority``.
``pushes_settled``
    A batch is done: ``settled``, a list of ``Settled``. It includes pushes whose token has changed
    while they were under way; these count for nothing, and the new token gets a push.

.. versionadded:: 0.1.0
"""

from __future__ import annotations

from blinker import Namespace

from flask_allmine_liveactivity.model.settled import Settled

_signals = Namespace()
session_registered = _signals.signal("live-activity-session-registered")
stream_ended = _signals.signal("live-activity-stream-ended")
stream_updated = _signals.signal("live-activity-stream-updated")
pushes_settled = _signals.signal("live-activity-pushes-settled")

__all__ = ["Settled", "pushes_settled", "session_registered", "stream_ended", "stream_updated"]
