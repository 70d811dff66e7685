"""What ``mypy --strict`` must refuse: each line is a mistake that a host has made.

Where one is not an error any more, its ``ignore`` is unused, and that is the error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flask import Flask

from flask_allmine_liveactivity import (
    Countdown,
    LiveActivity,
    MemoryPush,
    MemoryStorage,
    Push,
    PushBackend,
    PushResult,
    StreamState,
    notify_stream_state,
)


def installs_it_the_wrong_way_round(app: Flask) -> None:
    LiveActivity(app, storage=MemoryPush())  # type: ignore[arg-type]
    LiveActivity(app, push=MemoryStorage())  # type: ignore[arg-type]
    LiveActivity(app, MemoryStorage())  # type: ignore[call-arg]
    LiveActivity(app, storage="sqlite:///host.db")  # type: ignore[arg-type]


def guards_wrongly(live_activity: LiveActivity) -> None:
    @live_activity.stream_guard  # type: ignore[type-var]
    def says_whether(stream_id: str, user_id: str) -> bool:  # False would mean "allowed"
        return False

    @live_activity.stream_guard  # type: ignore[type-var]
    async def says_it_later(stream_id: str, user_id: str) -> bool:
        return False

    @live_activity.stream_guard  # type: ignore[type-var]
    def asks_for_too_little(stream_id: str) -> None:
        return None

    @live_activity.content_state  # type: ignore[type-var]
    def gives_text(stream_id: str, state: StreamState) -> str:
        return "over"


def answers_wrongly(live_activity: LiveActivity) -> None:
    @live_activity.streams  # type: ignore[type-var]
    def says_whether(stream_ids: list[str]) -> dict[str, bool]:
        return dict.fromkeys(stream_ids, True)

    @live_activity.streams  # type: ignore[type-var]
    def says_it_in_turn(stream_ids: list[str]) -> list[str]:
        return ["cancelled"] * len(stream_ids)

    @live_activity.streams  # type: ignore[type-var]
    def asks_for_one(stream_id: str) -> dict[str, str]:
        return {stream_id: "cancelled"}

    Countdown(content_state={})  # type: ignore[call-arg]
    Countdown(starts_at="tomorrow", content_state={})  # type: ignore[arg-type]
    live_activity.stream_changed("1", {"title": "Earlier"})  # type: ignore[call-arg]


def notifies_wrongly() -> None:
    notify_stream_state("65f000000000000000000001")  # type: ignore[call-arg]
    notify_stream_state("65f000000000000000000001", 3)  # type: ignore[arg-type]
    notify_stream_state("65f000000000000000000001", "ready", alert="Over")  # type: ignore[arg-type]
    notify_stream_state("65f000000000000000000001", "ready", {})  # type: ignore[call-arg]
    delivered: int = notify_stream_state("1", "ready").delivered  # type: ignore[assignment]
    print(delivered)


class ForgetsToClose(PushBackend):
    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        return iter(())


ForgetsToClose()  # type: ignore[abstract]


class SendsOne(PushBackend):
    def send(self, push: Push) -> PushResult:  # type: ignore[override]
        raise NotImplementedError

    def close(self) -> None:
        pass
