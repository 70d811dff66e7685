"""Node's HTTP/2 client, on a single connection with many streams."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from nodejs import require_node

from flask_allmine_liveactivity.simulator import Answer, LocalApns

from .foreign import CLIENTS, TIMEOUT


def burst(apns: LocalApns, count: int, *, warm: bool, alpn: bool = True) -> dict[str, Any]:
    """So many pushes at once over one connection; first a single one, if it is to be warm."""
    require_node()
    question = {
        "url": apns.url,
        "ca": str(apns.ca_file),
        "token": apns.key.provider_token(),
        "topic": f"{apns.bundle_id}.push-type.liveactivity",
        "count": count,
        "warm": warm,
        "alpn": alpn,
    }
    done = subprocess.run(
        ["node", str(CLIENTS / "burst.mjs")],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_a_burst_on_a_warm_connection_is_served(apns: LocalApns) -> None:
    result = burst(apns, 200, warm=True)
    assert result["answers"] == {"200": 200}
    assert result["limits"] == [1, 1000]
    assert len({push.client for push in apns.accepted}) == 1


def test_so_is_one_without_alpn(apns: LocalApns) -> None:
    result = burst(apns, 1000, warm=True, alpn=False)
    assert result["answers"] == {"200": 1000}
    assert result["limits"] == [1, 1000]
    assert len({push.client for push in apns.accepted}) == 1


def test_node_keeps_to_one_stream_by_itself_once_it_knows(apns: LocalApns) -> None:
    apns.faults.one_stream = True
    result = burst(apns, 20, warm=True)
    assert result["answers"] == {"200": 20}
    assert result["limits"] == [1]


def test_node_reads_the_reason_of_a_goaway(apns: LocalApns) -> None:
    apns.answer_next(1, Answer.accepted())
    apns.answer_next(1, Answer.goaway("Shutdown"))
    result = burst(apns, 1, warm=True)
    assert result["goaway"] == {"code": 0, "lastStream": 1, "debug": '{"reason": "Shutdown"}'}
    assert result["answers"].get("200") is None


@pytest.mark.parametrize("alpn", [True, False])
def test_a_burst_on_a_cold_connection_may_be_refused_and_nothing_of_it_is_processed(
    apns: LocalApns, alpn: bool
) -> None:
    result = burst(apns, 50, warm=False, alpn=alpn)
    answered = result["answers"].get("200", 0)
    assert answered >= 1
    assert answered == len(apns.accepted)
    assert set(result["answers"]) <= {"200", "NGHTTP2_REFUSED_STREAM"}
