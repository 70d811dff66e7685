"""What the host has told the extension: its callbacks, called with care."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from flask import current_app

from flask_allmine_liveactivity.app.calling import call_host
from flask_allmine_liveactivity.model import StreamState
from flask_allmine_liveactivity.model.countdown import Countdown
from flask_allmine_liveactivity.streams.announcement import stream_state

logger = logging.getLogger(__name__)

_State = StreamState | str | None
_Content = Mapping[str, Any] | None
Guard = Callable[[str, str], _State | Awaitable[_State]]
ContentState = Callable[[str, StreamState], _Content | Awaitable[_Content]]
# By stream id: a string, an ``ObjectId`` or a UUID.
_Answers = Mapping[Any, Countdown | StreamState | str | None]
AskAboutStreams = Callable[[list[str]], _Answers | Awaitable[_Answers]]
UserIdLoader = Callable[[dict[str, Any]], Any]


class HostCallbacks:
    """The functions that a host has registered; any of them may be ``async``."""

    def __init__(self) -> None:
        self.guard: Guard | None = None
        self.content_state: ContentState | None = None
        self.streams: AskAboutStreams | None = None
        self.user_id_loader: UserIdLoader | None = None

    def ended_already(self, stream_id: str, user_id: str) -> StreamState | None:
        """Ask the guard: ``None`` where the stream is still to come.

        Raises:
            StreamNotFound: As the guard raises it.
            StreamForbidden: The same.
            TypeError: It returned neither ``None`` nor a state: a ``False`` would mean "allowed".
        """
        assert self.guard is not None
        answer = _call(self.guard, stream_id, user_id)
        if answer is None:
            return None
        try:
            return stream_state(answer)
        except ValueError:
            raise TypeError(
                "the stream guard must return None or a StreamState, or raise StreamNotFound or "
                f"StreamForbidden, and returned a {type(answer).__name__}"
            ) from None

    def what_streams_are(self, stream_ids: Sequence[str]) -> Mapping[Any, Any]:
        """Ask about a page of streams; nothing of the answers has been checked yet.

        Raises:
            Exception: Whatever the callback raises.
            TypeError: It returned no mapping.
        """
        assert self.streams is not None
        answers = _call(self.streams, list(stream_ids))
        if not isinstance(answers, Mapping):
            raise TypeError(
                "the streams callback must return a mapping by stream id, and returned a "
                f"{type(answers).__name__}"
            )
        return answers

    def final_content_state(self, stream_id: str, state: StreamState) -> Mapping[str, Any] | None:
        """The host's final content-state, if it has one.

        Where the callback fails the end is told without: a countdown that ends with its last
        content is better than one that does not end.
        """
        if self.content_state is None:
            return None
        try:
            content: Mapping[str, Any] | None = _call(self.content_state, stream_id, state)
        except Exception:
            self.complain("The content_state callback failed")
            return None
        return content

    @property
    def user_id(self) -> UserIdLoader | None:
        """The host's loader, callable from wherever a request is served."""
        loader = self.user_id_loader
        return None if loader is None else lambda claims: _call(loader, claims)

    def complain(self, what: str) -> None:
        """Log the exception at hand: the end is told without a content-state."""
        logger.exception("%s; the Live Activities end without a final content-state", what)


def _call(callback: Callable[..., Any], *arguments: object) -> Any:
    return call_host(current_app._get_current_object(), callback, *arguments)  # type: ignore[attr-defined]
