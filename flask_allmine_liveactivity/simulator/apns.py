"""The local APNs: what a test or a developer holds in hand."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from flask_allmine_liveactivity.simulator.answers import Answer, ToldAnswers
from flask_allmine_liveactivity.simulator.certificate import (
    CA_FILE,
    make_certificate,
    read_certificate,
    write_private,
)
from flask_allmine_liveactivity.simulator.gateway import Gateway
from flask_allmine_liveactivity.simulator.provider_token import (
    ProviderTokens,
    make_signing_key,
    read_signing_key,
    to_pem,
)
from flask_allmine_liveactivity.simulator.received import Received, Records
from flask_allmine_liveactivity.simulator.server import Server, hypercorn_config, reserved

ENVIRONMENTS = ("sandbox", "production")


class LocalApns:
    """A push server that checks and answers like Apple's, on this machine.

        with LocalApns() as apns:
            app.config.update(apns.settings)
            ...
            (push,) = apns.wait_for(1)
            assert push.event == "end"

    It serves one app of one team with one key, which it makes. It can be stopped and started
    again: key, certificate, port and records stay the same.

    Args:
        bundle_id: Of the app.
        team_id: The ten characters of the team.
        key_id: The ten characters of the key.
        environment: ``sandbox`` or ``production``.
        host: The address to listen at, and the one in `url`.
        port: 0 takes a free one, and keeps it.
        certificate_folder: Where certificate and signing key are kept. Those that an earlier one
            has left there are used again, so that its clients trust this one. Without it they are
            new, and gone from the disk after `stop`.
        on_push: Called with each request, refused ones too, before it is answered; in the server's
            thread, so it must not block.
        keep: How many requests `received` keeps, the latest; ``None``: all.
        max_concurrent_streams: How many requests a connection may have under way.

    Raises:
        ValueError: The environment is neither.
    """

    def __init__(
        self,
        *,
        bundle_id: str = "com.example.allmine",
        team_id: str = "TEAM123456",
        key_id: str = "KEY1234567",
        environment: str = "sandbox",
        host: str = "127.0.0.1",
        port: int = 0,
        certificate_folder: str | Path | None = None,
        on_push: Callable[[Received], None] | None = None,
        keep: int | None = None,
        max_concurrent_streams: int = 1000,
    ) -> None:
        if environment not in ENVIRONMENTS:
            raise ValueError(f"environment is one of {ENVIRONMENTS}, not {environment!r}.")
        self.bundle_id = bundle_id
        self.team_id = team_id
        self.key_id = key_id
        self.environment = environment
        self.tokens_of_other_environment: set[str] = set()
        """Device tokens that are answered with ``BadDeviceToken``."""
        self._host = host
        self._port = port
        self._max_concurrent_streams = max_concurrent_streams
        self._folder_is_temporary = certificate_folder is None
        self._folder = Path(
            certificate_folder or Path(tempfile.gettempdir()) / f"local-apns-{uuid.uuid4()}"
        )
        self._signing_key_file = self._folder / f"AuthKey_{key_id}.p8"
        if self._signing_key_file.exists():
            self._certificate = read_certificate(self._folder)
            signing_key = read_signing_key(self._signing_key_file)
        else:
            self._certificate = make_certificate(host)
            signing_key = make_signing_key()
        self.key_pem = to_pem(signing_key)
        """The signing key: the text of the ``.p8`` file."""
        self._told = ToldAnswers()
        self._records = Records(keep)
        self._gateway = Gateway(
            bundle_id=bundle_id,
            environment=environment,
            provider_tokens=ProviderTokens(signing_key.public_key(), key_id, team_id),
            told=self._told,
            records=self._records,
            tokens_of_other_environment=self.tokens_of_other_environment,
            on_push=on_push,
        )
        self._server: Server | None = None

    # Its life

    def start(self) -> None:
        """Listen; connections are accepted when this returns.

        Raises:
            OSError: The port is taken.
            RuntimeError: It runs already.
        """
        if self._server is not None:
            raise RuntimeError(f"The local APNs runs already, at {self.url}.")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._certificate.write(self._folder)
        write_private(self._signing_key_file, self.key_pem.encode())
        try:
            self._listen()
        except OSError:
            self.stop()  # and leave no files
            raise

    def stop(self) -> None:
        """Cut all connections, and refuse new ones. To stop what does not run does nothing."""
        if self._server is not None:
            server, self._server = self._server, None
            server.stop()
        if self._folder_is_temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """Be gone for as long as the ``with`` block lasts: connections cut, new ones refused.

        Unlike `stop` and `start` it keeps the certificate's file, and holds the port all the while.

        Raises:
            RuntimeError: It does not run.
        """
        if self._server is None:
            raise RuntimeError("The local APNs does not run: start() it first.")
        server, self._server = self._server, None
        server.stop()
        try:
            with reserved(self._host, self.port):
                yield
        finally:
            self._listen()

    def _listen(self) -> None:
        config = hypercorn_config(self._folder, self._max_concurrent_streams)
        self._server = Server(self._gateway, config, host=self._host, port=self._port)
        self._port = self._server.port

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # How to reach it

    @property
    def port(self) -> int:
        """Where it listens, also after it was stopped.

        Raises:
            RuntimeError: The system has not chosen one yet.
        """
        if not self._port:
            raise RuntimeError("The local APNs has no port yet: start() it first.")
        return self._port

    @property
    def url(self) -> str:
        """``https://127.0.0.1:PORT``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"https://{host}:{self.port}"

    @property
    def ca_file(self) -> Path:
        """The file of the authority that clients must trust; there while it runs."""
        return self._folder / CA_FILE

    @property
    def settings(self) -> dict[str, str]:
        """For ``app.config.update(...)``: push to this server, with its key."""
        return {
            "LIVE_ACTIVITY_PUSH": "apns",
            "LIVE_ACTIVITY_APNS_KEY": self.key_pem,
            "LIVE_ACTIVITY_APNS_KEY_ID": self.key_id,
            "LIVE_ACTIVITY_APNS_TEAM_ID": self.team_id,
            "LIVE_ACTIVITY_APNS_BUNDLE_ID": self.bundle_id,
            "LIVE_ACTIVITY_APNS_ENVIRONMENT": self.environment,
            "LIVE_ACTIVITY_APNS_SERVER": self.url,
            "LIVE_ACTIVITY_APNS_CA": str(self.ca_file),
        }

    # What came

    @property
    def received(self) -> list[Received]:
        """All requests in order of arrival, refused ones too; a copy."""
        return self._records.kept()

    @property
    def accepted(self) -> list[Received]:
        """Those answered with 200."""
        return self._records.accepted()

    def wait_for(
        self, count: int, timeout: float = 10.0, *, accepted: bool = True
    ) -> list[Received]:
        """Wait for so many pushes since the start or the last `clear`.

        Args:
            count: How many.
            timeout: Seconds.
            accepted: Count those answered with 200 only; otherwise all.

        Returns:
            All that are kept by then, perhaps more than `count`.

        Raises:
            TimeoutError: They did not come. The message says what did.
        """
        return self._records.wait_for(count, timeout, accepted=accepted)

    def clear(self) -> None:
        """Forget what was received. What was told to be answered stays."""
        self._records.clear()

    # What to answer

    def answer(self, token: str, *answers: Answer) -> None:
        """Answer the next requests for a token so, one answer each; then as usual.

        What is told this way, by `answer_always` or by `answer_next` is for requests that Apple
        would accept: a broken one is refused for its own fault, and uses nothing up.
        `answer_next` comes first, then `answer`, then `answer_always`.
        """
        self._told.add(token, answers)

    def answer_always(self, token: str, answer: Answer | None) -> None:
        """Answer a token so from now on; ``None``: as usual again."""
        self._told.set_always(token, answer)

    def answer_next(self, count: int, answer: Answer) -> None:
        """Answer the next `count` requests so, whatever their token."""
        self._told.add_next(count, answer)

    def answer_all(self, answer: Answer | None) -> None:
        """Answer all requests so from now on; ``None``: as usual again.

        It comes before the check of the provider token: only a wrong method or path, or a header
        sent twice, is still refused for its own fault.
        """
        self._told.for_all = answer

    def delay(self, seconds: float) -> None:
        """Answer so many seconds late from now on; 0: at once. It is recorded on arrival."""
        self._told.delay = seconds

    def answer_as_usual(self) -> None:
        """Forget all that was told: answers, the delay, and tokens of the other environment."""
        self._told.forget()
        self.tokens_of_other_environment.clear()

    def __repr__(self) -> str:
        where = self.url if self._server is not None else "stopped"
        return f"<LocalApns {where} {self.environment}>"
