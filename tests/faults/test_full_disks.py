"""A disk without room: a registration is a 503, and delivery goes on when there is room again."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import services
from sqlalchemy import create_engine, event

from flask_allmine_liveactivity.app.settings import read_settings
from flask_allmine_liveactivity.delivery.policy import Policy
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.push.from_settings import open_push
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.storage.sql import SQLStorage

from .audience import Audience, until
from .midst import the_midst_of_a_fan_out
from .phoning import register_in_process
from .processes import settings_of
from .servers import DatabaseServer

PHONES = 400
FULL = "a disk that can be filled"


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of a few megabytes, in memory."""
    services.require(os.geteuid() == 0, FULL, "Run as root, who may mount one.")
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "faults", str(folder)])
    services.require(mounted.returncode == 0, FULL, "Run where root may mount (CAP_SYS_ADMIN).")
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Not a byte is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass
    assert shutil.disk_usage(disk).free == 0
    yield
    ballast.unlink()


def give_back_the_log(file: Path) -> None:
    """Or writers would go on in the megabytes that their log has already."""
    with contextlib.closing(sqlite3.connect(file, timeout=10)) as connection:

        def is_truncated() -> bool:
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy

        assert until(is_truncated, 20)


def test_a_sqlite_file_on_a_full_disk(
    small_disk: Path, slow_apns: LocalApns, tmp_path: Path
) -> None:
    uri = f"sqlite:///{small_disk}/live_activity.db"
    config, numbers = settings_of(uri, slow_apns.settings), itertools.count()
    with the_midst_of_a_fan_out(uri, slow_apns, tmp_path, phones=PHONES) as midst:
        give_back_the_log(small_disk / "live_activity.db")
        with filled(small_disk):
            assert until(lambda: "delivery waits" in midst.log.read_text(), 20)
            assert until(lambda: register_in_process(config, next(numbers)) == 503, 20)
            assert midst.audience.pending
        assert register_in_process(config, next(numbers)) == 200


def test_a_postgresql_on_a_full_disk(
    own_postgresql: DatabaseServer, small_disk: Path, slow_apns: LocalApns, tmp_path: Path
) -> None:
    if own_postgresql.user is not None:
        shutil.chown(small_disk, own_postgresql.user)
    place = small_disk / "tables"
    place.mkdir()
    shutil.chown(place, own_postgresql.user or os.geteuid())
    own_postgresql.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
    uri = own_postgresql.database("without_room", options="TABLESPACE small")
    config, numbers = settings_of(uri, slow_apns.settings), itertools.count()
    with the_midst_of_a_fan_out(uri, slow_apns, tmp_path, phones=PHONES) as midst:
        with filled(small_disk):
            assert until(lambda: "No space left" in midst.log.read_text(), 20)
            assert until(lambda: register_in_process(config, next(numbers)) == 503, 20)
            assert midst.audience.pending
        assert register_in_process(config, next(numbers)) == 200
    own_postgresql.execute("DROP DATABASE without_room WITH (FORCE)")
    own_postgresql.execute("DROP TABLESPACE small")


def register_for_ever(audience: Audience, numbers: Iterator[int]) -> None:
    for number in numbers:
        audience.register(number)


def test_a_sqlite_file_that_may_not_grow(slow_apns: LocalApns, tmp_path: Path) -> None:
    """SQLite says the same of a host's own limit as of a full disk."""
    engine = create_engine(f"sqlite:///{tmp_path}/host.db")
    limits = [1_000_000]
    event.listen(
        engine,
        "checkout",
        lambda connection, *_: connection.execute(f"PRAGMA max_page_count={limits[-1]}").fetchone(),
    )
    storage = SQLStorage(engine)
    settings = read_settings(slow_apns.settings, push_given=False, lenient=True)
    push = open_push(settings.push, settings.apns)
    delivery = Delivery(storage, push, Policy(lease=2, batch_size=50, sweep_interval=0.2))
    audience = Audience(storage, slow_apns)
    audience.gather(100)

    limits.append(1)  # SQLite takes what there is already as the limit
    numbers = itertools.count(100)
    with pytest.raises(StorageUnavailable, match="full"):
        register_for_ever(audience, numbers)
    audience.end()
    limits.append(1_000_000)
    audience.register(next(numbers))

    def all_told() -> bool:
        delivery.run()
        return not audience.pending

    assert until(all_told, 20)
    audience.check()
    push.close()
    engine.dispose()
