from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import services

from flask_allmine_liveactivity.simulator import LocalApns

from .stage import Stage


@pytest.fixture
def apns() -> Iterator[LocalApns]:
    with LocalApns() as made:
        yield made


@pytest.fixture
def database() -> Iterator[str]:
    with services.postgresql() as uri:
        yield uri


@pytest.fixture
def redis() -> Iterator[dict[str, Any]]:
    with services.redis_broker() as broker:
        yield broker


@pytest.fixture
def rabbitmq() -> Iterator[dict[str, Any]]:
    with services.rabbitmq_broker() as broker:
        yield broker


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> dict[str, Any]:
    made: dict[str, Any] = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def stage(database: str, redis: dict[str, Any], apns: LocalApns, tmp_path: Path) -> Iterator[Stage]:
    """With Redis as the broker."""
    made = Stage(database, redis, apns, tmp_path)
    yield made
    made.close()


@pytest.fixture
def stage_on_each_broker(
    database: str, broker: dict[str, Any], apns: LocalApns, tmp_path: Path
) -> Iterator[Stage]:
    made = Stage(database, broker, apns, tmp_path)
    yield made
    made.close()
