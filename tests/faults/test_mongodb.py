"""A MongoDB that is restarted, cut off or silent in the midst of a fan-out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import services

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.phones.registration import Answer
from flask_allmine_liveactivity.simulator import LocalApns

from .audience import until
from .midst import Midst, the_midst_of_a_fan_out
from .proxy import Proxy

# It is in this process, and slow.
PHONES = 100
IMPATIENT: dict[str, Any] = {
    "serverSelectionTimeoutMS": 1000,
    "socketTimeoutMS": 1000,
    "connectTimeoutMS": 1000,
}


def port_of(uri: str) -> int:
    return int(uri.rstrip("/").rsplit(":", 1)[1])


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with services.mongodb_in_process() as server, Proxy(port_of(server)) as made:
        yield made


def through(proxy: Proxy) -> str:
    """Past the proxy a client would go where the server says that it is."""
    return f"mongodb://127.0.0.1:{proxy.port}/faults?directConnection=true"


def waits(midst: Midst) -> int:
    """How often the worker has said that it waits."""
    return midst.log.read_text().count("delivery waits")


def assert_unavailable(midst: Midst) -> None:
    before = waits(midst)
    with pytest.raises(StorageUnavailable):
        midst.audience.register(PHONES)
    assert until(lambda: waits(midst) > before, 20), midst.log.read_text()


def test_a_server_that_is_stopped_and_started_again_with_its_data(
    slow_apns: LocalApns, tmp_path: Path
) -> None:
    data = str(tmp_path / "data")
    with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        server = first.enter_context(services.mongodb_in_process(data))
        with the_midst_of_a_fan_out(
            f"{server.rstrip('/')}/faults", slow_apns, tmp_path, phones=PHONES, options=IMPATIENT
        ) as midst:
            assert midst.audience.pending
            first.close()
            assert_unavailable(midst)
            second.enter_context(services.mongodb_in_process(data, port_of(server)))


def test_a_server_that_is_cut_off_and_then_falls_silent(
    proxy: Proxy, slow_apns: LocalApns, tmp_path: Path
) -> None:
    with the_midst_of_a_fan_out(
        through(proxy), slow_apns, tmp_path, phones=PHONES, options=IMPATIENT
    ) as midst:
        assert midst.audience.pending
        with proxy.refusing():
            assert_unavailable(midst)
        assert until(lambda: midst.audience.register(PHONES) is Answer.LATE, 20)
        with proxy.silence():
            assert_unavailable(midst)
