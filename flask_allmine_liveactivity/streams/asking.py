"""The host is asked what its streams are, by page, and its answers are written down.

A page's next question is put off before the host is asked: a callback that hangs keeps nobody
waiting behind it, and one that fails is asked again.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_allmine_liveactivity.errors import PayloadTooLarge
from flask_allmine_liveactivity.model import Announcement, StreamEvent, StreamState
from flask_allmine_liveactivity.model.countdown import Countdown
from flask_allmine_liveactivity.model.host_answers import (
    SILENCE,
    Asked,
    HostAnswer,
    Silence,
    has_moved,
    is_as_read,
    is_news,
    is_over,
    noted,
    to_apply,
    to_ask_no_more,
)
from flask_allmine_liveactivity.model.report import StreamReceipt
from flask_allmine_liveactivity.storage.streams import Streams

logger = logging.getLogger(__name__)

# So many streams are asked about at once.
PAGE = 500
# A question about one stream is asked so often before it is left to the next check.
TRIES = 3
# After so many failures in a row the host is down, and not one stream's answer to blame.
FAILURES = 16


class Host(ABC):
    """What the host can be asked, as delivery and questions know it."""

    @abstractmethod
    def ask(self, stream_ids: Sequence[str]) -> Mapping[str, HostAnswer]:
        """What these streams are, by their canonical ids; of those left out nothing is known.

        Raises:
            Exception: Whatever the host's callback raises.
        """

    @abstractmethod
    def end(
        self, stream_id: str, state: StreamState, source: str, alert: Mapping[str, Any] | None
    ) -> Announcement:
        """What is told of an end that nobody has announced.

        Raises:
            PayloadTooLarge: It is over the push service's limit, because of the alert.
        """

    @abstractmethod
    def update(
        self, stream_id: str, countdown: Countdown, alert: Mapping[str, Any] | None, *, moved: bool
    ) -> Announcement:
        """What is told to running countdowns.

        Raises:
            PayloadTooLarge: It is over the push service's limit.
        """

    @abstractmethod
    def announced(self, event: StreamEvent) -> None:
        """Something new stands to be told of a stream."""

    @abstractmethod
    def complain(self, what: str) -> None:
        """Say that the host's callback failed, with the exception at hand; not again and again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When the host is asked."""

    interval: float
    """Between two questions about a stream, in seconds."""
    kept_for: float
    """Seconds for which a row is kept after its countdown's end."""

    def question(self, now: float, again_at: float, *, counts_at_once: bool) -> Asked:
        """A question of now."""
        return Asked(
            now=now,
            again_at=again_at,
            interval=self.interval,
            counts_at_once=counts_at_once,
            kept_for=self.kept_for,
        )


class Questions:
    """Asks the host, and writes what its answers make of the streams.

    Args:
        streams: Their rows.
        host: Who is asked.
        pace: When.
        clock: The time in seconds since the epoch.
    """

    def __init__(
        self, streams: Streams, host: Host, pace: Pace, clock: Callable[[], float]
    ) -> None:
        self._streams = streams
        self._host = host
        self._pace = pace
        self._clock = clock

    def ask_due(self, is_stopping: Callable[[], bool] = lambda: False) -> int:
        """Ask about all streams that are due for a question; returns about how many it was.

        Raises:
            StorageUnavailable: What was not asked is asked about later.
        """
        asked = 0
        while not is_stopping():
            page = self._ask_page()
            asked += page
            if page < PAGE:
                break
        return asked

    def _ask_page(self) -> int:
        now = self._clock()
        again_at = round(now + self._pace.interval, 3)
        taken = self._streams.take_questions(now, PAGE, again_at)
        question = self._pace.question(now, again_at, counts_at_once=False)
        rows = {row.stream_id: row for row in taken if row.expires_at > now and not row.is_end}
        for row in taken:
            # Nothing hangs on it any more; or a version has ended it that knows of no questions.
            if row.stream_id not in rows:
                self._streams.write(row.stream_id, to_ask_no_more(row))
        answers = ask_in_halves(self._host, list(rows))
        for stream_id, row in rows.items():
            try:
                self._apply(stream_id, row, answers.get(stream_id, SILENCE), question, alert=None)
            except (PayloadTooLarge, TypeError, ValueError):
                self._host.complain(f"The streams callback's answer for {stream_id} cannot be told")
        return len(taken)

    def changed(self, stream_id: str, alert: Mapping[str, Any] | None) -> StreamReceipt:
        """Ask about this stream now, and write what differs.

        Raises:
            PayloadTooLarge: Over the push service's limit. Nothing was stored.
            StorageUnavailable: Nothing may have been stored.
        """
        read = None
        for _ in range(TRIES):
            read, now = self._streams.read(stream_id), self._clock()
            if read is not None and read.is_end:
                break
            answer = ask_in_halves(self._host, [stream_id]).get(stream_id, SILENCE)
            if isinstance(answer, Silence):
                break
            # Another time, so that something is written also where nothing differs: what a guard or
            # a check has been answered before does not count any more.
            soon = None if read is None or read.check_at is None else read.check_at + 0.001
            again_at = round(now + self._pace.interval if soon is None else soon, 3)
            question = self._pace.question(now, again_at, counts_at_once=True)
            stands, applied = self._apply(stream_id, read, answer, question, alert=alert)
            if applied:
                before = 0 if read is None else read.revision
                revision = 0 if stands is None else stands.revision
                return StreamReceipt(
                    stream_id=stream_id, revision=revision, changed=revision != before
                )
        revision = 0 if read is None else read.revision
        return StreamReceipt(stream_id=stream_id, revision=revision, changed=False)

    def _apply(
        self,
        stream_id: str,
        read: StreamEvent | None,
        answer: HostAnswer,
        question: Asked,
        *,
        alert: Mapping[str, Any] | None,
    ) -> tuple[StreamEvent | None, bool]:
        """Returns the row as it stands then, and whether it is what the answer made of it."""
        told = self._told(stream_id, read, answer, question, alert)
        becomes = noted(read, stream_id, answer, question)
        if told is None and becomes == read:
            return read, True
        stands = self._streams.write(stream_id, to_apply(read, stream_id, answer, question, told))
        if told is None:
            return stands, is_as_read(stands, becomes)
        if stands is None or stands.said != told.said or stands.announced_at != question.now:
            return stands, False
        self._host.announced(stands)
        return stands, True

    def _told(
        self,
        stream_id: str,
        row: StreamEvent | None,
        answer: HostAnswer,
        question: Asked,
        alert: Mapping[str, Any] | None,
    ) -> Announcement | None:
        over = is_over(row, answer, question)
        if over is not None:
            return self._host.end(stream_id, over.state, over.source, alert)
        if not isinstance(answer, Countdown):
            return None
        if alert is None and row is not None and row.is_update and _is_shown(row, answer):
            return None  # nearly always: nothing is made of it only to be thrown away
        update = self._host.update(stream_id, answer, alert, moved=has_moved(row, answer))
        return update if is_news(row, update) else None


def _is_shown(row: StreamEvent, countdown: Countdown) -> bool:
    return row.content_state == countdown.content_state


def ask_in_halves(host: Host, stream_ids: Sequence[str]) -> dict[str, HostAnswer]:
    """Ask about a page; where that fails, about each half of it, down to the one that does it."""
    answers: dict[str, HostAnswer] = {}
    to_ask = [list(stream_ids)] if stream_ids else []
    failures = 0
    while to_ask and failures < FAILURES:
        page = to_ask.pop()
        try:
            answers.update(host.ask(page))
            failures = 0
        except Exception:  # whatever the host's callback raises
            host.complain("The streams callback failed")
            failures += 1
            half = len(page) // 2
            to_ask += [part for part in (page[half:], page[:half]) if part and half]
    return answers
