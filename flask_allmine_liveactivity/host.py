"""What the host has told the extension: its callbacks, called with care."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from flask import current_app

from flask_allmine_liveactivity.announcement import stream_state
from flask_allmine_liveactivity.model import StreamState

logger = logging.getLogger(__name__)

Guard = Callable[[str, str], StreamState | str | None]
ContentState = Callable[[str, StreamState], Mapping[str, Any] | None]
UserIdLoader = Callable[[dict[str, Any]], Any]


class HostCallbacks:
    """The functions that a host has registered; any of them may be ``async``."""

    def __init__(self) -> None:
        self.guard: Guard | None = None
        self.content_state: ContentState | None = None
        self.user_id_loader: UserIdLoader | None = None

    def ended_already(self, stream_id: str, user_id: str) -> StreamState | None:
        """Ask the guard: ``None`` where the stream is still to come.

        Raises:
            StreamNotFound: As the guard raises it.
            StreamForbidden: The same.
            TypeError: It returned neither ``None`` nor a state: a ``False`` would mean "allowed".
        """
        assert self.guard is not None
        answer = current_app.ensure_sync(self.guard)(stream_id, user_id)
        if answer is None:
            return None
        try:
            return stream_state(answer)
        except ValueError:
            raise TypeError(
                "the stream guard must return None or a StreamState, or raise StreamNotFound or "
                f"StreamForbidden, and returned a {type(answer).__name__}"
            ) from None

    def final_content_state(self, stream_id: str, state: StreamState) -> Mapping[str, Any] | None:
        """The host's final content-state, if it has one.

        Where the callback fails the end is told without: a countdown that ends with its last
        content is better than one that does not end.
        """
        if self.content_state is None:
            return None
        try:
            content: Mapping[str, Any] | None = current_app.ensure_sync(self.content_state)(
                stream_id, state
            )
        except Exception:
            self.complain("The content_state callback failed")
            return None
        return content

    @property
    def user_id(self) -> UserIdLoader | None:
        """The host's loader, callable from a view."""
        return None if self.user_id_loader is None else current_app.ensure_sync(self.user_id_loader)

    def complain(self, what: str) -> None:
        """Log the exception at hand: the end is told without a content-state."""
        logger.exception("%s; the Live Activities end without a final content-state", what)
