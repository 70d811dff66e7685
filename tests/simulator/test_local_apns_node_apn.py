"""The npm package @parse/node-apn, written for Apple's server, succeeds against it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from nodejs import install

from flask_allmine_liveactivity.simulator import Answer, LocalApns

from .foreign import CLIENTS, TIMEOUT
from .sender import TOKEN

VERSION = "8.1.0"
TOKENS = ["ab" * 80, "cd" * 80, "ef" * 80]

Send: TypeAlias = Callable[..., list[list[Any]]]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which it is installed."""
    folder = tmp_path_factory.mktemp("npm")
    install(folder, f"@parse/node-apn@{VERSION}")
    return folder


@pytest.fixture
def send(apns: LocalApns, package: Path) -> Send:
    def send(*rounds: list[str]) -> list[list[Any]]:
        question = {
            "apn": str(package),
            "port": apns.port,
            "ca": str(apns.ca_file),
            "key": apns.key_pem,
            "keyId": apns.key_id,
            "team": apns.team_id,
            "topic": f"{apns.bundle_id}.push-type.liveactivity",
            "rounds": rounds,
        }
        done = subprocess.run(
            ["node", str(CLIENTS / "node-apn.mjs")],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        assert done.returncode == 0, done.stderr
        results: list[list[Any]] = json.loads(done.stdout)
        return results

    return send


def test_it_pushes(apns: LocalApns, send: Send) -> None:
    assert send([TOKEN]) == [[[TOKEN, 200, None]]]
    (push,) = apns.accepted
    assert (push.event, push.problems) == ("end", ())


def test_it_reads_the_reason_of_each_refusal(apns: LocalApns, send: Send) -> None:
    apns.tokens_of_other_environment.add(TOKENS[0])
    apns.answer(TOKENS[1], Answer.gone(time.time()))
    apns.answer(TOKENS[2], Answer.device_token_not_for_topic())
    first, refused, last = send([TOKEN], TOKENS, [TOKEN])
    assert sorted(refused) == [
        [TOKENS[0], 400, "BadDeviceToken"],
        [TOKENS[1], 410, "Unregistered"],
        [TOKENS[2], 400, "DeviceTokenNotForTopic"],
    ]
    assert first == last == [[TOKEN, 200, None]]


def test_it_tries_again_what_is_refused_for_now(apns: LocalApns, send: Send) -> None:
    apns.answer(TOKEN, Answer.unavailable())
    assert send([TOKEN]) == [[[TOKEN, 200, None]]]
    assert [push.status for push in apns.received] == [503, 200]


def test_it_pushes_a_thousand_at_once_on_a_warm_connection(apns: LocalApns, send: Send) -> None:
    tokens = [f"{number:064x}" for number in range(1, 1001)]
    _, many = send([TOKEN], tokens)
    assert {(status, reason) for _, status, reason in many} == {(200, None)}
    assert {push.token for push in apns.accepted} == {TOKEN, *tokens}


def test_on_a_cold_one_it_sees_what_was_refused_and_nothing_of_it_was_processed(
    apns: LocalApns, send: Send
) -> None:
    (many,) = send([f"{number:064x}" for number in range(1, 201)])
    accepted = [token for token, status, _ in many if status == 200]
    assert sorted(accepted) == sorted(push.token for push in apns.received)
    refused = {reason for _, status, reason in many if status != 200}
    assert all(reason.endswith("NGHTTP2_REFUSED_STREAM") for reason in refused)


def test_after_a_goaway_it_goes_on(apns: LocalApns, send: Send) -> None:
    apns.answer(TOKENS[0], Answer.goaway("Shutdown"))
    first, without_answer, last = send([TOKEN], [TOKENS[0]], [TOKEN])
    assert without_answer[0][:2] == [TOKENS[0], 0]
    assert first == last == [[TOKEN, 200, None]]
    assert len({push.client for push in apns.accepted}) == 2
