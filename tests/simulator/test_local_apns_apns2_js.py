"""The npm package apns2, written for Apple's server, succeeds against it."""

from __future__ import annotations

import json
import os
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

VERSION = "12.2.0"
END = {"timestamp": int(time.time()), "event": "end"}

Send: TypeAlias = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which apns2 is installed."""
    folder = tmp_path_factory.mktemp("npm")
    install(folder, f"apns2@{VERSION}")
    return folder


@pytest.fixture
def send(apns: LocalApns, package: Path) -> Send:
    def send(*pushes: tuple[str, dict[str, Any]]) -> list[Any]:
        question = {
            "apns2": str(package),
            "port": apns.port,
            "key": apns.key_pem,
            "keyId": apns.key_id,
            "team": apns.team_id,
            "topic": f"{apns.bundle_id}.push-type.liveactivity",
            "pushes": pushes,
        }
        done = subprocess.run(
            ["node", str(CLIENTS / "apns2.mjs")],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            env={**os.environ, "NODE_EXTRA_CA_CERTS": str(apns.ca_file)},
        )
        assert done.returncode == 0, done.stderr
        answers: list[Any] = json.loads(done.stdout)
        return answers

    return send


def test_it_pushes(apns: LocalApns, send: Send) -> None:
    assert send((TOKEN, END)) == [[200, None]]
    (push,) = apns.accepted
    assert (push.event, push.problems) == ("end", ())


def test_it_pushes_many_at_once(apns: LocalApns, send: Send) -> None:
    answers = send(*((f"{number:064x}", END) for number in range(1, 101)))
    assert answers == [[200, None]] * 100
    assert len({push.token for push in apns.accepted}) == 100


def test_it_understands_refusals(apns: LocalApns, send: Send) -> None:
    tokens = ["ab" * 80, "cd" * 80, "ef" * 80]
    apns.tokens_of_other_environment.add(tokens[0])
    apns.answer(tokens[1], Answer.gone(time.time()))
    apns.answer(tokens[2], Answer.unavailable(5))
    assert send(*((token, END) for token in tokens)) == [
        [400, "BadDeviceToken"],
        [410, "Unregistered"],
        [503, "ServiceUnavailable"],
    ]


def test_a_payload_that_is_too_large_is_refused(send: Send) -> None:
    assert send((TOKEN, {**END, "text": "x" * 5120})) == [[413, "PayloadTooLarge"]]
