"""What every way of pushing can do."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from flask_allmine_liveactivity.model import Push, PushResult, StreamEvent
from flask_allmine_liveactivity.model.countdown import Countdown
from flask_allmine_liveactivity.push.answers import remedy_of
from flask_allmine_liveactivity.push.payload import event_payload, require_room_for_start

# What a storage keeps of a reason, in characters.
LONGEST_REASON = 255
# Control characters, line breaks among them, and halves of surrogate pairs: a database refuses
# some of them, and a log takes others for the end of a record.
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class PushBackend(ABC):
    """Sends pushes, and yields the result of each.

    ``send`` may be called from several threads at once.

    .. versionadded:: 0.1.0
    """

    environments: Sequence[str] = ()
    """The environments that it tells apart; none: a ``Push``'s is no matter to it.

    .. versionadded:: 0.1.0
    """

    def encode(self, event: StreamEvent) -> bytes:
        """The payload that tells an event, which all of its pushes share. The default is Apple's.

        Raises:
            PayloadTooLarge: It is over the push service's limit.
            TypeError: Its ``content_state`` or ``alert`` is no mapping of JSON values.
            ValueError: A number in them is not finite.

        .. versionadded:: 0.1.0
        """
        return event_payload(event)

    def check_start(self, countdown: Countdown) -> None:
        """See that a countdown can also be started from afar with what it shows. The default knows
        Apple's limit.

        Raises:
            PayloadTooLarge: It would be over the push service's limit.

        .. versionadded:: 0.1.0
        """
        require_room_for_start(countdown)

    def remedy(self, reason: str) -> str | None:
        """What a person should do about a reason, where it is known. The default knows Apple's.

        .. versionadded:: 0.1.0
        """
        return remedy_of(reason)

    @abstractmethod
    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        """Send `pushes`, and yield one result for each, in any order, as they come.

        Delivery hands in a ``PushSource``, which may have more later, for streams that come due
        while answers are awaited. A backend that does not ask for those leaves them to the next
        run.

        Draw from `pushes` only as fast as there is room in flight: an audience may be a million,
        and each push that is drawn has been claimed from storage. When the consumer stops, the
        generator is closed: abandon what is in flight.

        Raises:
            LiveActivityError: Only where no push can be sent at all. What becomes of a single
                push is a ``Verdict``, never an exception.

        .. versionadded:: 0.1.0
        """

    @abstractmethod
    def close(self) -> None:
        """Close what this backend has opened itself.

        .. versionadded:: 0.1.0
        """


def storable(result: PushResult) -> PushResult:
    """A result as it may be stored, logged and counted, whatever backend it comes from.

    Its reason becomes one line of text of a bounded length, also where it is an exception, bytes or
    a whole page of HTML; what is no number of seconds is left out.
    """
    reason = _line(result.reason)
    retry_after, gone_since = _number(result.retry_after), _number(result.gone_since)
    if (reason, retry_after, gone_since) == (result.reason, result.retry_after, result.gone_since):
        return result
    return replace(result, reason=reason, retry_after=retry_after, gone_since=gone_since)


def _line(reason: object) -> str | None:
    if reason is None:
        return None
    if isinstance(reason, bytes):
        reason = reason.decode("utf-8", "replace")
    text = str(reason)[: 4 * LONGEST_REASON]  # no more is looked at
    return _NO_TEXT.sub(" ", text).strip()[:LONGEST_REASON] or None


def _number(value: object) -> float | None:
    a_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if a_number and math.isfinite(value) else None  # type: ignore[arg-type,return-value]
