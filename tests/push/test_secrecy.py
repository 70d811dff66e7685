"""Tokens and keys have no place in ``repr`` and logs."""

from __future__ import annotations

import logging

import pytest

from flask_allmine_liveactivity.app.settings import read_settings
from flask_allmine_liveactivity.model import Verdict
from flask_allmine_liveactivity.push.apns.client import ApnsPush
from flask_allmine_liveactivity.simulator import Answer, LocalApns

from .engine import PAYLOAD, TOKEN, a_push, a_session, send_one


def secrets_of(apns: LocalApns) -> list[str]:
    return [TOKEN, PAYLOAD.decode(), *apns.key_pem.splitlines()[1:-1]]


@pytest.mark.parametrize("shown", [a_push(), a_session()], ids=["push", "session"])
def test_a_record_shows_no_token(shown: object) -> None:
    assert TOKEN not in repr(shown)


def test_a_result_shows_no_token(apns: LocalApns, push: ApnsPush) -> None:
    apns.answer(TOKEN, Answer.bad_device_token())
    assert TOKEN not in repr(send_one(push))


def test_the_settings_show_no_key(apns: LocalApns) -> None:
    shown = repr(read_settings(apns.settings, push_given=False, lenient=False))
    assert apns.key_id in shown
    assert not any(secret in shown for secret in secrets_of(apns))


def test_the_engine_shows_no_key(apns: LocalApns, push: ApnsPush) -> None:
    send_one(push)
    shown = repr(push) + repr(vars(push))
    assert not any(secret in shown for secret in secrets_of(apns))


def test_nothing_is_logged_of_a_token(
    apns: LocalApns, push: ApnsPush, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # A reset stream is sent once more.
    reset = (Answer.reset(), Answer.reset())
    for answers in ((Answer.bad_device_token(),), (Answer.gone(1),), reset, (Answer(500),)):
        apns.answer(TOKEN, *answers)
        assert send_one(push).verdict is not Verdict.DELIVERED
    with apns.outage():
        send_one(push)
    # The simulator's HTTP/2 library logs what it receives; that is not ours.
    ours = [record for record in caplog.records if not record.name.startswith(("hpack", "h2"))]
    said = "\n".join(record.getMessage() for record in ours)
    provider_token = apns.received[0].provider_token or ""
    assert not any(secret in said for secret in [*secrets_of(apns), provider_token])
