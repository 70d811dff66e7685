"""Clients that connect anew for each push.

Source: Apple, "Sending notification requests to APNs": connections are to be kept open; to connect
and disconnect again and again is treated as a denial-of-service attack. From how many on, and how,
is not published: so the number can be chosen, and whoever exceeds it is refused by TCP.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from flask_allmine_liveactivity.simulator.reasons import SENDING

log = logging.getLogger("flask_allmine_liveactivity.simulator")

_MINUTE = 60.0


class Reconnects:
    """Counts the connections that were opened and closed again within the last minute.

    Those that are kept open do not count, however many they are: Apple allows several at once.

    Args:
        most: How many of an address, until it is refused; ``None``: any.
        clock: Seconds since the epoch.
    """

    def __init__(self, most: int | None, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._closed: dict[str, deque[float]] = {}

    def count(self, address: str) -> None:
        """Take note that a client has closed a connection, or never got as far as HTTP/2."""
        if self._most is not None:
            self._closed.setdefault(address, deque()).append(self._clock())

    def refuses(self, address: str) -> bool:
        """Whether a client that connects is taken for an attacker; the log says so."""
        if self._most is None:
            return False
        closed = self._closed.get(address, deque())
        while closed and closed[0] <= self._clock() - _MINUTE:
            closed.popleft()
        if len(closed) < self._most:
            return False
        log.info(
            "A connection is refused: %s has opened and closed %d within a minute, which Apple "
            "takes for a denial-of-service attack. Open one, keep it for hours, and send all "
            'pushes over it. Source: Apple, "%s".',
            address,
            len(closed),
            SENDING,
        )
        return True
