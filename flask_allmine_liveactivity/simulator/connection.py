"""One HTTP/2 connection: whose it is, how many streams it may carry, and how it ends.

Only the server's thread touches it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

try:
    import h2  # noqa: F401 - it brings what is next, and is used beside this
    from hyperframe.frame import GoAwayFrame, SettingsFrame
except ImportError as missing:
    raise ImportError(
        'The local APNs needs h2: pip install "flask-allmine-liveactivity[simulator]"'
    ) from missing

if TYPE_CHECKING:
    from flask_allmine_liveactivity.simulator.keys import SigningKey

# Apple, "Sending notification requests to APNs": one stream until the first request with a valid
# provider token.
UNAUTHENTICATED_STREAMS = 1

# Seconds. Apple calls pushes to the same token "consecutive", and says nothing of time.
_ROW = 60.0


class Wire(Protocol):
    """The sending end of a connection."""

    def write(self, data: bytes) -> None:
        """Send whole frames."""

    def mute(self) -> None:
        """Send nothing from now on, and keep it open."""

    def finish(self) -> None:
        """Close it once all that was written has been sent."""

    def cut(self) -> None:
        """Close it at once."""


@dataclass(slots=True, eq=False)
class Connection:
    """One HTTP/2 connection, over all its requests.

    Args:
        wire: Its sending end.
        client: Address and port of the other side: the port tells connections apart.
        full_limit: How many streams it may carry once it is authenticated.
    """

    wire: Wire = field(repr=False)
    client: tuple[str, int] | None = None
    full_limit: int = 1000
    key: SigningKey | None = None
    """The key it was authenticated with: a connection is bound to that of its first push."""
    provider_token_made_at: int | None = None
    """The ``iat`` of the newest provider token it has carried."""
    few_streams: bool = False
    """Whether it may carry one stream only, whatever its provider token."""
    idle_too_long: bool = False
    """Whether the next request is to be answered with ``IdleTimeout``."""
    last_request_at: float | None = None
    """Seconds since the epoch."""
    silent: bool = False
    """Whether it is half open: nothing comes of what is sent on it."""
    open_streams: set[int] = field(default_factory=set)
    in_hand: set[int] = field(default_factory=set)
    """Those of them that will be answered, and are not yet to the last byte."""
    bad_tokens: int = 0
    """How many ``BadDeviceToken`` it has been answered."""
    in_a_row: int = 0
    """How many pushes to the same token have come one after the other."""
    last_processed: int = 0
    """The highest stream that was processed."""
    _limit: int = UNAUTHENTICATED_STREAMS
    _last_admitted: int = 0
    _last_push: tuple[str, float] | None = field(default=None, repr=False)
    """Token and time."""
    _last_stream: int | None = None
    """What a GOAWAY has said: later streams are not processed."""
    _is_cut: bool = False
    _is_ending: bool = False
    """Whether it is closed once nothing is in hand."""

    # How many streams

    def admit(self, stream_id: int) -> bool:
        """Count a new stream; ``False`` where it is one too many, and must be refused."""
        if len(self.open_streams) >= self._limit:
            return False
        self.open_streams.add(stream_id)
        self.in_hand.add(stream_id)
        self._last_admitted = max(self._last_admitted, stream_id)
        return True

    def release(self, stream_id: int) -> None:
        """A stream has ended: its answer was wholly sent, it was reset, or was given up."""
        self.open_streams.discard(stream_id)
        self.abandon(stream_id)

    def abandon(self, stream_id: int) -> None:
        """A stream will not be answered, and stays open until its client gives it up."""
        self.in_hand.discard(stream_id)
        self._finish_if_over()

    def authenticated(self, *, valid: bool) -> None:
        """Allow as many streams as the last provider token deserves.

        Seen in production: one that Apple refuses takes its connection back to a single stream,
        and what is under way beyond that is refused (github.com/jchambers/pushy/issues/476).
        """
        full = valid and not self.few_streams
        self.limit(self.full_limit if full else UNAUTHENTICATED_STREAMS)

    def limit(self, streams: int) -> None:
        """Allow so many streams from now on, and say so."""
        if streams == self._limit:
            return
        self._limit = streams
        settings = {SettingsFrame.MAX_CONCURRENT_STREAMS: streams}
        self.wire.write(SettingsFrame(0, settings=settings).serialize())

    # What it carries

    def count_push(self, token: str, at: float) -> int:
        """Count a push; how many have come to its token in a row, each within a minute."""
        last_token, last_at = self._last_push or ("", at)
        goes_on = token == last_token and at - last_at < _ROW
        self.in_a_row = self.in_a_row + 1 if goes_on else 1
        self._last_push = (token, at)
        return self.in_a_row

    # How it ends

    def takes(self, stream_id: int) -> bool:
        """Whether a request is still processed: not after a GOAWAY, nor on a half-open one."""
        return not self.silent and (self._last_stream is None or stream_id <= self._last_stream)

    def goaway(self, reason: str, last_stream: int | None = None) -> None:
        """Say that the connection ends. What is in hand is answered, then it is closed.

        Apple, "Handling notification responses from APNs": the reason may come in a GOAWAY frame.

        Args:
            reason: Goes into the debug data, as JSON.
            last_stream: Later ones are not processed; without it, all that have come so far are.
        """
        if self._last_stream is not None:
            return
        self._last_stream = self._last_admitted if last_stream is None else last_stream
        debug_data = json.dumps({"reason": reason}).encode()
        frame = GoAwayFrame(0, last_stream_id=self._last_stream, additional_data=debug_data)
        self.wire.write(frame.serialize())
        self.finish_up()

    def finish_up(self) -> None:
        """Answer what is in hand, then close it: one side has said that it ends."""
        self._is_ending = True
        self._finish_if_over()

    def be_silent(self) -> None:
        """Take all, and never send anything again."""
        self.silent = True
        self.wire.mute()

    def cut(self) -> None:
        """Close it at once, whatever is under way."""
        self._is_cut = True
        self.wire.cut()

    @property
    def is_ended_here(self) -> bool:
        """Whether it ends, or fails, by the server's doing and not by its client's."""
        return self._is_cut or self.silent or self._last_stream is not None

    def _finish_if_over(self) -> None:
        if self._is_ending and not self.in_hand:
            self.wire.finish()
