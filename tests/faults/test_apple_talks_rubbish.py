"""Apple talks rubbish in the midst of a fan-out: nobody is lost, and nobody is blamed for it."""

from __future__ import annotations

import os
import select
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_allmine_liveactivity.simulator.certificate import make_certificate

from . import sick
from .apple import Behaviour
from .apple_stage import HELD_IS_SAID, UNREACHABLE_IS_SAID, Stage, a_stage
from .audience import until
from .processes import open_files, rss

PHONES = 500
LATE = 20
# What a worker may need more than after the first fault, in KiB: its pools fill up.
MORE_MEMORY = 8 * 1024


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with a_stage(tmp_path, PHONES) as stage:
        yield stage


def http1(status: bytes) -> sick.OverTls:
    return sick.says_in_http1(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nOK")


def http2(frames: bytes) -> sick.OverTls:
    return sick.says_in_http2(frames, hang_up=True)


def diseases(folder: Path) -> dict[str, Behaviour]:
    """What Apple may have, by name."""

    def over_tls(talk: sick.OverTls, *protocols: str) -> Behaviour:
        return sick.over_tls(folder, talk, *protocols)

    return {
        "slams the door": sick.slams_the_door,
        "never shakes hands": sick.never_shakes_hands,
        "talks rubbish instead of TLS": sick.talks_rubbish_instead_of_tls,
        "talks rubbish instead of frames": over_tls(sick.talks_rubbish, "h2"),
        "says 200 in HTTP/1": over_tls(http1(b"200 OK"), "http/1.1"),
        "sends half a frame": over_tls(http2(sick.HALF_A_FRAME), "h2"),
        "sends half a frame, and waits": over_tls(sick.says_in_http2(sick.HALF_A_FRAME), "h2"),
        "sends a window that overflows": over_tls(http2(sick.A_WINDOW_THAT_OVERFLOWS), "h2"),
        "answers what nobody asked": over_tls(http2(sick.AN_ANSWER_NOBODY_ASKED_FOR), "h2"),
        "sends headers that are none": over_tls(http2(sick.HEADERS_THAT_ARE_NONE), "h2"),
        "sends headers without end": over_tls(sick.headers_without_end, "h2"),
        "resets all streams": over_tls(sick.resets_all, "h2"),
    }


def test_one_disease_after_the_other(stage: Stage) -> None:
    stage.apns.delay(0.05)
    stage.audience.end()
    grown: list[tuple[int, int]] = []
    with stage.worker() as worker:
        stage.midst()
        for name, disease in diseases(stage.folder).items():
            before = stage.front.connections
            stage.front.become(disease)
            stage.come_late(LATE)
            assert until(lambda: stage.front.connections > before, 20), name  # noqa: B023
            assert stage.audience.pending >= LATE, name
            stage.front.recover()
            stage.audience.wait_until_told(20)
            grown.append((open_files(worker.pid), rss(worker.pid)))
        stage.all_are_well(worker)
        assert_nothing_leaks(grown, worker)
    assert stage.attempts() == {0}
    assert stage.said.count(UNREACHABLE_IS_SAID) == 1
    assert HELD_IS_SAID not in stage.said


def assert_nothing_leaks(grown: list[tuple[int, int]], worker: subprocess.Popen[bytes]) -> None:
    # A pool of connections is as large as has once been needed at a time: not all at the beginning,
    # where the machine is busy. What leaks grows with each disease.
    files = max(files for files, _ in grown[: len(grown) // 2])
    _, memory = grown[2]
    assert until(lambda: open_files(worker.pid) <= files + 1, 10), grown
    assert rss(worker.pid) <= memory + MORE_MEMORY, grown


def test_who_resets_before_it_shakes_hands_leaves_nothing_open(tmp_path: Path) -> None:
    make_certificate("127.0.0.1").write(tmp_path)
    behave = sick.over_tls(tmp_path, sick.talks_rubbish, "h2")
    before = open_files(os.getpid())
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        taken, _ = server.accept()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        assert select.select([taken], [], [], 10)[0]
        behave(taken)
    assert open_files(os.getpid()) == before
