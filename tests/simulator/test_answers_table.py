"""Each row of Apple's answers, provoked from outside by clients that nobody here wrote."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import pytest

from flask_allmine_liveactivity.simulator import Answer, LocalApns
from flask_allmine_liveactivity.simulator.channels import StoragePolicy
from flask_allmine_liveactivity.simulator.phones import Activity, Phones
from flask_allmine_liveactivity.simulator.reasons import REASONS

from . import foreign
from .foreign import Client, Wish, right_push
from .sender import TOKEN

LOG = "flask_allmine_liveactivity.simulator"

Provoke: TypeAlias = Callable[[LocalApns, Wish], Sequence[Wish]]
"""Prepare a local APNs, and say what to send, so that the last request meets the reason."""

PHONES = Phones()
STREAM = "65f000000000000000000001"
OTHER_APP = "org.example.other"
IN_A_ROW = 3
LONG = b'{"aps": "' + b"x" * 5120 + b'"}'


def with_header(name: str, value: str | None) -> Provoke:
    return lambda _, push: [push.with_header(name, value)]


def but(**changes: object) -> Provoke:
    return lambda _, push: [push.but(**changes)]


def told(reason: str) -> Provoke:
    """What has no rule that a request could break: Apple's own troubles, and certificates."""

    def provoke(apns: LocalApns, push: Wish) -> Sequence[Wish]:
        apns.answer_next(1, Answer.of(reason))
        return [push]

    return provoke


def to(push: Wish, activity: Activity) -> Wish:
    return push.but(path=f"/3/device/{activity.token}")


def of_an_ended_activity(_: LocalApns, push: Wish) -> Sequence[Wish]:
    phone = PHONES.add()
    activity = phone.follow(STREAM)
    phone.swipe_away(activity)
    return [to(push, activity)]


def of_a_deleted_app(_: LocalApns, push: Wish) -> Sequence[Wish]:
    phone = PHONES.add()
    activity = phone.follow(STREAM)
    phone.delete_app()
    return [to(push, activity)] * 2  # by the first one Apple learns of it


def of_another_environment(_: LocalApns, push: Wish) -> Sequence[Wish]:
    return [to(push, PHONES.add(environment="production").follow(STREAM))]


def of_another_topic(apns: LocalApns, push: Wish) -> Sequence[Wish]:
    (push,) = a_key_of_another_app(apns, push)
    topic = f"{OTHER_APP}.push-type.liveactivity"
    return [to(push, PHONES.add().follow(STREAM)).with_header("apns-topic", topic)]


def bearer(push: Wish, token: str) -> Wish:
    return push.with_header("authorization", f"bearer {token}")


def an_expired_token(apns: LocalApns, push: Wish) -> Sequence[Wish]:
    return [bearer(push, apns.key.provider_token(time.time() - 3700))]


def a_key_of_another_environment(apns: LocalApns, push: Wish) -> Sequence[Wish]:
    key = apns.make_key("KEY0000002", environment="production")
    return [bearer(push, key.provider_token())]


def another_key_on_the_same_connection(apns: LocalApns, push: Wish) -> Sequence[Wish]:
    key = apns.make_key("KEY0000002")
    return [push, bearer(push, key.provider_token())]


def a_key_of_another_app(apns: LocalApns, push: Wish) -> Sequence[Wish]:
    key = apns.make_key("KEY0000002", apps=[OTHER_APP])
    return [bearer(push, key.provider_token())]


def a_renewed_provider_token(apns: LocalApns, push: Wish) -> Sequence[Wish]:
    now = time.time()
    return [bearer(push, apns.key.provider_token(now - age)) for age in (60, 0)]


def broadcast(apns: LocalApns, push: Wish, policy: StoragePolicy = StoragePolicy.LATEST) -> Wish:
    channel_id = apns.channels.create(policy)
    assert channel_id
    return push.but(path=f"/4/broadcasts/apps/{apns.bundle_id}").with_header(
        "apns-channel-id", channel_id
    )


def a_broadcast_with(name: str, value: str | None) -> Provoke:
    return lambda apns, push: [broadcast(apns, push).with_header(name, value)]


def a_channel_more_than_allowed(apns: LocalApns, push: Wish) -> Sequence[Wish]:
    while apns.channels.create():
        pass
    return [channels(b'{"message-storage-policy": 1, "push-type": "LiveActivity"}')(apns, push)[0]]


def channels(body: bytes) -> Provoke:
    return lambda apns, push: [push.but(path=f"/1/apps/{apns.bundle_id}/channels", body=body)]


ROWS: dict[str, Provoke] = {
    "BadDeviceToken": of_another_environment,
    "DeviceTokenNotForTopic": of_another_topic,
    "MissingDeviceToken": but(path="/3/device/"),
    "ExpiredToken": of_an_ended_activity,
    "Unregistered": of_a_deleted_app,
    "TooManyRequests": lambda _, push: [push] * (IN_A_ROW + 1),
    "BadCollapseId": with_header("apns-collapse-id", "x" * 65),
    "BadExpirationDate": with_header("apns-expiration", "tomorrow"),
    "BadMessageId": with_header("apns-id", "1"),
    "BadPriority": with_header("apns-priority", "7"),
    "BadTopic": with_header("apns-topic", "com.example.allmine"),
    "DuplicateHeaders": lambda _, push: [push.with_one_more("apns-priority", "5")],
    "IdleTimeout": lambda _, push: [push, push],
    "InvalidPushType": with_header("apns-push-type", "alert"),
    "MissingTopic": with_header("apns-topic", None),
    "PayloadEmpty": but(body=b""),
    "TopicDisallowed": a_key_of_another_app,
    "BadPath": but(path=f"/3/devices/{TOKEN}"),
    "MethodNotAllowed": but(method="PUT"),
    "PayloadTooLarge": but(body=LONG),
    "BadCertificate": told("BadCertificate"),
    "BadCertificateEnvironment": told("BadCertificateEnvironment"),
    "BadEnvironmentKeyIdInToken": a_key_of_another_environment,
    "BadEnvironmentKeyInToken": told("BadEnvironmentKeyInToken"),
    "ExpiredProviderToken": an_expired_token,
    "Forbidden": told("Forbidden"),
    "InvalidProviderToken": with_header("authorization", "bearer a.b.c"),
    "MissingProviderToken": with_header("authorization", None),
    "UnrelatedKeyIdInToken": another_key_on_the_same_connection,
    "TooManyProviderTokenUpdates": a_renewed_provider_token,
    "InternalServerError": told("InternalServerError"),
    "ServiceUnavailable": told("ServiceUnavailable"),
    "Shutdown": told("Shutdown"),
    "BadChannelId": a_broadcast_with("apns-channel-id", "#"),
    "BadRequestParams": channels(b'{"push-type": "LiveActivity"}'),
    "BadRequestPayload": channels(b"no json"),
    "CannotCreateChannelConfig": a_channel_more_than_allowed,
    "BroadcastFeatureNotEnabled": told("BroadcastFeatureNotEnabled"),
    "ChannelNotRegistered": a_broadcast_with("apns-channel-id", "dHN0LXNyY2gtY2hubA=="),
    "FeatureNotEnabled": a_broadcast_with("apns-priority", "10"),
    "MissingChannelId": a_broadcast_with("apns-channel-id", None),
    "MissingPushType": a_broadcast_with("apns-push-type", None),
    "TopicMismatch": but(path=f"/4/broadcasts/apps/{OTHER_APP}"),
}


@pytest.fixture(params=foreign.ALL)
def client(request: pytest.FixtureRequest) -> Client:
    return foreign.ALL[request.param]


def test_every_reason_has_a_row() -> None:
    assert set(ROWS) == set(REASONS)


@contextmanager
def apns_for(reason: str) -> Iterator[LocalApns]:
    """A local APNs at which the row of a reason can be provoked."""

    def make_idle(_: object) -> None:
        if reason == "IdleTimeout":
            apns.faults.idle()

    with LocalApns(
        devices=PHONES,
        broadcasts=reason != "FeatureNotEnabled",
        pushes_in_a_row=IN_A_ROW,
        on_push=make_idle,
    ) as apns:
        yield apns


@pytest.mark.parametrize("reason", REASONS)
def test_a_client_meets_the_reason(client: Client, reason: str) -> None:
    with apns_for(reason) as apns:
        wishes = ROWS[reason](apns, right_push(apns))
        outcomes = client(apns, wishes)
    assert outcomes[-1] == (REASONS[reason].status, reason)
    assert len(outcomes) == len(wishes)
    assert set(outcomes[:-1]) <= {(200, None)}


@pytest.mark.parametrize("reason", REASONS)
def test_each_refusal_is_explained_and_no_token_is_shown(
    reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, LOG)
    with apns_for(reason) as apns:
        wishes = ROWS[reason](apns, right_push(apns))
        foreign.by_httpx2(apns, wishes)
    log = "\n".join(record.getMessage() for record in caplog.records if record.name == LOG)
    (line,) = [line for line in log.splitlines() if f" {reason} (" in line]
    assert line.startswith(f"{REASONS[reason].status} {reason} (")
    assert re.search(r"\b(must|may|use a|forget it|told to)\b", line), "what would be right"
    assert re.search(r'Source: Apple, "[A-Z][^"]+"\.$', line)
    for wish in wishes:
        token = wish.path.rpartition("/")[2]
        authorization = dict(wish.headers).get("authorization", "bearer -")
        assert len(token) < 64 or token not in log
        assert authorization.removeprefix("bearer ") not in log or authorization == "bearer -"


def test_a_client_meets_a_200(client: Client) -> None:
    with LocalApns() as apns:
        assert client(apns, [right_push(apns)] * 3) == [(200, None)] * 3
        assert len({push.client for push in apns.accepted}) == 1


@pytest.mark.parametrize("answer", [Answer.reset(), Answer.cut()], ids=["reset", "cut"])
def test_a_client_meets_no_answer(client: Client, answer: Answer) -> None:
    with LocalApns() as apns:
        apns.answer_next(1, answer)
        assert client(apns, [right_push(apns)])[0] == (0, None)


def test_a_client_reads_and_deletes_a_channel(client: Client) -> None:
    with LocalApns() as apns:
        channel_id = apns.channels.create()
        wish = right_push(apns).but(path=f"/1/apps/{apns.bundle_id}/channels", body=b"")
        wish = wish.with_header("apns-channel-id", channel_id)
        outcomes = client(apns, [wish.but(method="GET"), wish.but(method="DELETE")])
        assert [status for status, _ in outcomes] == [200, 204]
        assert apns.channels.ids == []
