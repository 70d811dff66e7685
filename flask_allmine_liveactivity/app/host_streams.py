"""What the host's streams are: it is asked by its callback, and tells of changes in one call."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask import Flask

from flask_allmine_liveactivity.dispatch.asking import Asking
from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model import Announcement, StreamEvent, StreamState, next_event
from flask_allmine_liveactivity.model.countdown import Countdown
from flask_allmine_liveactivity.model.host_answers import SILENCE, HostAnswer
from flask_allmine_liveactivity.model.report import StreamReceipt
from flask_allmine_liveactivity.streams.announcement import announcement_of_update, stream_state
from flask_allmine_liveactivity.streams.asking import Host, Pace, Questions

if TYPE_CHECKING:
    from flask_allmine_liveactivity.app.installation import Installation

logger = logging.getLogger(__name__)

# The same complaint about a callback is logged once in so many seconds.
COMPLAIN_AGAIN_AFTER = 3600.0
# So many different ones are kept in mind.
MOST_COMPLAINTS = 1000


class HostStreams(Host):
    """The streams of an app, as its host knows them.

    Args:
        app: The host; held weakly, since a thread asks it.
        installation: On that app.
    """

    def __init__(self, app: Flask, installation: Installation) -> None:
        self._app = weakref.ref(app)
        self._installation = weakref.ref(installation)
        self._pace = Pace(
            interval=installation.settings.check_interval,
            kept_for=installation.settings.stream_ttl,
        )
        self._complained: dict[tuple[str, str], float] = {}

    @property
    def is_asked(self) -> bool:
        """Whether the host has said how it is asked."""
        return self._there.callbacks.streams is not None

    @property
    def _there(self) -> Installation:
        installation = self._installation()
        assert installation is not None  # whoever calls holds the app, and so this
        return installation

    def _questions(self, clock: Callable[[], float]) -> Questions:
        return Questions(self._there.storage.streams, self, self._pace, clock)

    def ask_due(
        self,
        is_stopping: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = lambda: time.time(),
    ) -> int:
        """Ask about all streams that are due for a question; returns about how many it was.

        Of any thread, without an app context. Without a callback nobody is asked.

        Raises:
            StorageUnavailable: What was not asked is asked about later.
        """
        app = self._app()
        if app is None or not self.is_asked:
            return 0
        with app.app_context():
            return self._questions(clock).ask_due(is_stopping)

    def changed(self, stream_id: str, alert: Mapping[str, Any] | None) -> StreamReceipt:
        """Ask about one stream now, and have told what differs.

        Raises:
            ConfigurationError: The host has not said how it is asked, or nothing can be pushed.
            PayloadTooLarge: Over Apple's limit. Nothing was stored.
        """
        if not self.is_asked:
            raise ConfigurationError(
                "stream_changed() asks what the stream is, and nobody has said how: decorate a "
                "function with @live_activity.streams, or tell it outright with "
                "notify_stream_state()."
            )
        self._there.require_push()
        return self._questions(lambda: time.time()).changed(stream_id, alert)

    # --- as a host ---------------------------------------------------------------------------

    def ask(self, stream_ids: Sequence[str]) -> Mapping[str, HostAnswer]:
        answers: dict[str, HostAnswer] = {}
        asked = set(stream_ids)
        for key, answer in self._there.callbacks.what_streams_are(stream_ids).items():
            try:
                stream_id, checked = self._checked(key, answer)
                if stream_id in asked:
                    answers[stream_id] = checked
            except (TypeError, ValueError):
                self.complain("The streams callback gave a wrong answer for one stream")
        return answers

    def ask_strictly(self, stream_id: str) -> HostAnswer:
        """What the host says of one stream, for whoever wants to know what is wrong with it.

        Raises:
            Exception: Whatever the host's callback raises.
            TypeError: It is no answer.
            ValueError: A key is no stream id.
            PayloadTooLarge: What it says could not be told.
        """
        answers = self._there.callbacks.what_streams_are([stream_id])
        checked = dict(self._checked(key, answer) for key, answer in answers.items())
        found = checked.get(stream_id, SILENCE)
        if isinstance(found, Countdown):
            with contextlib.suppress(ConfigurationError):  # there is nothing to encode it with
                self.update(stream_id, found, None, moved=False)
        return found

    def _checked(self, key: object, answer: object) -> tuple[str, HostAnswer]:
        return self._there.stream_id(key), _host_answer(answer)

    def end(
        self, stream_id: str, state: StreamState, source: str, alert: Mapping[str, Any] | None
    ) -> Announcement:
        return self._there.repairs.end(stream_id, state, source, alert)

    def update(
        self, stream_id: str, countdown: Countdown, alert: Mapping[str, Any] | None, *, moved: bool
    ) -> Announcement:
        installation, now = self._there, time.time()
        announcement = announcement_of_update(
            stream_id,
            countdown,
            alert=alert,
            moved=moved,
            now=now,
            ttl=installation.settings.session_lifetime,
        )
        installation.push.encode(next_event(None, announcement, now))
        if countdown.attributes is not None:
            installation.push.check_start(countdown)
        return announcement

    def announced(self, event: StreamEvent) -> None:
        self._there.announced(event)

    def complain(self, what: str) -> None:
        key = what, type(sys.exception()).__name__
        now = time.monotonic()
        if now - self._complained.get(key, -COMPLAIN_AGAIN_AFTER) < COMPLAIN_AGAIN_AFTER:
            return
        if len(self._complained) >= MOST_COMPLAINTS:  # they may name streams
            self._complained.clear()
        self._complained[key] = now
        logger.exception("%s; it is asked again. This is not said again for an hour.", what)


def asking_of(streams: HostStreams, interval: float) -> Asking:
    """How a thread asks that must not keep the app."""
    of = weakref.ref(streams)

    def is_wanted() -> bool:
        there = of()
        return there is not None and there.is_asked

    def ask_due(is_stopping: Callable[[], bool]) -> int:
        there = of()
        return 0 if there is None else there.ask_due(is_stopping)

    return Asking(interval, is_wanted, ask_due)


def _host_answer(answer: object) -> HostAnswer:
    if answer is None or isinstance(answer, Countdown):
        return answer
    try:
        return stream_state(answer)
    except ValueError:
        raise TypeError(
            "the streams callback must answer a Countdown, a StreamState or None for each id, and "
            f"answered a {type(answer).__name__}"
        ) from None
