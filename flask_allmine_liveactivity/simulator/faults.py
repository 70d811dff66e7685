"""Faults of connections, on demand. Those of single requests are an ``Answer``."""

from __future__ import annotations

from collections.abc import Callable

from flask_allmine_liveactivity.simulator.connection import Connection


class Faults:
    """What can go wrong with connections. Safe to use from any thread, such as a page's.

    Each method returns when the fault has happened, with how many connections it has met. Where
    the local APNs does not run, there are none.

        apns.faults.goaway()          # as Apple does before it restarts a server
        apns.faults.half_open = True  # connections are taken, and never answered

    Args:
        for_each: Does something to each connection there is, in the server's thread.
    """

    def __init__(self, for_each: Callable[[Callable[[Connection], None]], int]) -> None:
        self._for_each = for_each
        self._half_open = False
        self._one_stream = False

    def goaway(self, reason: str = "Shutdown") -> int:
        """End all connections politely: what has come is answered, what comes later is not.

        Args:
            reason: In the debug data of the GOAWAY frame: ``{"reason": "Shutdown"}``.
        """
        return self._for_each(lambda connection: connection.goaway(reason))

    def cut(self) -> int:
        """Cut all connections at once. New ones are taken; for none to be, see ``go_down``."""
        return self._for_each(Connection.cut)

    def idle(self) -> int:
        """Let all connections have been idle for too long: 400 ``IdleTimeout``, then GOAWAY."""

        def make_idle(connection: Connection) -> None:
            connection.idle_too_long = True

        return self._for_each(make_idle)

    @property
    def half_open(self) -> bool:
        """Whether connections are taken, and nothing is ever answered on them, not even a PING.

        Those that were there when it was switched on, or came later, stay so: switched off again,
        only new connections are served.
        """
        return self._half_open

    @half_open.setter
    def half_open(self, on: bool) -> None:
        self._half_open = on
        if on:
            self._for_each(Connection.be_silent)

    @property
    def one_stream(self) -> bool:
        """Whether connections may carry one stream only, as under load.

        More are refused with ``REFUSED_STREAM``.
        """
        return self._one_stream

    @one_stream.setter
    def one_stream(self, on: bool) -> None:
        self._one_stream = on
        self._for_each(self._set_room)

    def heal(self) -> None:
        """Serve connections as usual again."""
        self.half_open = False
        self.one_stream = False

    def meet(self, connection: Connection) -> None:
        """Let a new connection have the faults that hold at present; in the server's thread."""
        if self._half_open:
            connection.be_silent()
        connection.few_streams = self._one_stream

    def _set_room(self, connection: Connection) -> None:
        connection.few_streams = self._one_stream
        connection.authenticated(valid=connection.key is not None)
