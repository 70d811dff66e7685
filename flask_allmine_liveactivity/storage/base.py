"""What every storage can do, whatever database is behind it.

A storage keeps decided rows and is handed the time: it holds no rule of Apple's, no back-off and
no clock. What it must get right is atomicity, and each method says where.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from flask_allmine_liveactivity.model import Counts
from flask_allmine_liveactivity.storage.sessions import Sessions
from flask_allmine_liveactivity.storage.streams import Streams

PREPARE = "`flask live-activity prepare`"
# What ``Storage.check`` says where nothing has been made yet.
TO_BE_MADE = f"is not prepared yet: at first use it will be, or by {PREPARE}"


class Storage(ABC):
    """Where everything is kept: one part for each kind of record, and what is about all of them.

    Every method of it and of its parts may be called from many threads and processes at once, and
    raises
    ``StorageUnavailable`` when the database does not answer.

    .. versionadded:: 0.1.0
    """

    streams: Streams
    """What streams must tell."""
    sessions: Sessions
    """Who is to be told."""

    @abstractmethod
    def prepare(self) -> None:
        """Make tables and indexes. Safe to repeat, and safe for many processes to race.

        Called by ``flask live-activity prepare``, and by every backend before its first use.

        .. versionadded:: 0.1.0
        """

    def check(self, now: float) -> str:
        """See that it answers, and make nothing. Returns what to say of it.

        .. versionadded:: 0.1.0
        """
        return f"answers; {self.counts(now).active} sessions running"

    @abstractmethod
    def close(self) -> None:
        """Close what this storage has opened itself, and nothing of the host's.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def counts(self, now: float, stream_id: str | None = None) -> Counts:
        """How many sessions stand where, over all streams or in one.

        .. versionadded:: 0.1.0
        """

    def forget_user(self, user_id: str) -> int:
        """Erase a user; returns how many rows were changed or went.

        .. versionadded:: 0.1.0
        """
        return self.sessions.forget_user(user_id)

    def purge(self, before: float) -> int:
        """Delete whatever expired before `before`; returns how many rows went.

        .. versionadded:: 0.1.0
        """
        return self.sessions.purge(before) + self.streams.purge(before)
