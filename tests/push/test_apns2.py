"""An ``apns2`` client of the host's: mopyapns, on a local APNs."""

from __future__ import annotations

import logging
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from apns2.client import APNsClient
from apns2.credentials import TokenCredentials

from flask_allmine_liveactivity.app.settings import read_settings
from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model import Verdict, fingerprint
from flask_allmine_liveactivity.push.apns.provider_token import ProviderToken, read_signing_key
from flask_allmine_liveactivity.push.apns2 import Apns2Push
from flask_allmine_liveactivity.push.from_settings import open_push
from flask_allmine_liveactivity.simulator import Answer, LocalApns

from .engine import PAYLOAD, TOKEN, a_push, pushes


class Credentials(TokenCredentials):
    """With whole seconds in ``iat``, as the local APNs asks; mopyapns sends a fraction."""

    def __init__(self, apns: LocalApns, file: Path) -> None:
        file.write_text(apns.key_pem)
        super().__init__(str(file), apns.key_id, apns.team_id)
        self._token = ProviderToken(read_signing_key(apns.key_pem), apns.key_id, apns.team_id)

    def get_authorization_header(self, topic: str | None) -> str:
        return f"bearer {self._token.current()}"


@pytest.fixture
def client(apns: LocalApns, tmp_path: Path) -> Iterator[Any]:
    client = APNsClient(Credentials(apns, tmp_path / "key.p8"))
    client._connection.close()
    client._server, client._port = "127.0.0.1", apns.port
    trusted = ssl.create_default_context(cafile=str(apns.ca_file))
    with httpx.Client(http2=True, verify=trusted) as connection:
        client._connection = connection
        yield client


@pytest.fixture
def apns2(client: Any) -> Apns2Push:
    return Apns2Push(client, "com.example.allmine")


def result_of(push: Apns2Push) -> Any:
    (result,) = push.send([a_push()])
    return result


def test_a_push_is_delivered(apns: LocalApns, apns2: Apns2Push) -> None:
    result = result_of(apns2)
    assert (result.verdict, result.status, result.reason) == (Verdict.DELIVERED, 200, None)


def test_path_and_body_are_those_of_the_push(apns: LocalApns, apns2: Apns2Push) -> None:
    result_of(apns2)
    assert apns.accepted[0].path == f"/3/device/{TOKEN}"
    assert apns.accepted[0].body == PAYLOAD


def test_the_headers_are_those_of_a_live_activity(apns: LocalApns, apns2: Apns2Push) -> None:
    one = a_push(priority=5)
    list(apns2.send([one]))
    headers = apns.accepted[0].headers
    assert headers["apns-push-type"] == "liveactivity"
    assert headers["apns-topic"] == "com.example.allmine.push-type.liveactivity"
    assert headers["apns-priority"] == "5"
    assert headers["apns-expiration"] == str(one.expiration)


def test_at_once_is_the_default_priority(apns: LocalApns, apns2: Apns2Push) -> None:
    result_of(apns2)
    assert apns.accepted[0].headers.get("apns-priority", "10") == "10"


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer.bad_device_token(), Verdict.REJECTED),
        (Answer(400, "BadTopic"), Verdict.MISCONFIGURED),
        (Answer.invalid_provider_token(), Verdict.MISCONFIGURED),
        (Answer.too_many_requests(), Verdict.RETRY),
        (Answer.internal_server_error(), Verdict.RETRY),
        (Answer.unavailable(), Verdict.RETRY),
    ],
)
def test_a_refusal_is_understood(
    apns: LocalApns, apns2: Apns2Push, answer: Answer, verdict: Verdict
) -> None:
    apns.answer(TOKEN, answer)
    result = result_of(apns2)
    assert (result.verdict, result.status, result.reason) == (
        verdict,
        answer.status,
        answer.reason,
    )


def test_a_410_says_since_when_in_seconds(apns: LocalApns, apns2: Apns2Push) -> None:
    apns.answer(TOKEN, Answer.gone(1_790_000_000))
    result = result_of(apns2)
    assert (result.verdict, result.gone_since) == (Verdict.GONE, 1_790_000_000)


def test_a_stream_that_is_reset_is_no_answer(apns: LocalApns, apns2: Apns2Push) -> None:
    apns.answer(TOKEN, Answer.reset())
    assert result_of(apns2).verdict is Verdict.UNREACHABLE


def test_a_refusal_that_the_client_cannot_read_is_judged_by_its_status(
    apns: LocalApns, apns2: Apns2Push
) -> None:
    apns.answer(TOKEN, Answer(502))
    result = result_of(apns2)
    assert (result.verdict, result.status, result.reason) == (Verdict.RETRY, 502, "HTTP 502")


def test_a_server_that_is_down_is_unreachable(apns: LocalApns, apns2: Apns2Push) -> None:
    with apns.outage():
        result = result_of(apns2)
    assert (result.verdict, result.reason) == (Verdict.UNREACHABLE, "ConnectError")


def test_pushes_go_one_after_the_other(apns: LocalApns, apns2: Apns2Push) -> None:
    results = apns2.send(pushes(3))
    next(results)
    assert len(apns.received) == 1


def test_the_hosts_client_stays_open(apns: LocalApns, apns2: Apns2Push) -> None:
    apns2.close()
    assert result_of(apns2).verdict is Verdict.DELIVERED


# --- any client of that form -----------------------------------------------------------------


def test_the_log_of_its_http_client_has_a_fingerprint_for_the_token(
    apns2: Apns2Push, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    result_of(apns2)
    assert f"/3/device/<{fingerprint(TOKEN)}>" in caplog.text
    assert TOKEN not in caplog.text


class FakeClient:
    """Answers what it was given, as apns2 and mopyapns may."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def send_notification_async(self, *_: object) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return object()

    def get_notification_result(self, _: object) -> object:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Success", (Verdict.DELIVERED, 200, None, None)),
        ("BadDeviceToken", (Verdict.REJECTED, 400, "BadDeviceToken", None)),
        ("TopicDisallowed", (Verdict.MISCONFIGURED, 400, "TopicDisallowed", None)),
        (("Unregistered", 1790000000000), (Verdict.GONE, 410, "Unregistered", 1_790_000_000)),
        (("ExpiredToken", 1790000000500), (Verdict.GONE, 410, "ExpiredToken", 1_790_000_000.5)),
        (OSError(f"no route for {TOKEN}"), (Verdict.UNREACHABLE, None, "OSError", None)),
    ],
)
def test_every_form_of_result_is_understood(answer: object, expected: tuple[object, ...]) -> None:
    result = result_of(Apns2Push(FakeClient(answer), "com.example.allmine"))
    assert (result.verdict, result.status, result.reason, result.gone_since) == expected


# --- how it is set up ------------------------------------------------------------------------


def test_the_bundle_id_may_come_from_the_settings(apns: LocalApns, client: Any) -> None:
    push = Apns2Push(client)
    push.use_bundle_id("com.example.allmine")
    assert result_of(push).verdict is Verdict.DELIVERED


def test_without_any_bundle_id_the_error_names_the_setting() -> None:
    with pytest.raises(ConfigurationError, match="LIVE_ACTIVITY_APNS_BUNDLE_ID"):
        Apns2Push(FakeClient("Success")).use_bundle_id(None)


def test_it_opens_a_client_from_the_settings(apns: LocalApns) -> None:
    config = {**apns.settings, "LIVE_ACTIVITY_PUSH": "apns2"}
    del config["LIVE_ACTIVITY_APNS_SERVER"], config["LIVE_ACTIVITY_APNS_CA"]
    settings = read_settings(config, push_given=False, lenient=False)
    push = open_push(settings.push, settings.apns)
    assert isinstance(push, Apns2Push)
    assert push._client._server == "api.development.push.apple.com"
    push._client._connection.close()


def test_it_cannot_push_to_another_server(apns: LocalApns) -> None:
    config = {**apns.settings, "LIVE_ACTIVITY_PUSH": "apns2"}
    settings = read_settings(config, push_given=False, lenient=False)
    with pytest.raises(ConfigurationError, match="LIVE_ACTIVITY_APNS_SERVER"):
        open_push(settings.push, settings.apns)


def test_without_the_module_the_error_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "apns2.client", None)
    with pytest.raises(ConfigurationError, match=r"pip install .*liveactivity\[apns2\]"):
        Apns2Push(FakeClient("Success"))
