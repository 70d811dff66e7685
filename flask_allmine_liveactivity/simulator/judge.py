"""What Apple would answer: its checks, in its order."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from flask_allmine_liveactivity.simulator.answers import Answer, Fault
from flask_allmine_liveactivity.simulator.broadcast import (
    CHANNEL_HEADER,
    check_app,
    check_broadcast,
    check_broadcast_route,
    manage_channels,
)
from flask_allmine_liveactivity.simulator.channels import Channels
from flask_allmine_liveactivity.simulator.connection import Connection
from flask_allmine_liveactivity.simulator.devices import Devices
from flask_allmine_liveactivity.simulator.keys import SigningKey
from flask_allmine_liveactivity.simulator.provider_token import ProviderTokens
from flask_allmine_liveactivity.simulator.reasons import REASONS, RESPONSES, Refusal
from flask_allmine_liveactivity.simulator.request import Kind, Request
from flask_allmine_liveactivity.simulator.rules import (
    OF_OTHER_ENVIRONMENT,
    OF_OTHER_TOPIC,
    app_of,
    check_headers,
    check_route,
    check_size,
    check_token,
)
from flask_allmine_liveactivity.simulator.told import ToldAnswers

AS_TOLD = "as it was told to answer."


@dataclass(frozen=True, slots=True)
class Judgement:
    """What to answer, and why."""

    answer: Answer
    why: str = ""
    """A sentence; empty where all is well."""
    source: str = ""
    """The title of the page on which Apple says so; empty where all is well."""
    valid_provider_token: bool | None = None
    """``None``: it was not looked at."""
    channel_id: str | None = None
    """Of a broadcast."""

    @classmethod
    def refused(cls, refusal: Refusal, *, valid_provider_token: bool | None = None) -> Judgement:
        """A rule was broken."""
        answer = Answer(refusal.status, refusal.reason)
        return cls(answer, refusal.why, refusal.source, valid_provider_token)

    @classmethod
    def told(cls, answer: Answer, channel_id: str | None = None) -> Judgement:
        """No rule was broken: it was told to answer so."""
        reason = REASONS.get(answer.reason or "") if answer.status >= 300 else None
        why = AS_TOLD if reason is None else f"{AS_TOLD} {reason.meaning}"
        source = "" if reason is None else reason.source
        return cls(answer, why, source, answer.status != 403, channel_id)


class Judge:
    """Judges requests.

    Args:
        environment: ``sandbox`` or ``production``.
        provider_tokens: Checks provider tokens.
        told: What it was told to answer otherwise.
        channels_of: The channels of an app, by its bundle id.
        takes_broadcasts: Whether the apps are set up for broadcasts.
        tokens_of_other_environment: Device tokens that are refused.
        tokens_of_other_topic: Device tokens that are refused.
        devices: The phones behind it, if there are any.
        idle_timeout: Seconds after which a connection has been idle for too long, if ever.
        most_in_a_row: Pushes to one token in a row, if there is a limit.
        most_bad_tokens: ``BadDeviceToken`` on a connection until it is ended, if ever.
    """

    def __init__(
        self,
        *,
        environment: str,
        provider_tokens: ProviderTokens,
        told: ToldAnswers,
        channels_of: Callable[[str], Channels],
        takes_broadcasts: bool,
        tokens_of_other_environment: Collection[str],
        tokens_of_other_topic: Collection[str],
        devices: Devices | None,
        idle_timeout: float | None,
        most_in_a_row: int | None,
        most_bad_tokens: int | None,
    ) -> None:
        self._environment = environment
        self._provider_tokens = provider_tokens
        self._told = told
        self._channels_of = channels_of
        self._takes_broadcasts = takes_broadcasts
        self._tokens_of_other_environment = tokens_of_other_environment
        self._tokens_of_other_topic = tokens_of_other_topic
        self._devices = devices
        self._idle_timeout = idle_timeout
        self._most_in_a_row = most_in_a_row
        self._most_bad_tokens = most_bad_tokens

    def judge(self, request: Request) -> Judgement:
        """What to answer. The connection changes with it: it is bound, and its room changes."""
        connection = request.connection
        judgement = self._judge(request)
        connection.last_request_at = request.at
        if judgement.valid_provider_token is not None:
            connection.authenticated(valid=judgement.valid_provider_token)
        if judgement.answer.reason == "BadDeviceToken":
            connection.bad_tokens += 1
        return judgement

    def last_word(self, connection: Connection, judgement: Judgement) -> str | None:
        """The reason with which a connection is ended once this was answered, if it is."""
        reason = judgement.answer.reason
        if judgement.answer.fault is Fault.GOAWAY or reason == "IdleTimeout":
            return reason
        # Apple, "Sending notification requests to APNs": it disconnects the sooner, the more bad
        # tokens it sees. How many that is, is not published.
        if self._most_bad_tokens is not None and connection.bad_tokens >= self._most_bad_tokens:
            return "BadDeviceToken"
        return None

    def _judge(self, request: Request) -> Judgement:
        is_push_to_device = request.kind is Kind.DEVICE
        refusal = check_route(request) if is_push_to_device else check_broadcast_route(request)
        refusal = refusal or self._check_idle(request)
        if refusal is not None:
            return Judgement.refused(refusal)
        if (told := self._told.for_all) is not None:
            return Judgement.told(told)
        key = self._provider_tokens.check(
            request.headers.get("authorization"), request.connection, request.at
        )
        if isinstance(key, Refusal):
            return Judgement.refused(key, valid_provider_token=False)
        judgement = (
            self._judge_push(request, key)
            if is_push_to_device
            else self._judge_broadcast(request, key)
        )
        if isinstance(judgement, Refusal):
            return Judgement.refused(judgement, valid_provider_token=True)
        return judgement

    def _check_idle(self, request: Request) -> Refusal | None:
        connection = request.connection
        since = connection.last_request_at
        idle = 0.0 if since is None else request.at - since
        if connection.idle_too_long or (
            self._idle_timeout is not None and idle > self._idle_timeout
        ):
            return Refusal(
                "IdleTimeout",
                f"the connection had been idle for {idle:.0f} s: the push must be sent again on a "
                "new one, and the health of an idle one be checked with a PING.",
            )
        return None

    def _judge_push(self, request: Request, key: SigningKey) -> Refusal | Judgement:
        token = request.token or ""
        refusal = (
            check_headers(request, key)
            or check_size(request)
            or check_token(token, self._tokens_of_other_environment, self._tokens_of_other_topic)
        )
        if refusal is not None:
            return refusal
        refused = self._refused_by_devices(token, app_of(request), request.at)
        if refused is not None:
            return Judgement(refused, _why_devices_refuse(refused), RESPONSES, True)
        return self._check_in_a_row(token, request) or self._as_told(token)

    def _check_in_a_row(self, token: str, request: Request) -> Refusal | None:
        in_a_row = request.connection.count_push(token, request.at)
        if self._most_in_a_row is None or in_a_row <= self._most_in_a_row:
            return None
        return Refusal(
            "TooManyRequests",
            f"this is push {in_a_row} in a row to this token, and there may be "
            f"{self._most_in_a_row}: send the latest only, and try again later, with a back-off.",
        )

    def _judge_broadcast(self, request: Request, key: SigningKey) -> Refusal | Judgement:
        refusal = check_app(request, key, takes_broadcasts=self._takes_broadcasts)
        if refusal is not None:
            return refusal
        channels = self._channels_of(request.bundle_id or "")
        if request.kind is not Kind.BROADCAST:
            managed = manage_channels(request, channels)
            if isinstance(managed, Refusal):
                return managed
            return Judgement(managed, valid_provider_token=True)
        return check_broadcast(request, channels) or self._as_told(
            "", request.headers.get(CHANNEL_HEADER)
        )

    def _as_told(self, token: str, channel_id: str | None = None) -> Judgement:
        told = self._told.take(token)
        if told is None:
            return Judgement(Answer.accepted(), "", "", True, channel_id)
        return Judgement.told(told, channel_id)

    def _refused_by_devices(self, token: str, app: str, at: float) -> Answer | None:
        if self._devices is None:
            return None
        return self._devices.refusal(token, bundle_id=app, environment=self._environment, at=at)


def _why_devices_refuse(refused: Answer) -> str:
    if refused.reason == "BadDeviceToken":
        return OF_OTHER_ENVIRONMENT
    if refused.reason == "DeviceTokenNotForTopic":
        return OF_OTHER_TOPIC
    meaning = REASONS.get(refused.reason or "")
    why = "the phone says so." if meaning is None else meaning.meaning
    if refused.timestamp is None:
        return why
    return (
        f"{why} It has been dead since {refused.timestamp} ms: forget it, unless it was "
        "registered again after that."
    )
