"""The package's own push backends, held against the shipped contract."""

from __future__ import annotations

import ssl
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from apns2.client import APNsClient
from apples import Apples

from flask_allmine_liveactivity.model import Push, PushResult, Verdict
from flask_allmine_liveactivity.push.apns2 import Apns2Push
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.push.console import ConsolePush
from flask_allmine_liveactivity.push.memory import MemoryPush
from flask_allmine_liveactivity.simulator import Answer, LocalApns
from flask_allmine_liveactivity.testing import PushContract, PushVerdicts

from .engine import engine
from .test_apns2 import Credentials

Provoke = Callable[[str, Verdict], object]

ANSWERS = {
    Verdict.GONE: Answer.gone(1_790_000_000),
    Verdict.REJECTED: Answer.bad_device_token(),
    Verdict.RETRY: Answer.unavailable(retry_after=37),
    Verdict.UNREACHABLE: Answer.reset(),
    Verdict.ODD: Answer(418),
    Verdict.MISCONFIGURED: Answer.invalid_provider_token(),
}


class OnLocalApns:
    """What a backend that talks to a local APNs gives."""

    @pytest.fixture
    def answer(self, apns: LocalApns) -> Provoke:
        return lambda token, verdict: apns.answer(token, ANSWERS[verdict])


class TestApns(OnLocalApns, PushContract, PushVerdicts):
    """One connection, as it is where nothing is set."""


class TestApnsOnThreeConnections(OnLocalApns, PushContract, PushVerdicts):
    @pytest.fixture
    def push(self, apns: LocalApns) -> Iterator[PushBackend]:
        with engine(apns, connections=3) as made:
            yield made


class TestApnsInBothEnvironments(OnLocalApns, PushContract, PushVerdicts):
    """One server for both, as behind a gateway: what it refuses, it refuses twice."""

    @pytest.fixture
    def answer(self, apns: LocalApns) -> Provoke:
        def answer(token: str, verdict: Verdict) -> None:
            times = 2 if verdict is Verdict.REJECTED else 1
            apns.answer(token, *times * [ANSWERS[verdict]])

        return answer

    @pytest.fixture
    def push(self, apns: LocalApns) -> Iterator[PushBackend]:
        with Apples(apns, apns).engine() as made:
            yield made


class TestApns2(OnLocalApns, PushContract, PushVerdicts):
    """An ``apns2`` client of a host's: mopyapns."""

    most_in_flight = 1

    @pytest.fixture
    def push(self, apns: LocalApns, tmp_path: Path) -> Iterator[PushBackend]:
        client = APNsClient(Credentials(apns, tmp_path / "key.p8"))
        client._connection.close()
        client._server, client._port = "127.0.0.1", apns.port
        trusted = ssl.create_default_context(cafile=str(apns.ca_file))
        with httpx.Client(http2=True, verify=trusted) as client._connection:
            yield Apns2Push(client, apns.bundle_id)


class TestMemory(PushContract, PushVerdicts):
    most_in_flight = 1

    @pytest.fixture
    def told(self) -> defaultdict[str, deque[Verdict]]:
        return defaultdict(deque)

    @pytest.fixture
    def push(self, told: defaultdict[str, deque[Verdict]]) -> PushBackend:
        def answer(push: Push) -> PushResult:
            waiting = told[push.token]
            verdict = waiting.popleft() if waiting else Verdict.DELIVERED
            return PushResult(push, verdict, reason="as the test said")

        return MemoryPush(answer)

    @pytest.fixture
    def answer(self, told: defaultdict[str, deque[Verdict]]) -> Provoke:
        return lambda token, verdict: told[token].append(verdict)


class TestConsole(PushContract):
    most_in_flight = 1

    @pytest.fixture
    def push(self) -> PushBackend:
        return ConsolePush()
