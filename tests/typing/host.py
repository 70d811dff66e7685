"""A host with everything: ``mypy --strict`` must be content with it, and know these types.

Checked by ``make lint``, and run by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type
from uuid import UUID

from flask import Blueprint, Flask

from flask_allmine_liveactivity import (
    Apns2Push,
    ConsolePush,
    Countdown,
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
    StreamReceipt,
    StreamReport,
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

    @live_activity.streams
    def streams(stream_ids: list[str]) -> dict[str, Countdown | StreamState | None]:
        return {stream_id: a_countdown() for stream_id in stream_ids}

    # Registering a function leaves it what it was.
    assert_type(streams([]), dict[str, Countdown | StreamState | None])
    assert_type(guard("1", "ada"), StreamState | None)
    assert_type(content_state("1", StreamState.READY), dict[str, str])
    assert_type(user_id({}), int)


def a_countdown() -> Countdown:
    return Countdown(
        starts_at=datetime(2030, 1, 1, tzinfo=UTC),
        content_state={"title": "a stream"},
        attributes={"streamId": STREAM},
        alert={"title": "Soon"},
        shown_before=timedelta(minutes=15),
        expires_after=1800,
    )


def plain_in_other_words(live_activity: LiveActivity) -> None:
    @live_activity.streams
    def by_uuid(stream_ids: Sequence[str]) -> Mapping[UUID, str]:
        return {UUID(stream_id): "cancelled" for stream_id in stream_ids}

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

    @live_activity.streams
    async def streams(stream_ids: list[str]) -> dict[str, Countdown]:
        return {stream_id: a_countdown() for stream_id in stream_ids}

    assert_type(await streams([]), dict[str, Countdown])
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


def follows(live_activity: LiveActivity) -> None:
    receipt = live_activity.stream_changed(STREAM, alert={"title": "Earlier", "body": "Now"})
    assert_type(receipt, StreamReceipt)
    assert_type(receipt.revision, int)
    assert_type(receipt.changed, bool)
    report = live_activity.stream_report(STREAM)
    assert_type(report, StreamReport)
    assert_type(report.state, StreamState | None)
    assert_type(report.sessions["active"], int)


def listens(app: Flask) -> None:
    def settled(sender: Flask, *, settled: list[Settled]) -> None:
        for each in settled:
            assert_type(each.stream_id, str)
            assert_type(each.count, int)

    pushes_settled.connect(settled, app)
