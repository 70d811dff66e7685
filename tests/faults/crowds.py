"""Audiences as large as a fan-out: put into a database at once, and looked after afterwards."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, insert
from storage.opening import check_who_waits_at, open_storage

from flask_allmine_liveactivity.model import StreamState
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.memory import MemoryStorage
from flask_allmine_liveactivity.storage.sql import active_sessions, sessions
from flask_allmine_liveactivity.storage.sql.active_rows import active_row
from flask_allmine_liveactivity.storage.sql.rows import session_row
from flask_allmine_liveactivity.streams.announcement import announcement_of_end

from .audience import LIFETIME, STREAM_TO_COME, Audience, a_token, until
from .processes import settings_of


@dataclass(frozen=True)
class Crowd:
    """An audience on a storage that several processes use."""

    uri: str
    storage: Storage
    apns: LocalApns
    audience: Audience

    def config(self, **config: Any) -> dict[str, Any]:
        """Of a host of theirs."""
        return settings_of(self.uri, self.apns.settings, **config)

    @property
    def told(self) -> int:
        """How many pushes were accepted."""
        return len(self.apns.accepted)

    @property
    def doubled(self) -> int:
        """How many accepted pushes told somebody who had been told already."""
        return self.told - len({received.token for received in self.apns.accepted})

    @property
    def most_often_told(self) -> int:
        """How often the one who was told most often was told."""
        return max(Counter(received.token for received in self.apns.accepted).values())

    @property
    def claimed(self) -> int:
        """How many are in somebody's hands."""
        rows = self.storage.sessions.page(limit=100_000)
        return sum(row.claim_id is not None for row in rows)

    def wait_until_told(self, seconds: float = 60.0) -> None:
        """As the audience's, asking less often: to count so many costs the database time."""

        def all_told() -> bool:
            time.sleep(0.2)  # between two looks
            return not self.audience.pending

        assert until(all_told, seconds), f"{self.audience.pending} are still pending"

    def wait_for_pushes(self, count: int, seconds: float = 30.0) -> None:
        """Until so many more are accepted, and somebody is still to be told."""
        self.apns.wait_for(self.told + count, seconds)
        assert self.audience.pending, "it was over too soon"

    def end_the_other_stream(self) -> None:
        """As ``Audience.end`` does with its own. Not before the last ``check``."""
        now = time.time()
        announcement = announcement_of_end(
            STREAM_TO_COME,
            StreamState.STARTED,
            content_state=None,
            alert=None,
            dismiss_after=0.0,
            now=now,
            ttl=2 * LIFETIME,
        )
        self.storage.streams.announce(announcement, now)

    def wait_until_the_other_stream_is_told(self, seconds: float = 30.0) -> None:
        """Whoever is left is well: what is announced now is told."""
        theirs = {token for token in self.audience.never if token.startswith(STREAM_TO_COME)}
        assert a_token(0, STREAM_TO_COME) in theirs

        def all_told() -> bool:
            return theirs <= {received.token for received in self.apns.accepted}

        assert until(all_told, seconds), "those who are left do not deliver"


@contextlib.contextmanager
def a_crowd(uri: str, apns: LocalApns, count: int) -> Iterator[Crowd]:
    """So many phones, and the bystanders, on the storage of this URI."""
    storage = open_storage(uri)
    storage.prepare()
    audience = Audience(storage, apns)
    if uri.startswith("mongodb"):
        audience.gather(count)
    else:
        _gather_at_once(audience, uri, apns, count)
    try:
        yield Crowd(uri, storage, apns, audience)
        check_who_waits_at(uri)
    finally:
        storage.close()


def _gather_at_once(audience: Audience, uri: str, apns: LocalApns, count: int) -> None:
    """Register them in memory and copy the rows: one by one takes longer than the tests."""
    in_memory = MemoryStorage()
    registered = Audience(in_memory, apns)
    registered.gather(count)
    found = in_memory.sessions.page(limit=10 * count + 1000)
    engine = create_engine(uri)
    with engine.begin() as connection:
        connection.execute(insert(sessions), [session_row(session) for session in found])
        connection.execute(insert(active_sessions), list(filter(None, map(active_row, found))))
    engine.dispose()
    audience.tokens, audience.never = registered.tokens, registered.never


def sqlite_in(folder: Path) -> str:
    """The URI of a SQLite file in this folder."""
    return f"sqlite:///{folder}/live_activity.db"


def free_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
