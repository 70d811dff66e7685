"""uWSGI without threads, under which a thread stands still between two requests."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from flask_allmine_liveactivity.errors import ConfigurationError

_REMEDIES = {
    "the thread": (
        "LIVE_ACTIVITY_DELIVERY = 'thread' does not work under uWSGI without threads: what is "
        "queued would be delivered only while other requests are served. Start uWSGI with "
        "--enable-threads (`enable-threads = true`), or set LIVE_ACTIVITY_DELIVERY = 'worker' and "
        "run `flask live-activity worker` beside it."
    ),
    "the messages": (
        "LIVE_ACTIVITY_DELIVERY = 'celery' does not work under uWSGI without threads: messages to "
        "the broker would be sent only while other requests are served. Start uWSGI with "
        "--enable-threads (`enable-threads = true`)."
    ),
}
_OFF = ("false", "0", "no", "off")


def refuse_still_threads(who: str) -> None:
    """Raise ``ConfigurationError`` in a process of uWSGI that lets no thread run by itself.

    That is the default of older ones, such as 2.0.24: they keep the interpreter's lock between two
    requests. Newer ones, such as 2.0.28, always let threads run.

    Args:
        who: ``"the thread"`` delivers, or ``"the messages"`` are sent by one.
    """
    uwsgi = sys.modules.get("uwsgi")  # it is there only within a process of uWSGI
    if uwsgi is None:
        return
    has_threads = getattr(uwsgi, "has_threads", None)
    if has_threads is None:
        has_threads = _has_threads(getattr(uwsgi, "opt", {}))
    if not has_threads:
        raise ConfigurationError(_REMEDIES[who])


def _has_threads(options: Mapping[str, object]) -> bool:
    """What the options say; their values are ``True`` or bytes."""
    if "threads" in options:
        return True
    value = options.get("enable-threads", False)
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    return text.strip().lower() not in _OFF
