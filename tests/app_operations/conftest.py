"""An app that delivers only where it is asked to, and what Apple answers it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from extension.apps import installation, make_app
from flask import Flask

from flask_allmine_liveactivity import MemoryPush, Push, PushResult, Verdict
from flask_allmine_liveactivity.app.installation import Installation


class Apple:
    """What it answers; changed while a test goes on."""

    def __init__(self) -> None:
        self.verdict = Verdict.DELIVERED
        self.reason: str | None = None

    def __call__(self, push: Push) -> PushResult:
        return PushResult(push, self.verdict, reason=self.reason)

    def refuses(self, verdict: Verdict, reason: str) -> None:
        self.verdict, self.reason = verdict, reason

    def accepts(self) -> None:
        self.verdict, self.reason = Verdict.DELIVERED, None


@pytest.fixture
def apple() -> Apple:
    return Apple()


@pytest.fixture
def app(apple: Apple) -> Iterator[Flask]:
    made = make_app(given={"push": MemoryPush(apple)}, LIVE_ACTIVITY_DELIVERY="worker")
    with made.app_context():
        yield made
    installation(made).close()


@pytest.fixture
def installed(app: Flask) -> Installation:
    return installation(app)


@pytest.fixture(autouse=True)
def prints_nothing(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """None of them is the one who says it."""
    yield
    assert capfd.readouterr() == ("", "")
