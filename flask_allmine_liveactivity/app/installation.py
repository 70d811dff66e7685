"""The extension as it is installed on one app: its settings, and its parts in each process."""

from __future__ import annotations

import contextlib
import logging
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from flask import Flask, current_app

from flask_allmine_liveactivity.app.callbacks import HostCallbacks
from flask_allmine_liveactivity.app.config_reader import PREFIX
from flask_allmine_liveactivity.app.event_log import EventLog
from flask_allmine_liveactivity.app.host_streams import HostStreams, asking_of
from flask_allmine_liveactivity.app.missing_ends import MissingEnds
from flask_allmine_liveactivity.app.process_parts import Parts, ProcessParts
from flask_allmine_liveactivity.app.registering import register_phone
from flask_allmine_liveactivity.app.settings import AS_SET, Settings
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.dispatch.asking import Asking
from flask_allmine_liveactivity.dispatch.base import Dispatch
from flask_allmine_liveactivity.dispatch.inline import InlineDispatch
from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model import (
    Announcement,
    DeliveryReport,
    StreamEvent,
    StreamState,
    next_event,
)
from flask_allmine_liveactivity.model.canonical import canonical_stream_id
from flask_allmine_liveactivity.phones.registration import Answer
from flask_allmine_liveactivity.process.opened import Opened
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.streams.announcement import (
    announcement_of_end,
    announcement_that_stands,
)
from flask_allmine_liveactivity.streams.earlier_spellings import (
    announce_to_earlier,
    earlier_spellings,
    reopen_earlier,
)

logger = logging.getLogger(__name__)

EXTENSION: Final = "live_activity"
TOO_LATE: Final = (
    "%s changed after LiveActivity.init_app(app), which has read it: that has no effect. Set it "
    "before, for example by giving your factory what your tests configure."
)


class Installation:
    """One app's Live Activities; ``app.extensions["live_activity"]``.

    Args:
        app: The host.
        settings: Checked.
        callbacks: What the host has registered, now or later.
        storage: The host's own, or ``None``: as the settings say.
        push: The same.
        dispatch: Makes the way of running delivery, given where to find it, who is to learn how to
            end what it starts, and how the host is asked.
    """

    def __init__(
        self,
        app: Flask,
        settings: Settings,
        callbacks: HostCallbacks,
        storage: Storage | None,
        push: PushBackend | None,
        dispatch: Callable[[Callable[[], Delivery], Opened, Asking], Dispatch],
    ) -> None:
        self.settings = settings
        self.callbacks = callbacks
        self._stand_ins: list[Parts] = []
        self._start_again_at = 0.0
        self.repairs = MissingEnds(
            callbacks, self._announcement, anybody_may_follow=settings.allow_any_stream
        )
        self.streams = HostStreams(app, self)
        self.event_log = EventLog(app)
        self._config = app.config
        self._read_as = _ours(app.config)
        self._opened = Opened()
        self._own = own = ProcessParts(
            settings,
            app.instance_path,
            storage,
            push,
            self._opened,
            self.event_log.settled,
            self._say_what_comes_too_late,
        )
        self.asking = asking_of(self.streams, settings.check_interval)
        """For whoever has a thread to ask the host in."""
        self._dispatch = dispatch(lambda: own.parts.delivery, self._opened, self.asking)
        # Nobody holds the app any more: a test suite makes one for each of its tests.
        weakref.finalize(self, self._opened.close_soon).atexit = False

    # --- parts -------------------------------------------------------------------------------

    @property
    def parts(self) -> Parts:
        """This process's parts, built at first use; or those that stand in for them."""
        stand_ins = self._stand_ins
        return stand_ins[-1] if stand_ins else self._own.parts

    def parts_of(self, storage: Storage, push: PushBackend) -> Parts:
        """A storage and a push backend, and delivery between them as the settings say."""
        return self._own.parts_of(storage, push)

    @property
    def dispatch(self) -> Dispatch:
        """Who runs delivery."""
        if self._stand_ins:
            return InlineDispatch(lambda: self.parts.delivery)
        return self._dispatch

    @contextlib.contextmanager
    def standing_in(self, parts: Parts) -> Iterator[None]:
        """Within the ``with`` block use these, and deliver inline, whatever was configured.

        For tests; see ``flask_allmine_liveactivity.testing``. Nothing that is configured is
        opened for it, closed or told. In a block within a block the inner one counts.
        """
        self._stand_ins = [*self._stand_ins, parts]
        try:
            yield
        finally:
            self._stand_ins = [other for other in self._stand_ins if other is not parts]

    @property
    def storage(self) -> Storage:
        """This process's storage."""
        stand_ins = self._stand_ins
        return stand_ins[-1].storage if stand_ins else self._own.storage

    @property
    def push(self) -> PushBackend:
        """This process's push backend."""
        return self.parts.push

    @property
    def changed_settings(self) -> list[str]:
        """Keys that were set after ``init_app``, which has read them: they change nothing."""
        now, then = _ours(self._config), self._read_as
        return sorted(key for key in now.keys() | then.keys() if now.get(key) != then.get(key))

    def _say_what_comes_too_late(self) -> None:
        if changed := self.changed_settings:
            logger.warning(TOO_LATE, ", ".join(changed))

    def close(self) -> None:
        """Stop delivering in this process, and close what was opened for it."""
        self._dispatch.close()
        self._opened.close()
        self._own.forget()

    def on_request(self, _app: object, **_: object) -> None:
        """A request of any kind has begun: a process that serves them also delivers.

        It may be one of the host's own, which must not fail because our storage cannot be opened.

        Raises:
            ConfigurationError: Nothing can be pushed from here: who serves would promise phones
                what nobody will do.
        """
        self.require_push()
        if time.monotonic() < self._start_again_at:
            return
        try:
            self.dispatch.start()
        except Exception:
            self._start_again_at = time.monotonic() + self.settings.sweep_interval
            logger.exception("Live Activity delivery could not be started in this process")

    def require_push(self) -> None:
        """Before anything is stored of which nobody could be told.

        Raises:
            ConfigurationError: Nothing can be pushed from here.
        """
        if self.settings.no_push is not None and not self._stand_ins:
            raise ConfigurationError(self.settings.no_push)

    # --- a stream ends -----------------------------------------------------------------------

    def stream_id(self, stream_id: object) -> str:
        """The canonical form of a stream id; ``ValueError`` where it is none."""
        return canonical_stream_id(stream_id, self.settings.stream_id_pattern)

    def earlier_spellings(self, stream_id: str) -> tuple[str, ...]:
        """Under what an earlier version may have kept a stream."""
        return earlier_spellings(stream_id, self.settings.stream_id_pattern)

    def announce(
        self,
        stream_id: str,
        state: StreamState,
        *,
        content_state: Mapping[str, Any] | None = None,
        alert: Mapping[str, Any] | None = None,
        dismiss_after: object = AS_SET,
    ) -> StreamEvent:
        """Store what a stream's Live Activities must be told: one small write."""
        self.require_push()
        now = time.time()
        announcement = self._announcement(
            stream_id,
            state,
            now,
            content_state=(
                self.callbacks.final_content_state(stream_id, state)
                if content_state is None
                else content_state
            ),
            alert=alert,
            dismiss_after=dismiss_after,
        )
        event = self.storage.streams.announce(announcement, now)
        self._tell_of(event, announcement)
        return event

    def announced(self, event: StreamEvent) -> None:
        """Something was announced that the host did not announce itself: have it delivered."""
        self._tell_of(event, announcement_that_stands(event))
        self.dispatch.wake(event.stream_id)

    def _tell_of(self, event: StreamEvent, announcement: Announcement) -> None:
        self.event_log.announced(event, announcement.source)
        if not event.is_end:
            return
        earlier = self.earlier_spellings(event.stream_id)
        for each in announce_to_earlier(self.storage, announcement, earlier, time.time()):
            self.dispatch.wake(each)

    def notify(self, stream_id: str, state: StreamState, **said: Any) -> DeliveryReport:
        """Announce a stream's end and have it delivered."""
        event = self.announce(stream_id, state, **said)
        run = self.dispatch.wake(stream_id)
        if run is None:
            return DeliveryReport(
                stream_id=stream_id, state=state, revision=event.revision, queued=True
            )
        untold = self.storage.counts(time.time(), stream_id).untold
        return DeliveryReport(
            stream_id=stream_id,
            state=state,
            revision=event.revision,
            queued=False,
            delivered=run.tally.delivered,
            gone=run.tally.gone,
            retrying=max(0, untold - run.tally.rejected_and_waiting),
            rejected=run.tally.rejected,
        )

    def next_question(self, now: float) -> float:
        """When the host is asked of what is known from now on."""
        return now + self.settings.check_interval

    def reopen(self, stream_id: str) -> None:
        """Forget a stream's end."""
        now = time.time()
        self.storage.streams.reopen(
            stream_id,
            now,
            ask_at=self.next_question(now),
            kept_until=now + self.settings.session_lifetime,
        )
        reopen_earlier(self.storage, self.earlier_spellings(stream_id), now)

    def _announcement(
        self,
        stream_id: str,
        state: StreamState,
        now: float,
        *,
        content_state: Mapping[str, Any] | None,
        alert: Mapping[str, Any] | None = None,
        dismiss_after: object = AS_SET,
        source: str = "said",
    ) -> Announcement:
        announcement = announcement_of_end(
            stream_id,
            state,
            content_state=content_state,
            alert=alert,
            dismiss_after=self.settings.dismissed_after(state, dismiss_after),
            now=now,
            ttl=self.settings.stream_ttl,
            source=source,
        )
        # Tried before anything is stored: what cannot be sent is the caller's to mend.
        self.push.encode(next_event(None, announcement, now))
        return announcement

    # --- a phone registers -------------------------------------------------------------------

    def register(self, **phone: Any) -> Answer:
        """Register a phone's session; see ``register_phone``."""
        return register_phone(self, **phone)


def _ours(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if str(key).startswith(PREFIX)}


def current() -> Installation:
    """The installation on the current app.

    Raises:
        ConfigurationError: The extension is not installed on it.
        RuntimeError: There is no application context.
    """
    return installed_on(current_app._get_current_object())  # type: ignore[attr-defined]


def installed_on(app: Flask) -> Installation:
    """The installation on `app`; ``ConfigurationError`` where there is none."""
    installation = app.extensions.get(EXTENSION)
    if installation is None:
        raise ConfigurationError(
            "flask-allmine-liveactivity is not installed on this app: call "
            "LiveActivity().init_app(app)."
        )
    assert isinstance(installation, Installation)
    return installation
