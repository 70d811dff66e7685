"""An operator's desk: a host with a real database and a local APNs, and its command line."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from click.testing import Result
from extension.apps import STREAM, installation, make_app
from flask import Flask

from flask_allmine_liveactivity import Session, SessionStatus, notify_stream_state
from flask_allmine_liveactivity.phones.registration import Claimant, register
from flask_allmine_liveactivity.simulator import LocalApns

HOUR = 3600.0


def a_token(number: int) -> str:
    return f"{number:064x}"


class Desk:
    """Commands of an app, and what phones and its code do meanwhile.

    Args:
        storage_uri: Of its database.
        apns: Where pushes go.
        monkeypatch: Turns the clock.
        config: More settings.
    """

    def __init__(
        self, storage_uri: str, apns: LocalApns, monkeypatch: pytest.MonkeyPatch, **config: Any
    ) -> None:
        self.apns = apns
        self.app: Flask = make_app(
            LIVE_ACTIVITY_STORAGE_URI=storage_uri,
            LIVE_ACTIVITY_DELIVERY="worker",
            LIVE_ACTIVITY_MAX_SESSIONS_PER_USER=None,
            **{**apns.settings, **config},
        )
        self._durable = storage_uri != "memory://"
        self._ahead = 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self._ahead)

    def close(self) -> None:
        installation(self.app).close()

    # --- commands ----------------------------------------------------------------------------

    def run(self, *arguments: str, **options: Any) -> Result:
        result = self.app.test_cli_runner().invoke(args=["live-activity", *arguments], **options)
        if self._durable:
            self.close()  # as a process ends: the next command opens its own
        return result

    def say(self, *arguments: str) -> str:
        """What a command prints that has gone well."""
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def ask(self, *arguments: str) -> Any:
        """What it prints for programs."""
        return json.loads(self.say(*arguments, "--json"))

    # --- what happens meanwhile --------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        self._ahead += seconds

    def phones(self, count: int, stream: str = STREAM, first: int = 1) -> list[str]:
        """So many phones register; their tokens."""
        tokens = [a_token(number) for number in range(first, first + count)]
        for number, token in enumerate(tokens, first):
            register(
                installation(self.app).storage,
                Claimant(
                    user_id=f"user-{number}",
                    device_id=f"phone-{number}",
                    activity_id=f"activity-{number}",
                    stream_id=stream,
                    token=token,
                ),
                now=time.time(),
                lifetime=12 * HOUR,
                max_per_user=None,
                ask_at=installation(self.app).next_question(time.time()),
            )
        return tokens

    def end(self, stream: str = STREAM, state: str = "ready") -> None:
        with self.app.app_context():
            notify_stream_state(stream, state)

    def says(self, answer: object) -> None:
        """What the host answers from now on, whatever stream it is asked about."""
        installation(self.app).callbacks.streams = lambda ids: dict.fromkeys(ids, answer)

    def change(self, answer: object, stream: str = STREAM) -> None:
        """The host says that a stream has changed."""
        self.says(answer)
        with self.app.app_context():
            installation(self.app).streams.changed(stream, None)

    def ask_the_host(self) -> None:
        """About all that is due for a question."""
        installation(self.app).streams.ask_due()

    # --- what became of it -------------------------------------------------------------------

    @property
    def sessions(self) -> list[Session]:
        return installation(self.app).storage.sessions.page(limit=10_000)

    @property
    def statuses(self) -> set[SessionStatus]:
        return {session.status for session in self.sessions}
