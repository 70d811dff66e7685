"""Servers of the tests' own: they may be stopped, killed, and started again with their data."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import services
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from .audience import until

STARTS_WITHIN = 60.0

S = TypeVar("S", bound="Server")


class Server:
    """A server process at a port of its own, with its data in a folder of its own.

    Args:
        command: What starts it, in the foreground.
        folder: Where its data is; removed by `remove`.
        port: Where it listens.
        user: Whom it runs as; ``None``: whoever runs the tests.
    """

    def __init__(self, command: Sequence[str], folder: Path, port: int, user: str | None) -> None:
        self.folder = folder
        self.port = port
        self.user = user
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it with the data there is; it answers when this returns."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                user=self.user,
                group=_group_of(self.user),
                extra_groups=None if self.user is None else [],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        assert until(self.answers, STARTS_WITHIN), self.log

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it by a signal, and wait until it is gone."""
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait(STARTS_WITHIN)
        self._process = None

    def kill(self) -> None:
        """SIGKILL for it and all its processes."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def remove(self) -> None:
        """Kill it, and delete its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self) -> bool:
        return services.listens(self.port)

    @property
    def log(self) -> str:
        """All that it has said."""
        return (self.folder / "log").read_text(errors="replace")


class DatabaseServer(Server):
    """A server with a database ``test``, and others that are made as they are asked for."""

    uri: str
    """Of a superuser, of the database that is always there."""

    def database(self, name: str, port: int | None = None, options: str = "") -> str:
        """The URI of a new database, perhaps through a proxy at another port."""
        self.execute(f"CREATE DATABASE {name} {options}")
        return self.uri_of(name, port)

    def uri_of(self, name: str, port: int | None = None) -> str:
        url = make_url(self.uri).set(database=name, port=port or self.port)
        return url.render_as_string(hide_password=False)

    def execute(self, statement: str) -> None:
        engine = create_engine(self.uri, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def answers(self) -> bool:
        if not super().answers():
            return False
        engine = create_engine(self.uri)
        try:
            engine.connect().close()
        except SQLAlchemyError:  # it is at its recovery
            return False
        finally:
            engine.dispose()
        return True


@contextlib.contextmanager
def postgresql_server() -> Iterator[DatabaseServer]:
    """A PostgreSQL. SIGINT stops it fast, SIGQUIT at once: as ``pg_ctl stop -m`` does."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("postgres") or (str(binaries[-1] / "postgres") if binaries else None)
    services.require(found is not None, "A PostgreSQL to start", "apt-get install postgresql")
    assert found is not None
    with _a_folder("postgres") as (folder, user):
        data, port = folder / "data", a_free_port()
        _set_up(
            user, folder, str(Path(found).parent / "initdb"), "-D", str(data), "-U", "postgres",
            "--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C",
        )  # fmt: skip
        command = [
            found, "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder),
            # A process that is killed loses nothing that the system has taken.
            "-c", "fsync=off", "-c", "shared_buffers=32MB", "-c", "deadlock_timeout=200ms",
        ]  # fmt: skip
        server = DatabaseServer(command, folder, port, user)
        server.uri = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        with _running(server):
            yield server


@contextlib.contextmanager
def mariadb_server() -> Iterator[DatabaseServer]:
    """A MariaDB."""
    services.require(
        bool(shutil.which("mariadbd") and shutil.which("mariadb-install-db")),
        "A MariaDB to start",
        "apt-get install mariadb-server",
    )
    with _a_folder("mysql") as (folder, user):
        data, port = folder / "data", a_free_port()
        _set_up(
            user, folder, "mariadb-install-db", "--no-defaults", f"--datadir={data}",
            "--auth-root-authentication-method=normal", "--skip-test-db",
        )  # fmt: skip
        command = [
            "mariadbd", "--no-defaults", f"--datadir={data}", f"--port={port}",
            "--bind-address=127.0.0.1", f"--socket={folder}/socket", f"--pid-file={folder}/pid",
            "--skip-name-resolve", "--innodb-buffer-pool-size=32M",
            # A process that is killed loses nothing that the system has taken.
            "--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2",
        ]  # fmt: skip
        server = DatabaseServer(command, folder, port, user)
        server.uri = f"mysql+pymysql://root@127.0.0.1:{port}/mysql"
        with _running(server):
            yield server


@contextlib.contextmanager
def redis_server() -> Iterator[Server]:
    """A Redis that keeps what it was given."""
    services.require(
        shutil.which("redis-server") is not None,
        "A Redis to start",
        "apt-get install redis-server",
    )
    folder, port = Path(tempfile.mkdtemp(prefix="faults-")), a_free_port()
    command = [
        "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder),
        "--save", "", "--appendonly", "yes",
    ]  # fmt: skip
    with _running(Server(command, folder, port, None)) as server:
        yield server


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _running(server: S) -> Iterator[S]:
    try:
        server.start()
        yield server
    finally:
        server.remove()


@contextlib.contextmanager
def _a_folder(user: str) -> Iterator[tuple[Path, str | None]]:
    """A folder that belongs to `user`, whom root becomes; databases refuse to run as root."""
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    if os.geteuid() != 0:
        yield folder, None
    else:
        shutil.chown(folder, user, _group_of(user))
        yield folder, user
    shutil.rmtree(folder, ignore_errors=True)


def _group_of(user: str | None) -> int | None:
    return None if user is None else pwd.getpwnam(user).pw_gid


def _set_up(user: str | None, folder: Path, *command: str) -> None:
    subprocess.run(
        command,
        cwd=folder,
        user=user,
        group=_group_of(user),
        extra_groups=None if user is None else [],
        check=True,
        stdout=subprocess.DEVNULL,
    )
