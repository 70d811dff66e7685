"""How much a run keeps in memory where one of Apple's environments does not answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from apples import black_hole, two_apples

from flask_allmine_liveactivity.model import Push
from flask_allmine_liveactivity.phones.registration import Claimant

from .world import STREAM, a_token


def test_memory_stays_flat_while_many_are_postponed(tmp_path: Path) -> None:
    """What is drawn and has no result yet is bounded, however many wait for the sandbox."""
    drawn, most, results = 0, 0, 0

    def many() -> Iterator[Push]:
        nonlocal drawn
        for number in range(20_000):
            drawn += 1
            where = "sandbox" if number % 2 else "production"
            yield a_push(a_token(number), where)

    with (
        two_apples(tmp_path) as apples,
        black_hole() as url,
        apples.engine(sandbox=url) as push,
    ):
        for _ in push.send(many()):
            results += 1
            most = max(most, drawn - results)
            if results == 15_000:
                break
    assert most < 3000


def a_push(token: str, environment: str) -> Push:
    session = Claimant(
        user_id="alice", device_id="iphone", activity_id=token, stream_id=STREAM, token=token
    ).session(time.time(), 3600.0)
    return Push(
        token=token,
        payload=b'{"aps": {"timestamp": 1, "event": "end"}}',
        apns_id=session.session_id,
        priority=10,
        expiration=0,
        target=session,
        environment=environment,
    )
