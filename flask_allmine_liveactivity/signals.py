"""What has happened, for whoever wants to know: signals as Flask has them.

The sender is the app. A receiver runs where the thing happens, in a request or in the thread that
delivers: it must be quick. One that fails is logged, and disturbs nobody.

``session_registered``
    A phone was answered: ``stream_id``, ``answer`` (``registered``, ``late``, ``conflict`` or
    ``too many``) and ``fingerprint``, the short name of its token.
``stream_ended``
    An end was announced, also one that is said again: ``stream_id``, ``state``, ``revision``.
``pushes_settled``
    A batch is done: ``settled``, a list of ``Settled``. A push whose token has changed while it was
    under way is among them, though it counts for nothing, and its session is told again.
"""

from __future__ import annotations

from blinker import Namespace

from flask_allmine_liveactivity.happenings import Settled

_signals = Namespace()
session_registered = _signals.signal("live-activity-session-registered")
stream_ended = _signals.signal("live-activity-stream-ended")
pushes_settled = _signals.signal("live-activity-pushes-settled")

__all__ = ["Settled", "pushes_settled", "session_registered", "stream_ended"]
