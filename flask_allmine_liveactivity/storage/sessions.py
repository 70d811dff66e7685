"""The running Live Activities, one row each."""

from __future__ import annotations

from abc import abstractmethod

from flask_allmine_liveactivity.model import Session, SessionStatus
from flask_allmine_liveactivity.storage.claims import Claims
from flask_allmine_liveactivity.storage.resolution import Resolution, Resolve


class Sessions(Claims[Session]):
    """The sessions of a storage.

    .. versionadded:: 0.1.0
    """

    @abstractmethod
    def register(
        self, session: Session, resolve: Resolve, *, at_most: int | None = None
    ) -> Resolution:
        """Decide on a registration and write it, durably, and atomically where there are
        transactions (see ``Resolution``).

        Reads the rows that share ``token``, ``identity`` or ``activity_lock`` with `session` (each
        is unique among all rows), calls `resolve` with them and writes what it answers. When
        another writer came in between, it reads and resolves again. It returns only when the row
        is committed: the registration's second step, ``Streams.wake``, must come after.

        Args:
            session: The row as it would be if nothing stood in its way.
            resolve: Decides; pure, and possibly called more than once.
            at_most: How many rows the session's user may have, this one included, however many
                of his phones register at once. Where there would be more (``rows_too_many``), his
                oldest rows that are ended, dead, or expired when `session` is registered are
                deleted, in the same step and only if it is written; where those are too few,
                nothing is written, and the outcome is ``FULL``. ``None``: no bound.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def count_of_user(self, user_id: str) -> int:
        """How many rows this user has, of any status.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def page(
        self,
        *,
        after: str = "",
        limit: int = 100,
        stream_id: str | None = None,
        user_id: str | None = None,
        status: SessionStatus | None = None,
    ) -> list[Session]:
        """A page of sessions by ascending ``session_id``, those greater than `after`.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def revive(self, stream_id: str | None, now: float) -> dict[str, int]:
        """Make the sessions of a stream, or of all, that were refused due at once, and let them
        begin anew as ``begun_anew`` says: its cause was mended.

        Those are the dead ones, and the active ones that have ``attempts`` or a ``reason``, in
        either case unexpired. One that is claimed, with ``leased_until > now``, is left as it is:
        its push is under way. A claim whose lease has ended counts no more. Returns how many
        sessions, by stream. The caller wakes the streams.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def release(self, user_id: str, device_id: str) -> int:
        """Take the owner off a user's active sessions on a device; they are still to be told.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def forget_user(self, user_id: str) -> int:
        """Erase a user: active sessions lose owner and device, all others are deleted.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def purge(self, before: float) -> int:
        """Delete sessions that expired before `before`, and ownerless ones that are not active.
        Returns how many went.

        .. versionadded:: 0.1.0
        """

    def repair(self) -> int:
        """Find again whoever could never be claimed, as after a backup that was restored in parts.

        Returns how many there were; a storage that keeps each session in one place has none.

        .. versionadded:: 0.1.0
        """
        return 0
