"""An adapter for hosts that hold an ``apns2.client.APNsClient`` already.

Two packages install that module: ``apns2`` (its last release, of 2020, does not import on today's
Python) and its successor ``mopyapns``. One push after the other: for small audiences.
"""

from __future__ import annotations

import importlib
import json
import logging
import re
import tempfile
import threading
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model import Push, PushResult, Verdict, fingerprint
from flask_allmine_liveactivity.push.answers import verdict_of
from flask_allmine_liveactivity.push.apns.client import topic_of
from flask_allmine_liveactivity.push.apns_settings import AUTO, ApnsSettings
from flask_allmine_liveactivity.push.base import PushBackend


class _PushType(Enum):
    """The push type that ``apns2.client.NotificationType`` lacks; only its value is sent."""

    LIVE_ACTIVITY = "liveactivity"


class _Payload:
    """What ``APNsClient`` asks of a notification: its dictionary."""

    alert = badge = sound = None

    def __init__(self, payload: bytes) -> None:
        self._payload = payload

    def dict(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self._payload)
        return decoded


class _Fingerprints(logging.Filter):
    """httpx, which mopyapns sends with, logs each URL at INFO, and a token is part of it."""

    _token = re.compile(r"(?<=/3/device/)[^/?#\s]+")

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(map(self._without_token, record.args))
        return True

    def _without_token(self, argument: object) -> object:
        said = str(argument)
        if self._token.search(said) is None:
            return argument
        return self._token.sub(lambda token: f"<{fingerprint(token.group())}>", said)


_FINGERPRINTS = _Fingerprints()


def _keep_tokens_out_of_logs() -> None:
    logging.getLogger("httpx").addFilter(_FINGERPRINTS)  # no more than once: it is one object
    hpack = logging.getLogger("hpack")  # at DEBUG it logs each header, the path among them
    if hpack.level == logging.NOTSET:
        hpack.setLevel(logging.INFO)


class Apns2Push(PushBackend):
    """Pushes through an ``apns2`` client of the host's, which stays open.

    The client must be one with a provider token (``TokenCredentials``): Apple takes no Live
    Activity pushes over a certificate.

    Args:
        client: An ``apns2.client.APNsClient``.
        bundle_id: The app's; the topic's suffix is added. Without it,
            ``LIVE_ACTIVITY_APNS_BUNDLE_ID`` is taken.

    .. versionadded:: 0.1.0
    """

    def __init__(self, client: Any, bundle_id: str | None = None) -> None:
        self._client = client
        self._topic = None if bundle_id is None else topic_of(bundle_id)
        self._priorities = _apns2("client").NotificationPriority
        # httpx's synchronous HTTP/2 mixes up the answers of threads that share a connection.
        self._one_at_a_time = threading.Lock()
        _keep_tokens_out_of_logs()

    def use_bundle_id(self, bundle_id: str | None) -> None:
        """Take the app's bundle id from the settings, where none was given.

        Raises:
            ConfigurationError: There is none there either.

        .. versionadded:: 0.1.0
        """
        if self._topic is None and bundle_id is None:
            raise ConfigurationError(
                "Apns2Push needs the app's bundle id: set LIVE_ACTIVITY_APNS_BUNDLE_ID."
            )
        self._topic = self._topic or topic_of(bundle_id or "")

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        for push in pushes:
            with self._one_at_a_time:
                result = self._send(push)
            yield result

    def close(self) -> None:
        """The client is the host's.

        .. versionadded:: 0.1.0
        """

    def _send(self, push: Push) -> PushResult:
        try:
            response = self._client.send_notification_async(
                push.token,
                _Payload(push.payload),
                self._topic,
                self._priorities(str(push.priority)),
                push.expiration,
                None,
                _PushType.LIVE_ACTIVITY,
            )
        except Exception as error:  # whatever its HTTP library raises: there was no answer
            return PushResult(push, Verdict.UNREACHABLE, reason=type(error).__name__)
        return self._result(push, response)

    def _result(self, push: Push, response: Any) -> PushResult:
        status: int | None = getattr(response, "status_code", None)
        try:
            answer = self._client.get_notification_result(response)
        except Exception as error:  # it cannot read every refusal, but the status says enough
            if status is None:
                return PushResult(push, Verdict.UNREACHABLE, reason=type(error).__name__)
            answer = f"HTTP {status}"
        if answer == "Success":
            return PushResult(push, Verdict.DELIVERED, status=200)
        # A reason, or for a 410 the reason and its time in milliseconds.
        reason, since = answer if isinstance(answer, tuple) else (answer, None)
        status = status or (410 if since is not None else 400)
        return PushResult(
            push,
            verdict_of(status, str(reason)),
            status=status,
            reason=str(reason)[:100],
            gone_since=float(since) / 1000 if since is not None else None,
        )


def open_apns2(apns: ApnsSettings) -> Apns2Push:
    """A client of our own, from the same settings as the ``apns`` backend."""
    client, credentials = _apns2("client"), _apns2("credentials")
    if apns.environment == AUTO:
        raise ConfigurationError(
            "LIVE_ACTIVITY_PUSH = 'apns2' knows one environment: set "
            "LIVE_ACTIVITY_APNS_ENVIRONMENT to 'production' or 'sandbox', or use 'apns'."
        )
    if apns.servers or any(given is not None for given in (apns.server, apns.ca, apns.proxy)):
        raise ConfigurationError(
            "LIVE_ACTIVITY_PUSH = 'apns2' knows only Apple's servers: it cannot use "
            "LIVE_ACTIVITY_APNS_SERVER, LIVE_ACTIVITY_APNS_CA or LIVE_ACTIVITY_APNS_PROXY (but "
            "obeys https_proxy in the environment). Use 'apns', or pass "
            "Apns2Push(client, bundle_id) with a client of your own."
        )
    with tempfile.TemporaryDirectory() as folder:  # its credentials read the key from a file
        file = Path(folder, "key.p8")
        file.touch(mode=0o600)
        file.write_text(apns.key, encoding="utf-8")
        token = credentials.TokenCredentials(str(file), apns.key_id, apns.team_id)
    return Apns2Push(
        client.APNsClient(token, use_sandbox=apns.environment == "sandbox"), apns.bundle_id
    )


def _apns2(module: str) -> Any:
    try:
        return importlib.import_module(f"apns2.{module}")
    except ImportError as error:
        raise ConfigurationError(
            "The apns2 module is not installed, or it is the old package, which does not import "
            f'on today\'s Python ({error}): pip install "flask-allmine-liveactivity[apns2]" '
            "(and pip uninstall apns2)"
        ) from error
