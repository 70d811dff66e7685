"""What a way of running delivery can do."""

from __future__ import annotations

from abc import ABC, abstractmethod

from flask_allmine_liveactivity.delivery.report import Run


class Dispatch(ABC):
    """Decides where and when delivery runs. What is to be told has been stored before."""

    @abstractmethod
    def start(self) -> None:
        """Called at the first request in a process, of any kind."""

    @abstractmethod
    def wake(self, stream_id: str) -> Run | None:
        """There is something to tell: deliver it, or see to it that somebody does.

        Must not fail for want of a helper (a broker, a thread): what is stored is swept later.
        Returns the run where it was made here and now, else ``None``.
        """

    def check(self) -> str | None:
        """What ``flask live-activity check`` should say of those who deliver, if anything.

        Raises:
            LiveActivityError: They cannot deliver; the message says what to do.
        """
        return None

    @abstractmethod
    def close(self) -> None:
        """Stop: what is claimed and unsent is given back."""
