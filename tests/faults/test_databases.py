"""Databases that are restarted, killed, cut off, silent or slow in the midst of a fan-out."""

from __future__ import annotations

import contextlib
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import services
from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from storage.opening import open_storage

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.testing.storage_contract.records import (
    NOW,
    STREAM,
    an_announcement,
)

from .audience import Audience, until
from .midst import AFTERWARDS, SLOWLY, TOLD_WITHIN, Midst, tell_one, the_midst_of_a_fan_out
from .phoning import register_at
from .processes import gunicorn, settings_of
from .proxy import Proxy
from .servers import DatabaseServer, a_free_port, postgresql_server

# How long a server is away, in seconds: the worker's leases run out meanwhile.
AWAY = 3.0
PHONES = 600
# Where all goes through the proxy, which is slow.
FEWER = 250


def waits(midst: Midst) -> int:
    """How often the worker has said that it waits."""
    return midst.log.read_text().count("delivery waits")


def still_in_the_midst(midst: Midst, apns: LocalApns) -> bool:
    return len(apns.accepted) < PHONES and bool(midst.audience.pending)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_a_postgresql_that_is_restarted(
    own_postgresql: DatabaseServer, slow_apns: LocalApns, tmp_path: Path, stop: signal.Signals
) -> None:
    """As by ``pg_ctl restart -m fast`` and ``-m immediate``; the latter is a crash's recovery."""
    uri = own_postgresql.database(f"restarted_{stop.name.lower()}")
    with the_midst_of_a_fan_out(uri, slow_apns, tmp_path, phones=PHONES) as midst:
        assert still_in_the_midst(midst, slow_apns)
        own_postgresql.stop(stop)
        assert until(lambda: waits(midst), 20), midst.log.read_text()
        with pytest.raises(StorageUnavailable):
            midst.audience.register(PHONES)
        own_postgresql.start()
    recovered = "database system was not properly shut down" in own_postgresql.log
    assert recovered == (stop is signal.SIGQUIT)


def test_a_failover_that_leaves_connections_to_a_postgresql_without_writes() -> None:
    """As where a name has come to mean another server: nobody closes what there is."""
    with (
        postgresql_server() as before,
        services.postgresql() as after,
        Proxy(before.port) as proxy,
    ):
        url = make_url(after)
        storage = open_storage(before.database(str(url.database), proxy.port))
        with contextlib.closing(open_storage(after)) as there:
            there.prepare()
        storage.streams.announce(an_announcement(), NOW)
        engine = storage.engine  # type: ignore[attr-defined]
        before.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        before.execute("SELECT pg_reload_conf()")
        assert until(lambda: takes_no_writes(engine), 20)
        proxy.turn_to(url.port or 5432)
        storage.streams.announce(an_announcement(), NOW)
        with contextlib.closing(open_storage(after)) as there:
            assert there.streams.read(STREAM) is not None
        storage.close()


def takes_no_writes(engine: Engine) -> bool:
    """Whether the server of the pool's only connection has heard of it."""
    with engine.connect() as connection:
        setting = connection.exec_driver_sql("SHOW default_transaction_read_only").scalar()
    return setting == "on"


def test_a_mariadb_that_is_killed_and_started_again(
    own_mariadb: DatabaseServer, slow_apns: LocalApns, tmp_path: Path
) -> None:
    uri = own_mariadb.database("killed")
    with the_midst_of_a_fan_out(uri, slow_apns, tmp_path, phones=PHONES) as midst:
        assert still_in_the_midst(midst, slow_apns)
        own_mariadb.kill()
        assert until(lambda: waits(midst), 20), midst.log.read_text()
        with pytest.raises(StorageUnavailable):
            midst.audience.register(PHONES)
        own_mariadb.start()


def test_a_server_that_is_cut_off(
    own_server: DatabaseServer, proxy: Proxy, slow_apns: LocalApns, tmp_path: Path
) -> None:
    """First again and again, and then for a while."""
    uri = own_server.database("cut_off", proxy.port)
    with the_midst_of_a_fan_out(uri, slow_apns, tmp_path, phones=FEWER) as midst:
        for _ in range(4):
            taken = proxy.taken
            proxy.cut()
            assert until(lambda seen=taken: proxy.taken > seen, 20), midst.log.read_text()
        assert midst.audience.pending
        with proxy.refusing():
            time.sleep(AWAY)  # who is away is away for a while
            with pytest.raises(StorageUnavailable):
                midst.audience.register(FEWER)
        assert waits(midst)


IMPATIENT: dict[str, Any] = {"connect_args": {"read_timeout": 1, "connect_timeout": 1}}


def test_a_server_that_falls_silent(
    own_server: DatabaseServer, proxy: Proxy, slow_apns: LocalApns, tmp_path: Path
) -> None:
    """Half-open connections: all that is said is acknowledged, and never answered."""
    uri = own_server.database("silent", proxy.port)
    with the_midst_of_a_fan_out(uri, slow_apns, tmp_path, phones=FEWER, options=IMPATIENT) as midst:
        assert midst.audience.pending
        with proxy.silence():
            with pytest.raises(StorageUnavailable):
                midst.audience.register(FEWER)
            assert until(lambda: waits(midst), 20), midst.log.read_text()


def test_a_slow_server_makes_nobody_be_told_twice(
    own_postgresql: DatabaseServer, slow_apns: LocalApns, tmp_path: Path
) -> None:
    """Leases do not run out in vain, though each answer is late."""
    with (
        Proxy(own_postgresql.port) as proxy,
        the_midst_of_a_fan_out(
            own_postgresql.database("slow", proxy.port),
            slow_apns,
            tmp_path,
            phones=FEWER,
            LIVE_ACTIVITY_LEASE=10,
        ) as midst,
    ):
        assert midst.audience.pending
        proxy.delay = 0.03
        midst.audience.wait_until_told(TOLD_WITHIN)
        assert len(slow_apns.accepted) == FEWER
        proxy.delay = 0.0


def test_a_web_server_that_delivers_itself_outlives_its_database(
    own_postgresql: DatabaseServer, slow_apns: LocalApns, tmp_path: Path
) -> None:
    uri, port = own_postgresql.database("thread"), a_free_port()
    config = settings_of(uri, slow_apns.settings, LIVE_ACTIVITY_DELIVERY="thread")
    storage, log = open_storage(uri), tmp_path / "log"
    audience = Audience(storage, slow_apns)
    audience.gather(PHONES)
    with (
        contextlib.closing(storage),
        gunicorn(config, log, "--threads", "4", port=port) as server,
    ):
        assert register_at(port, config, 1) == 200
        before = workers_of(server.pid)
        slow_apns.delay(SLOWLY)
        audience.end()
        slow_apns.wait_for(PHONES // 5, timeout=TOLD_WITHIN)
        own_postgresql.stop(signal.SIGQUIT)
        assert until(lambda: "delivery waits" in log.read_text(), 20), log.read_text()
        assert register_at(port, config, 2) == 503
        assert len(slow_apns.accepted) < PHONES
        own_postgresql.start()
        slow_apns.delay(0)
        assert register_at(port, config, 2) == 200
        audience.wait_until_told(TOLD_WITHIN)
        audience.check()
        tell_one(storage, slow_apns, AFTERWARDS)
        assert workers_of(server.pid) == before


def workers_of(pid: int) -> list[str]:
    """The processes that gunicorn's own has made."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
