"""libcurl's multi handle, and the waiting for its sockets.

pycurl's own ``CurlMulti.select`` does not wait for a socket whose number is 1,024 or more
(``FD_SETSIZE``): in a process with so many open files it returns at once, again and again.
"""

from __future__ import annotations

import math
import selectors
from collections.abc import Iterable, Mapping

import pycurl

# Not epoll or kqueue: a forked child would share what its parent waits for. Windows has no poll,
# and its select() has no limit on a socket's number.
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)

_WATCHED = {
    pycurl.POLL_IN: selectors.EVENT_READ,
    pycurl.POLL_OUT: selectors.EVENT_WRITE,
    pycurl.POLL_INOUT: selectors.EVENT_READ | selectors.EVENT_WRITE,
}


class Multi:
    """A ``CurlMulti`` that opens one connection, driven by what happens on its sockets.

    Args:
        most: How many streams the connection may carry at a time.
    """

    def __init__(self, most: int) -> None:
        self._selector: selectors.BaseSelector = _Selector()
        self._curl = pycurl.CurlMulti()
        self._curl.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._curl.setopt(pycurl.M_MAX_HOST_CONNECTIONS, 1)
        self._curl.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, most)
        self._curl.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        # As they are: they are called for every push.
        self.add_handle = self._curl.add_handle
        self.remove_handle = self._curl.remove_handle
        self.info_read = self._curl.info_read

    def work(self, patience: float) -> None:
        """Let libcurl work once something is to be done, at the latest after `patience` seconds."""
        due = self._curl.timeout()
        ready = self._selector.select(patience if due < 0 else min(patience, due / 1000))
        for key, events in ready:
            readable = pycurl.CSELECT_IN if events & selectors.EVENT_READ else 0
            writable = pycurl.CSELECT_OUT if events & selectors.EVENT_WRITE else 0
            self._curl.socket_action(key.fd, readable | writable)
        if not ready:
            # With a socket libcurl looks at its timers, too.
            self._curl.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    @property
    def sockets(self) -> Mapping[int, int]:
        """What is waited for on which sockets."""
        return {key.fd: key.events for key in self._selector.get_map().values()}

    @property
    def due(self) -> float:
        """In how many seconds libcurl wants to work whatever happens on its sockets."""
        due: int = self._curl.timeout()
        return math.inf if due < 0 else due / 1000

    def close(self) -> None:
        """Close the connection."""
        self._curl.close()
        self._selector.close()

    def _watch(self, what: int, socket: int, _multi: object, _data: object) -> None:
        if socket in self._selector.get_map():
            self._selector.unregister(socket)
        if what in _WATCHED:
            self._selector.register(socket, _WATCHED[what])


def wait_for_any(multis: Iterable[Multi], patience: float) -> None:
    """Wait until one of several has something to do, at the latest after `patience` seconds."""
    with _Selector() as selector:
        for multi in multis:
            patience = min(patience, multi.due)
            for socket, events in multi.sockets.items():
                selector.register(socket, events)
        selector.select(patience)
