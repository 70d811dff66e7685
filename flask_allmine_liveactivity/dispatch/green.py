"""Green threads, under which delivery cannot run."""

from __future__ import annotations

import sys

from flask_allmine_liveactivity.errors import ConfigurationError

_REMEDIES = {
    "the thread": (
        "LIVE_ACTIVITY_DELIVERY = 'thread' does not work under {name}: waiting for Apple would "
        "stall every request of the worker. Set it to 'worker' and run `flask live-activity "
        "worker` beside the web processes."
    ),
    "a task": (
        "Live Activity tasks do not work in a Celery worker of green threads ({name}): waiting "
        "for Apple would stall its other tasks. Set LIVE_ACTIVITY_CELERY_QUEUE, and let a worker "
        "with --pool prefork or threads take that queue."
    ),
}


def refuse_green_threads(who: str) -> None:
    """Raise ``ConfigurationError`` where gevent or eventlet has replaced threads.

    libcurl waits in C: under green threads that would stall every greenlet of the process.

    Args:
        who: ``"the thread"`` or ``"a task"`` is about to deliver.
    """
    for name, module, question, subject in (
        ("gevent", "gevent.monkey", "is_module_patched", "threading"),
        ("eventlet", "eventlet.patcher", "is_monkey_patched", "thread"),
    ):
        is_patched = getattr(sys.modules.get(module), question, None)
        if is_patched is not None and is_patched(subject):
            raise ConfigurationError(_REMEDIES[who].format(name=name))
