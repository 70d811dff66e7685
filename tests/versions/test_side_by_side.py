"""Two versions on one database, as while processes are replaced: no phone is left untold."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from storage.opening import check_who_waits_at, open_storage

from flask_allmine_liveactivity.model import SessionStatus
from flask_allmine_liveactivity.testing.storage_contract import actors

from .older import HERE, ROOT, start

LIFE = HERE / "life.py"
# So many are told by each version while both are there.
ENOUGH = 60


class Life:
    """A process of one version, and what it says."""

    def __init__(self, uri: str, name: str, mode: str, package: Path) -> None:
        self.said: defaultdict[str, list[str]] = defaultdict(list)
        self._changed = threading.Condition()
        self._ended = False
        self._process = start(LIFE, uri, name, mode, package=package)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            word, _, rest = line.strip().partition(" ")
            with self._changed:
                self.said[word].append(rest)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, word: str, count: int) -> None:
        def heard() -> bool:
            return len(self.said[word]) >= count or self._ended

        with self._changed:
            assert self._changed.wait_for(heard, 120), f"{word}: {len(self.said[word])}"
            assert len(self.said[word]) >= count, "it has ended"

    def close(self) -> None:
        """Let it end what it does."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait(self) -> None:
        assert self._process.wait(180) == 0
        with self._changed:
            assert self._changed.wait_for(lambda: self._ended, 60)

    def kill(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.close()
        self._process.kill()
        self._process.wait()
        self._listener.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextlib.contextmanager
def living(uri: str, name: str, mode: str, package: Path) -> Iterator[Life]:
    life = Life(uri, name, mode, package)
    try:
        life.wait_for("is", 1)
        assert life.said["is"][0].startswith(str(package))
        yield life
    finally:
        life.kill()


def test_both_register_end_and_deliver_while_the_tables_are_upgraded(
    uri: str, before: Path
) -> None:
    with living(uri, "before", "fill", before) as filled:
        filled.wait()
    with living(uri, "older", "live", before) as old:
        old.wait_for("told", ENOUGH)
        prepare_by_several(uri)
        with living(uri, "newer", "live", ROOT) as new:
            there = len(old.said["told"])
            new.wait_for("told", ENOUGH)
            old.wait_for("told", there + ENOUGH)
            for life in (old, new):
                life.close()
            for life in (old, new):
                life.wait()
    lives = (filled, old, new)
    assert new.said["updated"]
    assert not old.said["updated"]
    registered = {token for life in lives for token in life.said["registered"]}
    told = {token for life in lives for token in life.said["told"]}
    assert registered - told == set()
    assert [life.said["failed"] for life in lives] == [[], [], []]
    storage = open_storage(uri)
    rows = storage.sessions.page(limit=100_000)
    assert {row.token for row in rows} == registered
    assert {row.status for row in rows} == {SessionStatus.ENDED}
    assert "is wanted" in storage.check(0) or uri.startswith("mongodb")
    storage.close()
    check_who_waits_at(uri)


def prepare_by_several(uri: str) -> None:
    """As where each host of a deployment runs the command."""
    storages = [open_storage(uri) for _ in range(4)]
    actors.at_once([storage.prepare for storage in storages])
    for storage in storages:
        storage.close()
