"""A host with everything: ``mypy --strict`` must be content with it, and know these types.

Checked by ``make lint``, and run by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, assert_type

from flask import Blueprint, Flask

from flask_allmine_liveactivity import (
    Apns2Push,
    ConsolePush,
    DeliveryReport,
    LiveActivity,
    MemoryPush,
    MemoryStorage,
    MongoStorage,
    PushBackend,
    SQLStorage,
    Storage,
    StreamForbidden,
    StreamNotFound,
    StreamState,
    notify_stream_state,
)
from flask_allmine_liveactivity.signals import Settled, pushes_settled

STREAM = "65f000000000000000000001"


def install(app: Flask, storage: Storage, push: PushBackend) -> LiveActivity:
    live_activity = LiveActivity()
    live_activity.init_app(app)
    live_activity.init_app(app, storage=storage, push=push)
    assert_type(LiveActivity(app, storage=MemoryStorage(), push=MemoryPush()), LiveActivity)
    assert_type(live_activity.blueprint, Blueprint)
    return live_activity


def backends(engine: Any, database: Any, client: Any) -> tuple[list[Storage], list[PushBackend]]:
    storages: list[Storage] = [
        MemoryStorage(),
        SQLStorage(engine),
        MongoStorage(database, prefix="live_activity_"),
    ]
    return storages, [MemoryPush(), ConsolePush(), Apns2Push(client)]


# --- callbacks ----------------------------------------------------------------------------------


def plain(live_activity: LiveActivity) -> None:
    @live_activity.stream_guard
    def guard(stream_id: str, user_id: str) -> StreamState | None:
        if user_id == "eve":
            raise StreamForbidden
        if stream_id != STREAM:
            raise StreamNotFound
        return StreamState.READY

    @live_activity.content_state
    def content_state(stream_id: str, state: StreamState) -> dict[str, str]:
        return {"phase": state.value}

    @live_activity.user_id_loader
    def user_id(claims: dict[str, Any]) -> int:
        return int(claims["sub"])

    # Registering a function leaves it what it was.
    assert_type(guard("1", "ada"), StreamState | None)
    assert_type(content_state("1", StreamState.READY), dict[str, str])
    assert_type(user_id({}), int)


def plain_in_other_words(live_activity: LiveActivity) -> None:
    @live_activity.stream_guard
    def says_a_string(stream_id: str, user_id: str) -> str:
        return "cancelled"

    @live_activity.stream_guard
    def allows_all(stream_id: str, user_id: str) -> None:
        return None

    @live_activity.content_state
    def has_none(stream_id: str, state: StreamState) -> Mapping[str, object] | None:
        return None


async def asynchronous(live_activity: LiveActivity) -> None:
    @live_activity.stream_guard
    async def guard(stream_id: str, user_id: str) -> StreamState | None:
        return None

    @live_activity.stream_guard
    async def allows_all(stream_id: str, user_id: str) -> None:
        return None

    @live_activity.content_state
    async def content_state(stream_id: str, state: StreamState) -> dict[str, str] | None:
        return {"phase": state.value}

    @live_activity.user_id_loader
    async def user_id(claims: dict[str, Any]) -> str:
        return str(claims["sub"])

    assert_type(await guard("1", "ada"), StreamState | None)
    assert_type(await content_state("1", StreamState.READY), dict[str, str] | None)
    assert_type(await user_id({}), str)


# --- what a host asks ---------------------------------------------------------------------------


def ends(live_activity: LiveActivity) -> None:
    report = notify_stream_state(STREAM, "cancelled")
    assert_type(report, DeliveryReport)
    assert_type(report.state, StreamState)
    assert_type(report.queued, bool)
    assert_type(report.delivered, int | None)
    notify_stream_state(
        STREAM,
        StreamState.EXPIRED,
        content_state={"phase": "over", "viewers": 7},
        alert={"title": "Over", "body": {"loc-key": "OVER"}},
        dismiss_after=timedelta(minutes=5),
    )
    assert_type(live_activity.release("ada", "iphone"), int)
    assert_type(live_activity.forget_user(7), int)
    live_activity.reopen_stream(STREAM)


def listens(app: Flask) -> None:
    def settled(sender: Flask, *, settled: list[Settled]) -> None:
        for each in settled:
            assert_type(each.stream_id, str)
            assert_type(each.count, int)

    pushes_settled.connect(settled, app)
