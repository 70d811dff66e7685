"""Phones on SQLite, a local APNs with a front before it, and workers that are looked into."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask_allmine_liveactivity.model import Session, StreamState
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.from_uri import open_storage
from flask_allmine_liveactivity.streams.announcement import announcement_of_end

from .apple import Front
from .audience import BYSTANDERS, LIFETIME, STREAM, STREAM_TO_COME, Audience, a_token, until
from .processes import a_worker, open_files, process, settings_of, threads

# Seconds that a worker waits for a connection and for an answer, so that tests are short.
IMPATIENT = {"CONNECT_TIMEOUT": 1, "ANSWER_TIMEOUT": 2}
UNREACHABLE_IS_SAID = "No answer from the push service"
HELD_IS_SAID = "Live Activity pushes are held"
# What a worker at rest has open: its storage, its connection, and little else.
MOST_FILES = 25


class Stage:
    """All that a fault needs to be tried on whole delivery.

    Args:
        folder: For the database, the certificate and what workers say.
        uri: Of the storage.
        storage: Where phones register.
        apns: Apple, while it is well.
        front: What workers push to.
    """

    def __init__(
        self, folder: Path, uri: str, storage: Storage, apns: LocalApns, front: Front
    ) -> None:
        self.folder = folder
        self.uri = uri
        self.storage = storage
        self.apns = apns
        self.front = front
        # The front hears what the local APNs hears, and what sick ones answered.
        self.audience = Audience(storage, front)  # type: ignore[arg-type]
        self.output = folder / "workers.log"

    @contextlib.contextmanager
    def worker(self, *wrapper: str, **config: Any) -> Iterator[subprocess.Popen[bytes]]:
        """A worker process that is killed at the end of the block."""
        settings = settings_of(self.uri, self.front.settings, **config)
        impatience = json.dumps(IMPATIENT)
        with a_worker(settings, self.output, *wrapper, FAULTS_APPLE=impatience) as worker:
            yield worker

    @property
    def said(self) -> str:
        """What the workers have said so far."""
        return self.output.read_text()

    def session(self, number: int) -> Session:
        """The session of a phone."""
        (found,) = self.storage.sessions.page(user_id=f"user-{number}", stream_id=STREAM)
        return found

    def come_late(self, count: int = 20) -> None:
        """More phones register, and are to be told."""
        first = len(self.audience.tokens)
        for number in range(first, first + count):
            self.audience.register(number)

    def attempts(self) -> set[int]:
        """How often sessions of the stream were refused."""
        return {row.attempts for row in self.storage.sessions.page(limit=10_000, stream_id=STREAM)}

    def midst(self, count: int = 100) -> None:
        """Wait until the worker is in the midst of it, and some are still to be told."""
        assert until(lambda: len(self.front.accepted) >= count, 20)
        assert self.audience.pending

    def all_are_well(self, worker: subprocess.Popen[bytes], seconds: float = 30) -> None:
        """Everybody is told, nothing is lost, and the worker has come out of it as it went in."""
        self.audience.wait_until_told(seconds)
        # What is told is settled a moment later.
        assert until(lambda: not self._claimed(), 10)
        self.audience.check()
        assert "Traceback" not in self.said
        for token in self.audience.tokens | self.audience.never:
            assert token not in self.said
        self._tells_another_stream()
        assert worker.poll() is None
        assert until(lambda: threads(worker.pid) == 1, 10)
        assert open_files(worker.pid) <= MOST_FILES

    def lift(self, **config: Any) -> None:
        """Somebody has mended what was wrong, and says so: ``flask live-activity resend``."""
        command = [sys.executable, "-m", "flask", "--app", "faults.host:make_host"]
        settings = settings_of(self.uri, self.front.settings, **config)
        with process(
            *command, "live-activity", "resend", config=settings, output=self.output
        ) as resend:
            assert resend.wait(30) == 0, self.said

    def _claimed(self) -> bool:
        rows = self.storage.sessions.page(limit=10_000, stream_id=STREAM)
        return any(row.claim_id for row in rows)

    def _tells_another_stream(self) -> None:
        self.end(STREAM_TO_COME)
        assert until(lambda: self.others <= {push.token for push in self.front.accepted}, 70)

    @property
    def others(self) -> set[str]:
        """The tokens of the stream that ends when all is over."""
        return {a_token(number, STREAM_TO_COME) for number in range(BYSTANDERS)}

    def end(self, stream: str) -> None:
        """Announce the end of a stream."""
        now = time.time()
        announcement = announcement_of_end(
            stream,
            StreamState.READY,
            content_state=None,
            alert=None,
            dismiss_after=0.0,
            now=now,
            ttl=2 * LIFETIME,
        )
        self.storage.streams.announce(announcement, now)


@contextlib.contextmanager
def a_stage(folder: Path, phones: int, apple: str = "127.0.0.1") -> Iterator[Stage]:
    """A stage with so many phones, whose stream has not ended yet; and where Apple is."""
    # Nothing here is about disks, and to wait for them at each registration takes long.
    in_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=in_memory) as database:
        uri = f"sqlite:///{database}/live_activity.db"
        with a_stage_on(uri, folder, phones, apple) as stage:
            yield stage


@contextlib.contextmanager
def a_stage_on(uri: str, folder: Path, phones: int, apple: str = "127.0.0.1") -> Iterator[Stage]:
    """A stage on any storage; without phones it has no bystanders either."""
    storage = open_storage(uri, {}, str(folder))
    try:
        storage.prepare()
        with LocalApns(host=apple, certificate_folder=folder) as apns, Front(apns) as front:
            stage = Stage(folder, uri, storage, apns, front)
            if phones:
                stage.audience.gather(phones)
            yield stage
    finally:
        storage.close()
