"""Waiting for Apple: it takes no processor, however many files the process has open."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

import pytest

from flask_allmine_liveactivity.model import Push, Verdict
from flask_allmine_liveactivity.push.apns.client import ApnsPush
from flask_allmine_liveactivity.push.apns.connection import ASK_AGAIN
from flask_allmine_liveactivity.simulator import LocalApns

from .engine import a_push, engine, send_one

# What select(2) can look at (FD_SETSIZE).
SELECTABLE = 1024
WAIT = 2.0


@pytest.fixture
def many_open_files() -> Iterator[None]:
    """The next file that this process opens has a number that select(2) cannot take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * SELECTABLE), hard))
    opened = [os.open(os.devnull, os.O_RDONLY)]
    while opened[-1] < SELECTABLE + 76:
        opened.append(os.open(os.devnull, os.O_RDONLY))
    yield
    for number in opened:
        os.close(number)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Source:
    """One push, and then none for now: it counts how often it is asked for more."""

    def __init__(self) -> None:
        self.pushes = [a_push()]
        self.asked = 0

    def __iter__(self) -> Iterator[Push]:
        return self

    def __next__(self) -> Push:
        if self.pushes:
            return self.pushes.pop()
        self.asked += 1
        raise StopIteration


def asked_while_waiting(push: ApnsPush) -> int:
    source = Source()
    (result,) = push.send(source)
    assert result.verdict is Verdict.DELIVERED
    return source.asked


def test_a_slow_apple_is_waited_for_without_asking_all_the_time(
    apns: LocalApns, push: ApnsPush
) -> None:
    send_one(push)
    apns.delay(WAIT)
    assert asked_while_waiting(push) <= 5 * WAIT / ASK_AGAIN


def test_so_it_is_in_a_process_with_more_open_files_than_select_can_take(
    apns: LocalApns, many_open_files: None
) -> None:
    with engine(apns) as push:
        send_one(push)
        apns.delay(WAIT)
        assert asked_while_waiting(push) <= 5 * WAIT / ASK_AGAIN
