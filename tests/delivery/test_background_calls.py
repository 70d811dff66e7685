"""Calls that are made beside the pushes."""

from __future__ import annotations

import threading

import pytest

from flask_allmine_liveactivity.delivery.background_calls import BackgroundCalls


def test_calls_are_made_one_after_the_other_in_a_thread_of_their_own() -> None:
    calls, made = BackgroundCalls("calls"), []

    def call(number: int) -> str:
        made.append(number)
        return threading.current_thread().name

    futures = [calls.run(lambda number=number: call(number)) for number in range(20)]  # type: ignore[misc]
    assert {future.result(5) for future in futures} == {"calls"}
    assert made == list(range(20))
    calls.close()


def test_an_error_is_the_futures_and_the_next_call_is_made() -> None:
    calls = BackgroundCalls("calls")
    failed, made = calls.run(lambda: 1 / 0), calls.run(lambda: 2)
    with pytest.raises(ZeroDivisionError):
        failed.result(5)
    assert made.result(5) == 2
    calls.close()


def test_close_waits_for_all_calls_and_leaves_no_thread() -> None:
    calls, made = BackgroundCalls("calls-that-end"), []
    for number in range(50):
        calls.run(lambda number=number: made.append(number))  # type: ignore[misc]
    calls.close()
    assert len(made) == 50
    assert "calls-that-end" not in {thread.name for thread in threading.enumerate()}


def test_without_a_thread_to_be_had_the_call_is_made_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    calls = BackgroundCalls("calls")
    assert calls.run(lambda: 3).result(0) == 3
    calls.close()
