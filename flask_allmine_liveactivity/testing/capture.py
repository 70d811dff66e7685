"""Catching pushes instead of sending them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from flask import Flask

from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.testing.outbox import Outbox


@contextlib.contextmanager
def capture_pushes(app: Flask) -> Iterator[Outbox]:
    """Within the ``with`` block, catch the app's pushes.

    Afterwards they can be looked at::

        with capture_pushes(app) as outbox:
            outbox.register(stream_id)
            client.post(f"/streams/{stream_id}/cancel")
        assert outbox[0].event == "end"

    Storage is memory, empty at first; pushes go to the outbox; delivery runs inline, so that all
    of them are there when ``notify_stream_state`` returns. That holds whatever is configured, and
    nothing that is configured needs to be reachable: none of it is opened, read or written. It
    holds for requests, application contexts, threads and commands alike. Afterwards all is as it
    was before, also after an exception.

    Blocks may stand within each other: the inner one has a storage and an outbox of its own, and
    is the one that counts. What a background thread of the app had to do before the block, it
    goes on doing with what is configured.

    Args:
        app: The host, with ``LiveActivity`` installed.

    Raises:
        ConfigurationError: It is not installed.

    .. versionadded:: 0.1.0
    """
    installation = installed_on(app)
    outbox = Outbox(installation)
    with installation.standing_in(outbox.parts):
        yield outbox
