"""A MongoDB that is restarted, cut off or silent in the midst of a fan-out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import services

from flask_allmine_liveactivity.errors import StorageUnavailable
from flask_allmine_liveactivity.simulator import LocalApns

from .audience import until
from .midst import the_midst_of_a_fan_out
from .proxy import Proxy

PHONES = 200
AWAY = 3.0
IMPATIENT: dict[str, Any] = {
    "serverSelectionTimeoutMS": 1000,
    "socketTimeoutMS": 1000,
    "connectTimeoutMS": 1000,
}


def test_a_server_that_is_stopped_and_started_again(slow_apns: LocalApns, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with services.mongodb(str(data)) as server:
        uri, port = f"{server.rstrip('/')}/restarted", int(server.rstrip("/").rsplit(":", 1)[1])
        stopping = services.mongodb(str(data), port)
