"""``LIVE_ACTIVITY_SIMULATOR_UI``: the simulator's page on a host's app, in development.

The only file that knows both the extension and the simulator's page; imported only when it is set.
"""

from __future__ import annotations

import atexit
import logging
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import cast

from flask import Flask, request_started

from flask_allmine_liveactivity.app.installation import EXTENSION, Installation, installed_on
from flask_allmine_liveactivity.app.operations.resending import resend
from flask_allmine_liveactivity.app.settings import Settings
from flask_allmine_liveactivity.errors import ConfigurationError, StorageUnavailable
from flask_allmine_liveactivity.model import (
    Push,
    PushResult,
    Session,
    SessionStatus,
    StreamEvent,
    StreamState,
    Verdict,
)
from flask_allmine_liveactivity.process.forking import call_if_alive
from flask_allmine_liveactivity.process.opened import Opened
from flask_allmine_liveactivity.push.apns_settings import ApnsSettings
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.push.from_settings import open_push

try:
    from flask_allmine_liveactivity.simulator.page import (
        DirectConsole,
        Known,
        Outlook,
        Outlooks,
        Resend,
        Simulator,
    )
    from flask_allmine_liveactivity.simulator.phones import LogInFailed, WsgiBackend
except ImportError as missing:
    raise ConfigurationError(f"LIVE_ACTIVITY_SIMULATOR_UI: {missing}") from missing

logger = logging.getLogger(__name__)

PHONES = ("First iPhone", "Second iPhone", "Third iPhone")


def mount_simulator(app: Flask, settings: Settings) -> PushBackend:
    """Put the page on an app; nothing listens before it has served a request.

    Returns:
        What pushes to the phones on the page.
    """
    # The simulator's threads must not keep an app that nobody else holds.
    host = cast("Flask", weakref.proxy(app))
    simulator = Simulator(
        console=DirectConsole(
            canonical=lambda stream_id: installed_on(host).stream_id(stream_id),
            end=lambda stream_id, state: _end(installed_on(host), stream_id, state),
            reopen=lambda stream_id: installed_on(host).reopen(stream_id),
            known=lambda stream_id: _known(installed_on(host), stream_id),
            changed=lambda stream_id: installed_on(host).streams.changed(stream_id, None),
            is_asked=lambda: installed_on(host).streams.is_asked,
        )
    )
    for name in PHONES:
        simulator.add_phone(name, _HostInProcess(host, settings.url_prefix))
    simulator.mount(app, outlooks_of(host), resending_of(host))
    app.extensions[f"{EXTENSION}_simulator"] = simulator
    atexit.register(call_if_alive, weakref.WeakMethod(simulator.stop))
    opened = Opened()
    weakref.finalize(app, opened.close_soon).atexit = False
    push = SimulatedPush(simulator, opened)
    request_started.connect(push.on_request, app)
    return push


def outlooks_of(app: Flask) -> Outlooks:
    """What an app's storage says of the Live Activities on the page."""

    def outlooks(stream_id: str) -> Mapping[str, Outlook] | None:
        installation = installed_on(app)
        storage, is_asked = installation.storage, installation.streams.is_asked
        try:
            event = storage.streams.read(stream_id)
            sessions: list[Session] = []
            while page := storage.sessions.page(
                stream_id=stream_id,
                after=sessions[-1].session_id if sessions else "",
                limit=500,
            ):
                sessions += page
        except StorageUnavailable:
            return None  # the log of the app says so
        # An activity that two users have registered has two rows: the later one counts.
        sessions.sort(key=lambda session: session.token_seen_at)
        return {
            session.activity_id: _outlook(session, event, is_asked=is_asked) for session in sessions
        }

    return outlooks


def resending_of(app: Flask) -> Resend:
    """Lets an app try again at once, as ``flask live-activity resend`` does."""
    return lambda stream_id: resend(installed_on(app), stream_id)


def _outlook(session: Session, event: StreamEvent | None, *, is_asked: bool) -> Outlook:
    outlook = _fate(session, event)
    if event is None:
        return outlook
    return replace(
        outlook,
        event="end" if event.is_end else "update" if event.is_update else None,
        asked_at=event.check_at if is_asked else None,
        found=event.found_state and event.found_state.value,
    )


def _fate(session: Session, event: StreamEvent | None) -> Outlook:
    if session.status is SessionStatus.ENDED:
        return Outlook("told")
    if session.status is SessionStatus.DEAD:
        return Outlook("given-up", session.reason)
    if event is None or event.event is None or session.delivered >= event.revision:
        return Outlook("follows")
    # An update waits, too, until the last one is long enough ago.
    due_at = max(session.due_at, event.due_at) if event.is_update else session.due_at
    if event.held_reason is None:
        return Outlook("waits", session.reason, due_at)
    if event.unanswered:
        return Outlook("waits", event.held_reason, due_at)
    return Outlook("held", event.held_reason, event.due_at)


def _end(installation: Installation, stream_id: str, state: str) -> None:
    """As ``flask live-activity end`` does, in the process that has the phones."""
    installation.notify(stream_id, StreamState(state))


def _known(installation: Installation, stream_id: str) -> Known:
    event = installation.storage.streams.read(stream_id)
    if event is None:
        return Known()
    if event.state is not None:
        return Known(event.state.value)
    shown = (event.countdown or {}).get("content_state") or {}
    title = shown.get("title")
    return Known(
        title=title if isinstance(title, str) else None,
        starts_at=(event.countdown or {}).get("starts_at"),
    )


class SimulatedPush(PushBackend):
    """Pushes to the simulator's own Apple.

    The phones are in the memory of the process that serves the page. Another one, such as that of
    a ``flask`` command, has none of them: there nobody answers, and the serving process delivers.

    Args:
        simulator: Started with the first push.
        opened: Learns how to end what was started.
    """

    def __init__(self, simulator: Simulator, opened: Opened) -> None:
        self._simulator = simulator
        self._opened = opened
        self._serves = threading.Event()
        self._lock = threading.Lock()
        self._engine: PushBackend | None = None

    def on_request(self, _app: object, **_: object) -> None:
        """This process serves."""
        self._serves.set()

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        if self._serves.is_set():
            yield from self._open().send(pushes)
            return
        for push in pushes:
            yield PushResult(
                push, Verdict.UNREACHABLE, reason="the simulator is in the process that serves"
            )

    def close(self) -> None:
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()
        self._simulator.stop()

    def _open(self) -> PushBackend:
        with self._lock:
            if self._engine is None:
                self._simulator.start()
                self._opened.add(self.close)
                self._engine = open_push("apns", self._apns_settings())
            return self._engine

    def _apns_settings(self) -> ApnsSettings:
        apns = self._simulator.apns
        return ApnsSettings(
            key=apns.key_pem,
            key_id=apns.key_id,
            team_id=apns.team_id,
            bundle_id=apns.bundle_id,
            environment=apns.environment,
            server=apns.url,
            ca=str(apns.ca_file),
            proxy="",
            connections=1,
        )


class _HostInProcess(WsgiBackend):
    """The host as the phones reach it: its endpoint by WSGI, its log-in by Flask-JWT-Extended.

    How a host's users log in is its own affair; that its access tokens are made by
    Flask-JWT-Extended is not.
    """

    def __init__(self, app: Flask, url_prefix: str) -> None:
        super().__init__(app, prefix=url_prefix)
        self._app = app

    def log_in(self, username: str, password: str) -> str:
        from flask_jwt_extended import create_access_token

        try:
            with self._app.app_context():
                return str(create_access_token(identity=username))
        except RuntimeError as error:  # there is no JWTManager, or no key
            raise LogInFailed(f"Flask-JWT-Extended makes no access token: {error}") from None

    def register(self, access_token: str, **registration: str) -> tuple[int, str]:
        try:
            return super().register(access_token, **registration)
        except Exception:
            # In debug mode Flask lets an app's own errors pass; a server answers 500 with them.
            logger.exception("The app failed while a phone of the simulator registered")
            return 500, "The app has raised an exception: its log has it."

    def log_out(self, access_token: str, device_id: str) -> int:
        return 200
