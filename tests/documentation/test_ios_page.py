"""The page for the app's developer says what the server sends, byte for byte."""

from __future__ import annotations

import json
import plistlib
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask_jwt_extended import JWTManager, create_access_token

from flask_allmine_liveactivity import (
    Countdown,
    LiveActivity,
    StreamEvent,
    notify_stream_state,
)
from flask_allmine_liveactivity.app.installation import installed_on
from flask_allmine_liveactivity.simulator import LocalApns
from flask_allmine_liveactivity.simulator.phones import Phones
from flask_allmine_liveactivity.simulator.received import Received

from .blocks import ROOT, Block, blocks

PAGE = "docs/howto/ios.md"
STREAM = "65f000000000000000000001"
SWIFT_TYPES = {"String": str, "Double": float, "Int": int, "Bool": bool}


def on_the_page(language: str) -> list[Block]:
    return [block for block in blocks(language) if block.page == PAGE]


CHECKED, NOTIFIED = on_the_page("python")


@pytest.fixture
def apns() -> Iterator[LocalApns]:
    with LocalApns(bundle_id="com.example.allmine", devices=Phones()) as apns:
        yield apns


@pytest.fixture
def app(apns: LocalApns) -> Iterator[Flask]:
    app = Flask("shop")
    app.config.update(
        apns.settings,
        JWT_SECRET_KEY="x" * 32,
        LIVE_ACTIVITY_STORAGE_URI="memory://",
        LIVE_ACTIVITY_DELIVERY="inline",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
    )
    JWTManager(app)
    LiveActivity(app)
    yield app
    app.extensions["live_activity"].close()


def registered(app: Flask) -> None:
    with app.app_context():
        token = create_access_token("ada")
    answer = app.test_client().post(
        "/api/v1/notifications/live-activity-sessions",
        headers={"Authorization": f"Bearer {token}"},
        json={
            "streamId": STREAM,
            "deviceId": "iphone",
            "liveActivityToken": "80ab12",
            "activityId": "live-activity-123",
        },
    )
    assert answer.status_code == 200


def pushed(app: Flask, apns: LocalApns, code: Block | None) -> Received:
    """What Apple gets for one phone, when the stream ends as the page's code has it."""
    registered(app)
    names = {"notify_stream_state": notify_stream_state, "stream_id": STREAM}
    with app.app_context():
        if code is None:
            notify_stream_state(STREAM, "cancelled")
        else:
            exec(code.text, names)
    (push,) = apns.received
    return push


@pytest.mark.parametrize(("number", "code"), [(0, None), (1, NOTIFIED)])
def test_the_payload_is_the_one_on_the_page(
    app: Flask, apns: LocalApns, number: int, code: Block | None
) -> None:
    shown: dict[str, Any] = json.loads(on_the_page("json")[number].text)
    push = pushed(app, apns, code)
    assert push.payload is not None
    later = push.aps["timestamp"] - shown["aps"]["timestamp"]
    shown["aps"]["timestamp"] += later
    # The host's clock may pass a second between the announcement and the push.
    assert abs(push.aps["dismissal-date"] - later - shown["aps"].pop("dismissal-date")) <= 2
    sent = {key: value for key, value in push.aps.items() if key != "dismissal-date"}
    assert {"aps": sent} == shown


@pytest.mark.parametrize(
    ("before", "priority"),
    [
        ({}, "5"),
        ({"phase": "planned", "startsAt": 1768471800}, "5"),
        ({"phase": "soon", "startsAt": 1768471200}, "10"),
    ],
    ids=["first", "renamed", "moved"],
)
def test_the_update_is_the_one_on_the_page(
    app: Flask, apns: LocalApns, before: dict[str, Any], priority: str
) -> None:
    shown: dict[str, Any] = json.loads(on_the_page("json")[2].text)["aps"]
    live_activity = LiveActivity()
    with app.app_context():
        for content in filter(None, (before, shown["content-state"])):
            countdown = Countdown(starts_at=content["startsAt"], content_state=content)
            installed_on(app).callbacks.streams = lambda _, it=countdown: {STREAM: it}
            assert live_activity.stream_changed(STREAM).changed
    registered(app)
    installed_on(app).storage.streams.write(STREAM, _long_ago)
    installed_on(app).parts.delivery.run(STREAM)
    (push,) = apns.received
    assert {**push.aps, "timestamp": shown["timestamp"]} == shown
    assert push.headers["apns-priority"] == priority


def _long_ago(row: StreamEvent | None) -> StreamEvent | None:
    """The five seconds between two updates are over."""
    return row and replace(row, told_at=None, due_at=0.0)


def test_the_headers_are_those_of_the_page(app: Flask, apns: LocalApns) -> None:
    page = (ROOT / PAGE).read_text()
    shown = dict(re.findall(r"^\| `(apns-[a-z-]+)` \| `?(.*?)`? \|$", page, re.MULTILINE))
    headers = pushed(app, apns, None).headers
    sent = {name: value for name, value in headers.items() if name.startswith("apns-")}
    assert set(sent) - {"apns-id"} == set(shown)
    assert shown.pop("apns-expiration").startswith("the end of the session's life")
    assert {name: sent[name] for name in shown} == shown


def test_both_declarations_of_the_content_state_agree() -> None:
    names: dict[str, Any] = {}
    exec(CHECKED.text, names)
    struct = re.search(r"struct ContentState.*?\{(.*?)\}", on_the_page("swift")[0].text, re.DOTALL)
    assert struct is not None
    fields = re.findall(r"var (\w+): (\w+)(\??)", struct.group(1))
    assert names["CONTENT_STATE"] == {
        name: SWIFT_TYPES[kind] | None if optional else SWIFT_TYPES[kind]
        for name, kind, optional in fields
    }


@pytest.mark.parametrize("block", on_the_page("xml"), ids=str)
def test_a_property_list_can_be_read(block: Block) -> None:
    whole = f'<plist version="1.0"><dict>{block.text}</dict></plist>'
    assert set(plistlib.loads(whole.encode())) <= {
        "NSSupportsLiveActivities",
        "NSSupportsLiveActivitiesFrequentUpdates",
        "aps-environment",
    }


def test_the_sample_declares_what_the_page_takes_from_it() -> None:
    sample = ROOT / "flask_allmine_liveactivity/openapi/samples/Register.swift"
    declared = re.search(r"struct LiveActivitySession.*?\{(.*?)\}", sample.read_text(), re.DOTALL)
    assert declared is not None
    page = "\n".join(block.text for block in on_the_page("swift"))
    made = re.search(r"LiveActivitySession\((.*?)\n        \)", page, re.DOTALL)
    assert made is not None
    assert re.findall(r"let (\w+):", declared.group(1)) == re.findall(
        r"^ +(\w+):", made.group(1), re.MULTILINE
    )
