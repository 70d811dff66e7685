"""The samples of the reference page do what they show."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest
import tree_sitter_swift
from blueprint.host import BODY, PATH, Host
from services import require
from tree_sitter import Language, Parser

from flask_allmine_liveactivity.blueprint.envelope import HELD_BY_ANOTHER_USER, STREAM_HAS_ENDED
from flask_allmine_liveactivity.openapi import openapi_document
from flask_allmine_liveactivity.openapi.samples import LANGUAGES, sample

from .served import Served

BY_LABEL = {language.label: language for language in LANGUAGES}


def run(command: list[str], token: str) -> str:
    return subprocess.run(
        command,
        env={**os.environ, "ACCESS_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


@pytest.mark.parametrize("label", ["curl", "Python"])
def test_a_sample_registers(label: str, served_host: Served) -> None:
    require(label != "curl" or shutil.which("curl") is not None, "curl", "apt-get install curl")
    source = sample(BY_LABEL[label], served_host.url + PATH)
    command = ["bash", "-c"] if label == "curl" else [sys.executable, "-c"]

    said = run([*command, source], served_host.access_token)

    assert json.loads(said.replace("'", '"').replace("True", "true")) == {"success": True}
    (row,) = served_host.host.sessions()
    assert {
        "streamId": row.stream_id,
        "deviceId": row.device_id,
        "liveActivityToken": row.token,
        "activityId": row.activity_id,
    } == BODY
    assert "Authentication required" in run([*command, source], "no token")


def test_a_stream_that_has_ended_is_a_success_and_another_conflict_is_none(
    served_host: Served,
) -> None:
    host = served_host.host
    command = [sys.executable, "-c", sample(BY_LABEL["Python"], served_host.url + PATH)]
    host.register("somebody else")
    assert HELD_BY_ANOTHER_USER in run(command, served_host.access_token)
    with host.app.app_context():
        host.live_activity.release("somebody else", BODY["deviceId"])
    host.end()
    assert json.loads(run(command, served_host.access_token).replace("'", '"').lower()) == {
        "success": True
    }


@pytest.mark.parametrize("label", list(BY_LABEL))
def test_each_sample_knows_the_conflict_that_is_a_success(label: str) -> None:
    assert STREAM_HAS_ENDED in sample(BY_LABEL[label], "https://dev.example.com" + PATH)


def test_swift_is_swift() -> None:
    """By its grammar: there is no compiler for Apple's frameworks outside of Apple's machines."""
    parser = Parser(Language(tree_sitter_swift.language()))
    source = sample(BY_LABEL["Swift"], "https://dev.example.com" + PATH)
    tree = parser.parse(source.encode())
    assert not tree.root_node.has_error
    assert parser.parse(
        source.replace("async throws {", "async throws (", 1).encode()
    ).root_node.has_error


def test_they_are_in_the_document_and_call_development(host: Host) -> None:
    operation = openapi_document(host.app)["paths"][PATH]["post"]
    samples = {each["label"]: each["source"] for each in operation["x-codeSamples"]}
    assert list(samples) == ["curl", "Swift", "TypeScript", "Python"]
    for source in samples.values():
        assert "https://dev.example.com" + PATH in source
        assert "https://api.example.com" not in source


def test_without_servers_they_call_this_one(make_host: Callable[..., Host]) -> None:
    operation = openapi_document(make_host().app)["paths"][PATH]["post"]
    for each in operation["x-codeSamples"]:
        assert "http://127.0.0.1:5000" + PATH in each["source"]
