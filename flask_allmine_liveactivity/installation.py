"""The extension as it is installed on one app: its settings, and its parts in each process."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask, current_app

from flask_allmine_liveactivity.announcement import announcement_of_end, canonical_stream_id
from flask_allmine_liveactivity.delivery import Delivery
from flask_allmine_liveactivity.dispatch.base import Dispatch
from flask_allmine_liveactivity.dispatch.inline import InlineDispatch
from flask_allmine_liveactivity.errors import ConfigurationError, PayloadTooLarge
from flask_allmine_liveactivity.host import HostCallbacks
from flask_allmine_liveactivity.model import Announcement, DeliveryReport, StreamEvent, StreamState
from flask_allmine_liveactivity.parts import adopt_push, open_push, open_storage
from flask_allmine_liveactivity.policy import Policy
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.registration import Answer, Claimant, MissingEnd, register
from flask_allmine_liveactivity.settings import Settings, dismiss_after_of
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.telling import Telling

logger = logging.getLogger(__name__)

EXTENSION: Final = "live_activity"


class AsSet:
    """The type of ``AS_SET``: take what the settings say."""


AS_SET: Final = AsSet()


@dataclass(frozen=True, slots=True)
class Parts:
    """What one process uses."""

    storage: Storage
    push: PushBackend
    delivery: Delivery


class Installation:
    """One app's Live Activities; ``app.extensions["live_activity"]``.

    Args:
        app: The host.
        settings: Checked.
        callbacks: What the host has registered, now or later.
        storage: The host's own, or ``None``: as the settings say.
        push: The same.
        dispatch: Makes the way of running delivery, given where to find it.
    """

    def __init__(
        self,
        app: Flask,
        settings: Settings,
        callbacks: HostCallbacks,
        storage: Storage | None,
        push: PushBackend | None,
        dispatch: Callable[[Callable[[], Delivery]], Dispatch],
    ) -> None:
        self.settings = settings
        self.callbacks = callbacks
        self._instance_path = app.instance_path
        self._given_storage = storage
        self._given_push = push
        self._lock = threading.Lock()
        self._parts: dict[int, Parts] = {}
        self._stand_ins: list[Parts] = []
        self._start_again_at = 0.0
        self._telling = Telling(app)
        self._dispatch = dispatch(lambda: self._own_parts.delivery)

    # --- parts -------------------------------------------------------------------------------

    @property
    def parts(self) -> Parts:
        """This process's parts, built at first use; or those that stand in for them."""
        stand_ins = self._stand_ins
        return stand_ins[-1] if stand_ins else self._own_parts

    @property
    def _own_parts(self) -> Parts:
        """As the settings say.

        A preloading server forks after ``init_app``. What the parent has opened is kept, unused:
        to close it here would close it there.
        """
        parts = self._parts.get(os.getpid())
        if parts is None:
            with self._lock:
                parts = self._parts.get(os.getpid())
                if parts is None:
                    parts = self._parts[os.getpid()] = self._build()
        return parts

    def _build(self) -> Parts:
        settings = self.settings
        storage = self._given_storage or open_storage(settings, self._instance_path)
        push = (
            open_push(settings)
            if self._given_push is None
            else adopt_push(self._given_push, settings)
        )
        return self.parts_of(storage, push)

    def parts_of(self, storage: Storage, push: PushBackend) -> Parts:
        """A storage and a push backend, and delivery between them as the settings say."""
        settings = self.settings
        policy = Policy(
            lease=settings.lease,
            batch_size=settings.batch_size,
            sweep_interval=settings.sweep_interval,
        )
        delivery = Delivery(
            storage,
            push,
            policy,
            # Looked up at each call: a host's tests may turn the clock.
            clock=lambda: time.time(),
            settled=self._telling.settled,
        )
        return Parts(storage, push, delivery)

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
        return self.parts.storage

    @property
    def push(self) -> PushBackend:
        """This process's push backend."""
        return self.parts.push

    def close(self) -> None:
        """Stop delivering in this process, and close what was opened for it."""
        self._dispatch.close()
        parts = self._parts.pop(os.getpid(), None)
        if parts is not None:
            if self._given_push is None and parts.push is not self.settings.push:
                parts.push.close()
            if self._given_storage is None:
                parts.storage.close()

    def on_request(self, _app: object, **_: object) -> None:
        """A request of any kind has begun: a process that serves them also delivers.

        It may be one of the host's own, which must not fail because our storage cannot be opened.
        """
        if time.monotonic() < self._start_again_at:
            return
        try:
            self.dispatch.start()
        except Exception:
            self._start_again_at = time.monotonic() + self.settings.sweep_interval
            logger.exception("Live Activity delivery could not be started in this process")

    # --- a stream ends -----------------------------------------------------------------------

    def stream_id(self, stream_id: object) -> str:
        """The canonical form of a stream id; ``ValueError`` where it is none."""
        return canonical_stream_id(stream_id, self.settings.stream_id_pattern)

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
        event = self.storage.announce(announcement, now)
        self._telling.ended(event)
        return event

    def notify(self, stream_id: str, state: StreamState, **said: Any) -> DeliveryReport:
        """Announce a stream's end and have it delivered."""
        event = self.announce(stream_id, state, **said)
        run = self.dispatch.wake(stream_id)
        if run is None:
            return DeliveryReport(
                stream_id=stream_id, state=state, revision=event.revision, queued=True
            )
        pending = self.storage.counts(time.time(), stream_id).pending
        return DeliveryReport(
            stream_id=stream_id,
            state=state,
            revision=event.revision,
            queued=False,
            delivered=run.tally.delivered,
            gone=run.tally.gone,
            retrying=max(0, pending - run.tally.rejected),
            rejected=run.tally.rejected,
        )

    def reopen(self, stream_id: str) -> None:
        """Forget a stream's end."""
        self.storage.reopen(stream_id, time.time())

    def _announcement(
        self,
        stream_id: str,
        state: StreamState,
        now: float,
        *,
        content_state: Mapping[str, Any] | None,
        alert: Mapping[str, Any] | None,
        dismiss_after: object,
    ) -> Announcement:
        return announcement_of_end(
            stream_id,
            state,
            content_state=content_state,
            alert=alert,
            dismiss_after=(
                self.settings.dismiss_after[state]
                if isinstance(dismiss_after, AsSet)
                else _dismiss_after(dismiss_after)
            ),
            now=now,
            ttl=self.settings.stream_ttl,
        )

    # --- a phone registers -------------------------------------------------------------------

    def register(
        self, *, user_id: str, stream_id: str, device_id: str, activity_id: str, token: str
    ) -> Answer:
        """Register a phone's session, and have it told at once where its stream has ended."""
        stream_id = self.stream_id(stream_id)
        ended = self._ask_guard(stream_id, user_id)
        missing_end = None if ended is None else self._missing_end(stream_id, user_id)
        answer = register(
            self.storage,
            Claimant(
                user_id=user_id,
                device_id=device_id,
                activity_id=activity_id,
                stream_id=stream_id,
                token=token,
            ),
            now=time.time(),
            lifetime=self.settings.session_lifetime,
            max_per_user=self.settings.max_sessions_per_user,
            missing_end=missing_end,
            announced=self._telling.ended,
        )
        self._telling.registered(stream_id, answer.value, token)
        if answer is Answer.LATE:
            self.dispatch.wake(stream_id)
        return answer

    def _ask_guard(self, stream_id: str, user_id: str) -> StreamState | None:
        if self.callbacks.guard is not None:
            return self.callbacks.ended_already(stream_id, user_id)
        if not self.settings.allow_any_stream:
            raise ConfigurationError(
                "Anybody could register for any stream: say who may with "
                "@live_activity.stream_guard, or set LIVE_ACTIVITY_ALLOW_ANY_STREAM = True."
            )
        return None

    def _missing_end(self, stream_id: str, user_id: str) -> MissingEnd | None:
        """The host has said that a stream is over; perhaps it failed to say so in time.

        It is asked once more, after the event was read. What it said before may be from before
        the stream was scheduled again, and to announce that end would end what has not ended; now
        a reopen after its answer shows in the event's revision.
        """
        event = self.storage.event(stream_id)
        if event is not None and event.event is not None:
            return None
        state = self._ask_guard(stream_id, user_id)
        if state is None:
            return None
        return MissingEnd(self._repair(stream_id, state), event.revision if event else 0)

    def _repair(self, stream_id: str, state: StreamState) -> Announcement:
        """What to tell where the host knows of an end that nobody has announced."""
        now = time.time()
        content_state = self.callbacks.final_content_state(stream_id, state)
        try:
            return self._announcement(
                stream_id,
                state,
                now,
                content_state=content_state,
                alert=None,
                dismiss_after=AS_SET,
            )
        except (PayloadTooLarge, TypeError, ValueError):
            # The phone cannot mend the host's callback, and an end without it is an end as well.
            self.callbacks.complain("The content_state callback gave what cannot be sent")
            return self._announcement(
                stream_id, state, now, content_state=None, alert=None, dismiss_after=AS_SET
            )


def _dismiss_after(value: object) -> float | None:
    try:
        return dismiss_after_of(value, "dismiss_after")
    except ConfigurationError as error:
        raise ValueError(str(error)) from None


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
