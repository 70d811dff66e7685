"""Databases that are restarted, killed, cut off, silent or slow in the midst of a fan-out."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.simulator import LocalApns

from .audience import until
from .midst import Midst, the_midst_of_a_fan_out
from .proxy import Proxy
from .servers import DatabaseServer

# How long a server is away, in seconds: the worker's leases run out meanwhile.
AWAY = 3.0
PHONES = 1000


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
    uri = own_server.database("cut_off", proxy.port)
    with the_midst_of_a_fan_out(uri, slow_apns, tmp_path, phones=PHONES) as midst:
        assert still_in_the_midst(midst, slow_apns)
        with proxy.refusing():
            time.sleep(AWAY)
            with pytest.raises(StorageUnavailable):
                midst.audience.register(PHONES)
        assert waits(midst)


def test_a_server_whose_connections_are_cut_again_and_again(
    own_server: DatabaseServer, proxy: Proxy, slow_apns: LocalApns, tmp_path: Path
) -> None:
    uri = own_server.database("cut", proxy.port)
    with the_midst_of_a_fan_out(uri, slow_apns, tmp_path, phones=PHONES) as midst:
        assert still_in_the_midst(midst, slow_apns)
        taken = proxy.taken
        for _ in range(20):
            proxy.cut()
            time.sleep(0.1)
        assert proxy.taken > taken + 5


IMPATIENT: dict[str, Any] = {"connect_args": {"read_timeout": 1, "connect_timeout": 2}}


def test_a_server_that_falls_silent(
    own_server: DatabaseServer, proxy: Proxy, slow_apns: LocalApns, tmp_path: Path
) -> None:
    """Half-open connections: all that is said is acknowledged, and never answered."""
    uri = own_server.database("silent", proxy.port)
    with the_midst_of_a_fan_out(
        uri, slow_apns, tmp_path, phones=PHONES, options=IMPATIENT
    ) as midst:
        assert still_in_the_midst(midst, slow_apns)
        with proxy.silence():
            with pytest.raises(StorageUnavailable):
                midst.audience.register(PHONES)
            assert until(lambda: waits(midst), 20), midst.log.read_text()


def test_a_slow_server_makes_nobody_be_told_twice(
    own_server: DatabaseServer, proxy: Proxy, slow_apns: LocalApns, tmp_path: Path
) -> None:
    """Leases do not run out in vain, though each answer is late."""
    uri = own_server.database("slow", proxy.port)
    with the_midst_of_a_fan_out(
        uri, slow_apns, tmp_path, phones=PHONES, LIVE_ACTIVITY_LEASE=10
    ) as midst:
        assert still_in_the_midst(midst, slow_apns)
        proxy.delay = 0.03
        midst.audience.wait_until_told(60)
        assert len(slow_apns.accepted) == PHONES
