"""A connection of psycopg's that has the ``read_timeout`` of other drivers."""

from __future__ import annotations

import contextlib
import math
import time
from typing import Any, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.rows import TupleRow

RV = TypeVar("RV")

# How long a server may take to learn that nobody waits for its answer any more, in seconds.
CANCEL_WITHIN = 2.0


class ImpatientConnection(psycopg.Connection[TupleRow]):
    """Gives a server up that says nothing for ``read_timeout`` seconds."""

    read_timeout = math.inf

    @classmethod
    def connect(  # type: ignore[override]
        cls, *arguments: Any, read_timeout: float | str, **keywords: Any
    ) -> Self:
        """Connect as psycopg does.

        Args:
            arguments: For psycopg.
            read_timeout: Seconds; a string, where it was part of a URL.
            keywords: For psycopg.
        """
        connection = super().connect(*arguments, **keywords)
        connection.read_timeout = float(read_timeout)
        return connection

    def wait(self, gen: PQGen[RV], *arguments: Any, **keywords: Any) -> RV:
        return super().wait(self._unless_silent(gen), *arguments, **keywords)

    def _unless_silent(self, gen: PQGen[RV]) -> PQGen[RV]:
        try:
            heard_at = time.monotonic()
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    heard_at = time.monotonic()
                elif time.monotonic() - heard_at > self.read_timeout:
                    self._give_up()
                wanted = gen.send(ready)
        except StopIteration as done:
            result: RV = done.value
            return result

    def _give_up(self) -> None:
        # Where it is there, and the statement waits for something, it need not wait on. Older
        # libraries would wait for this, too, for ever.
        if psycopg.capabilities.has_cancel_safe():
            with contextlib.suppress(psycopg.Error):
                self.cancel_safe(timeout=CANCEL_WITHIN)
        self.close()
        raise psycopg.OperationalError(f"no answer for {self.read_timeout:g} s")
