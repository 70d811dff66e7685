"""``LIVE_ACTIVITY_SIMULATOR_UI``: the simulator's page on a host's app, in development.

The only file that knows both the extension and the simulator's page; imported only when it is set.
"""

from __future__ import annotations

import atexit
import dataclasses
import threading
from collections.abc import Iterable, Iterator

from flask import Flask, request_started

from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.installation import EXTENSION, Installation, installed_on
from flask_allmine_liveactivity.model import Push, PushResult, StreamState, Verdict
from flask_allmine_liveactivity.parts import open_push
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.settings import ApnsSettings, Settings

try:
    from flask_allmine_liveactivity.simulator.page import DirectConsole, Simulator
    from flask_allmine_liveactivity.simulator.phones import LogInFailed, WsgiBackend
except ImportError as missing:
    raise ConfigurationError(f"LIVE_ACTIVITY_SIMULATOR_UI: {missing}") from missing

PHONES = ("First iPhone", "Second iPhone", "Third iPhone")


def mount_simulator(app: Flask, settings: Settings) -> PushBackend:
    """Put the page on an app; nothing listens before it has served a request.

    Returns:
        What pushes to the phones on the page.
    """
    simulator = Simulator(
        console=DirectConsole(
            canonical=lambda stream_id: installed_on(app).stream_id(stream_id),
            end=lambda stream_id, state: _end(installed_on(app), stream_id, state),
            reopen=lambda stream_id: installed_on(app).reopen(stream_id),
            ended=lambda stream_id: _ended(installed_on(app), stream_id),
        )
    )
    for name in PHONES:
        simulator.add_phone(name, _HostInProcess(app, settings.url_prefix))
    simulator.mount(app)
    app.extensions[f"{EXTENSION}_simulator"] = simulator
    atexit.register(simulator.stop)
    push = SimulatedPush(simulator, settings)
    request_started.connect(push.on_request, app)
    return push


def _end(installation: Installation, stream_id: str, state: str) -> None:
    """As ``flask live-activity end`` does, in the process that has the phones."""
    installation.notify(stream_id, StreamState(state))


def _ended(installation: Installation, stream_id: str) -> str | None:
    event = installation.storage.event(stream_id)
    return None if event is None or event.state is None else event.state.value


class SimulatedPush(PushBackend):
    """Pushes to the simulator's own Apple.

    The phones are in the memory of the process that serves the page. Another one, such as that of
    a ``flask`` command, has none of them: there nobody answers, and the serving process delivers.

    Args:
        simulator: Started with the first push.
        settings: Of the app.
    """

    def __init__(self, simulator: Simulator, settings: Settings) -> None:
        self._simulator = simulator
        self._settings = settings
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
                self._engine = open_push(self._push_settings())
            return self._engine

    def _push_settings(self) -> Settings:
        apns = self._simulator.apns
        return dataclasses.replace(
            self._settings,
            push="apns",
            apns=ApnsSettings(
                key=apns.key_pem,
                key_id=apns.key_id,
                team_id=apns.team_id,
                bundle_id=apns.bundle_id,
                environment=apns.environment,
                server=apns.url,
                ca=str(apns.ca_file),
                connections=1,
            ),
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

    def log_out(self, access_token: str, device_id: str) -> int:
        return 200
