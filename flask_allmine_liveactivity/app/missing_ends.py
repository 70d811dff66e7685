"""Ends that the host knows of and has not announced: it is asked when a phone registers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from flask_allmine_liveactivity.app.callbacks import HostCallbacks
from flask_allmine_liveactivity.errors import ConfigurationError, PayloadTooLarge
from flask_allmine_liveactivity.model import Announcement, StreamState
from flask_allmine_liveactivity.phones.registration import MissingEnd
from flask_allmine_liveactivity.storage.base import Storage


class MissingEnds:
    """Asks the guard, and repairs what it tells of.

    Args:
        callbacks: What the host has registered.
        announcement: Makes what is to be told of an end.
        anybody_may_follow: No guard is needed.
    """

    def __init__(
        self,
        callbacks: HostCallbacks,
        announcement: Callable[..., Announcement],
        *,
        anybody_may_follow: bool,
    ) -> None:
        self._callbacks = callbacks
        self._announcement = announcement
        self._anybody_may_follow = anybody_may_follow

    def ask_guard(self, stream_id: str, user_id: str) -> StreamState | None:
        """What the host says of a stream; ``None``: it is to come, and this user may follow it.

        Raises:
            StreamNotFound: As the guard raises it.
            StreamForbidden: The same.
            ConfigurationError: Nobody has said who may follow what.
        """
        if self._callbacks.guard is not None:
            return self._callbacks.ended_already(stream_id, user_id)
        if not self._anybody_may_follow:
            raise ConfigurationError(
                "Anybody could register for any stream: say who may with "
                "@live_activity.stream_guard, or set LIVE_ACTIVITY_ALLOW_ANY_STREAM = True."
            )
        return None

    def of(self, storage: Storage, stream_id: str, user_id: str) -> MissingEnd | None:
        """The end of a stream of which the host has said that it is over, and perhaps not in time.

        It is asked once more, after the event was read. What it said before may be from before
        the stream was scheduled again, and to announce that end would end what has not ended; now
        a reopen after its answer shows in the stream's row.
        """
        event = storage.streams.read(stream_id)
        if event is not None and event.is_end:
            return None
        state = self.ask_guard(stream_id, user_id)
        if state is None:
            return None
        return MissingEnd(self.end(stream_id, state, "guard"), event)

    def end(
        self,
        stream_id: str,
        state: StreamState,
        source: str,
        alert: Mapping[str, Any] | None = None,
    ) -> Announcement:
        """What to tell where the host knows of an end that nobody has announced.

        Args:
            stream_id: Whose.
            state: In which it has ended.
            source: How that came to be known, as ``StreamEvent.source``.
            alert: What is said aloud with it.

        Raises:
            PayloadTooLarge: The alert alone is over the push service's limit.
            TypeError: The alert is no mapping of JSON values.
        """
        now = time.time()
        content_state = self._callbacks.final_content_state(stream_id, state)
        try:
            return self._announcement(
                stream_id, state, now, content_state=content_state, alert=alert, source=source
            )
        except (PayloadTooLarge, TypeError, ValueError):
            # Nobody here can mend the host's callback, and an end without it is an end as well.
            self._callbacks.complain("The content_state callback gave what cannot be sent")
            return self._announcement(
                stream_id, state, now, content_state=None, alert=alert, source=source
            )
