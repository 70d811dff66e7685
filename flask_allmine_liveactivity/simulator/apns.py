"""The local APNs: what a test or a developer holds in hand."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from flask_allmine_liveactivity.simulator.accounts import Accounts, check_environment
from flask_allmine_liveactivity.simulator.answering import Answering
from flask_allmine_liveactivity.simulator.channels import MOST_CHANNELS
from flask_allmine_liveactivity.simulator.connection import Connection
from flask_allmine_liveactivity.simulator.devices import Devices
from flask_allmine_liveactivity.simulator.folder import Folder
from flask_allmine_liveactivity.simulator.gateway import Gateway
from flask_allmine_liveactivity.simulator.judge import Judge
from flask_allmine_liveactivity.simulator.keys import SigningKey
from flask_allmine_liveactivity.simulator.provider_token import ProviderTokens
from flask_allmine_liveactivity.simulator.received import Received, Records
from flask_allmine_liveactivity.simulator.receiving import Receiving
from flask_allmine_liveactivity.simulator.reconnects import Reconnects
from flask_allmine_liveactivity.simulator.server import Server, reserved, tls_context
from flask_allmine_liveactivity.simulator.token_updates import TokenUpdates
from flask_allmine_liveactivity.simulator.told import ToldAnswers

TOKEN_UPDATES = 100
"""More provider tokens of one team within 20 minutes than a fleet of processes makes."""


class LocalApns(Accounts, Answering, Receiving):
    """A push server that checks and answers like Apple's, on this machine.

        with LocalApns() as apns:
            app.config.update(apns.settings)
            ...
            (push,) = apns.wait_for(1)
            assert push.event == "end"

    It serves one app of one team with one key, which it makes; see `make_key` for more. It can be
    stopped and started again: key, certificate, port, channels and records stay the same. Apple
    has hosts of their own for pushes, broadcasts and the channels; here one port serves them all.

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
        devices: The phones behind it, which say which of their tokens are dead, and take what is
            accepted. Without them every token is a stranger's: taken, and no phone shows it.
        on_push: Called with each push, refused ones too, before it is answered; in the server's
            thread, so it must not block.
        keep: How many pushes `received` keeps, the latest; ``None``: all.
        max_concurrent_streams: How many requests a connection may have under way, once it has sent
            one with a valid provider token; before, it is one, as at Apple's.
        token_updates: How many provider tokens of a team may have been made within 20 minutes,
            over all its keys and connections; 1 is Apple's rule by the letter. More than one are
            said in the log. A single connection keeps the rule in any case, unless this is
            ``None``: no rule.
        pushes_in_a_row: How many pushes a connection may send to one token, one after the other and
            within a minute, until they meet ``TooManyRequests``; ``None``: any. Apple has such a
            number, and does not say which.
        idle_timeout: Seconds after which a push on an idle connection meets ``IdleTimeout``;
            ``None``: never. Apple keeps connections for hours and days.
        reconnects_a_minute: How many connections an address may open and close again within a
            minute, until new ones are refused; ``None``: any. Apple takes whoever connects for each
            push for an attacker, and does not say from how many on.
        bad_tokens_until_goaway: How many ``BadDeviceToken`` end a connection; ``None``: none do.
            Apple does so, and does not say at how many.
        broadcasts: Whether the app is set up for broadcasts; else they meet ``FeatureNotEnabled``.
        most_channels: How many there may be of an app.
        clock: Seconds since the epoch. The age of provider tokens goes by it, too.

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
        devices: Devices | None = None,
        on_push: Callable[[Received], None] | None = None,
        keep: int | None = None,
        max_concurrent_streams: int = 1000,
        token_updates: int | None = TOKEN_UPDATES,
        pushes_in_a_row: int | None = None,
        idle_timeout: float | None = None,
        reconnects_a_minute: int | None = None,
        bad_tokens_until_goaway: int | None = None,
        broadcasts: bool = True,
        most_channels: int = MOST_CHANNELS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_environment(environment)
        self.environment = environment
        self._host = host
        self._port = port
        self._max_concurrent_streams = max_concurrent_streams
        self._folder = Folder(certificate_folder, host=host, key_id=key_id)
        key = SigningKey(key_id, team_id, self._folder.signing_key, frozenset((bundle_id,)))
        Accounts.__init__(self, key, bundle_id, most_channels)
        Answering.__init__(self, ToldAnswers(), self._for_each_connection)
        Receiving.__init__(self, Records(keep))
        self._reconnects = Reconnects(reconnects_a_minute, clock)
        judge = Judge(
            environment=environment,
            provider_tokens=ProviderTokens(self._keys, environment, TokenUpdates(token_updates)),
            told=self._told,
            channels_of=self.channels_of,
            takes_broadcasts=broadcasts,
            tokens_of_other_environment=self.tokens_of_other_environment,
            tokens_of_other_topic=self.tokens_of_other_topic,
            devices=devices,
            idle_timeout=idle_timeout,
            most_in_a_row=pushes_in_a_row,
            most_bad_tokens=bad_tokens_until_goaway,
        )
        self._gateway = Gateway(
            judge=judge,
            environment=environment,
            told=self._told,
            records=self._records,
            devices=devices,
            on_push=on_push,
            clock=clock,
        )
        self._server: Server | None = None
        self._held_port: contextlib.ExitStack | None = None
        self._life = threading.RLock()

    # Its life

    def start(self) -> None:
        """Listen; connections are accepted when this returns.

        Raises:
            OSError: The port is taken.
            RuntimeError: It runs already.
        """
        with self._life:
            if self._server is not None:
                raise RuntimeError(f"The local APNs runs already, at {self.url}.")
            self._folder.write()
            try:
                self._listen()
            except OSError:
                self.stop()  # and leave no files
                raise

    def stop(self) -> None:
        """Cut all connections, and refuse new ones. To stop what does not run does nothing."""
        with self._life:
            self._stop_listening()
            self._let_port_go()
            self._folder.remove_if_temporary()

    def go_down(self) -> None:
        """Be gone, as in an outage: connections are cut and refused until `come_back`.

        Unlike `stop` it keeps the certificate's file, and holds the port all the while. What is
        down already stays down.

        Raises:
            RuntimeError: It does not run.
        """
        with self._life:
            if self.is_down:
                return
            if self._server is None:
                raise RuntimeError("The local APNs does not run: start() it first.")
            self._stop_listening()
            held = contextlib.ExitStack()
            held.enter_context(reserved(self._host, self.port))
            self._held_port = held

    def come_back(self) -> None:
        """Be there again after `go_down`; otherwise it does nothing."""
        with self._life:
            if self.is_down:
                self._let_port_go()
                self._listen()

    @property
    def is_down(self) -> bool:
        """Whether it is between `go_down` and `come_back`."""
        return self._held_port is not None

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """Be gone for as long as the ``with`` block lasts: `go_down`, then `come_back`.

        Raises:
            RuntimeError: It does not run.
        """
        self.go_down()
        try:
            yield
        finally:
            self.come_back()

    def _listen(self) -> None:
        self._server = Server(
            self._gateway,
            tls_context(self._folder.path),
            on_connect=self.faults.meet,
            reconnects=self._reconnects,
            max_concurrent_streams=self._max_concurrent_streams,
            host=self._host,
            port=self._port,
        )
        self._port = self._server.port

    def _stop_listening(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            server.stop()

    def _let_port_go(self) -> None:
        if self._held_port is not None:
            self._held_port.close()
            self._held_port = None

    def _for_each_connection(self, act: Callable[[Connection], None]) -> int:
        server = self._server
        return 0 if server is None else server.for_each(act)

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
    def key_file(self) -> Path:
        """The ``.p8`` file of the key of `settings`; there while it runs."""
        return self._folder.key_file

    @property
    def ca_file(self) -> Path:
        """The file of the authority that clients must trust; there while it runs."""
        return self._folder.ca_file

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

    def __repr__(self) -> str:
        where = self.url if self._server is not None else "stopped"
        return f"<LocalApns {where} {self.environment}>"
