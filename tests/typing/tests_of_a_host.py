"""The tests of somebody who tests with the package, as ``mypy --strict`` must take them.

Checked by ``make lint``, and run by nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import pytest
from flask import Flask

from flask_allmine_liveactivity import MemoryPush, MemoryStorage, PushBackend, Storage, Verdict
from flask_allmine_liveactivity.testing import (
    ContentState,
    ContentStateMismatch,
    Delivered,
    Outbox,
    ProcessConcurrency,
    PushContract,
    PushVerdicts,
    SentPush,
    StorageContract,
    ThreadConcurrency,
    ask_now,
    capture_pushes,
    check_content_state,
    deliver_now,
)


class TestMyStorage(StorageContract, ThreadConcurrency, ProcessConcurrency):
    phones = 10

    @pytest.fixture
    def reopen(self) -> Callable[[], Storage]:
        return partial(MemoryStorage)

    @pytest.fixture
    def storage(self, reopen: Callable[[], Storage]) -> Iterator[Storage]:
        storage = reopen()
        yield storage
        storage.close()


class TestMyPush(PushContract, PushVerdicts):
    most_in_flight = 1

    @pytest.fixture
    def push(self) -> PushBackend:
        return MemoryPush()

    @pytest.fixture
    def answer(self) -> Callable[[str, Verdict], None]:
        return lambda token, verdict: None


def test_cancelling(app: Flask, live_activity_outbox: Outbox) -> None:
    with capture_pushes(app) as outbox:
        token: str = outbox.register("65f000000000000000000001", user_id=7)
        outbox.answer(token, "gone", gone_since=1.0)
        outbox.answer_always(token, Verdict.RETRY)
    done: Delivered = deliver_now(app, timedelta(minutes=1))
    asked: int = ask_now(app, timedelta(minutes=2))
    pushes: list[SentPush] = outbox[1:]
    event: str = outbox[0].event
    assert (event, done.pending, outbox[0].content_state, pushes) == ("end", 0, None, [])
    assert asked == 0
    with pytest.raises(ContentStateMismatch):
        check_content_state(outbox[0].content_state, {"phase": str, "note": str | None})
    check_content_state({"at": {"hall": 1}}, {"at": ContentState({"hall": int}) | None})
