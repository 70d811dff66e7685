"""The OpenAPI document says what the endpoint does."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from blueprint.host import BODY, OTHER_STREAM, PATH, REASONS, Host
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from flask_allmine_liveactivity import (
    ConfigurationError,
    StreamForbidden,
    StreamNotFound,
)
from flask_allmine_liveactivity.openapi import openapi_document

from .conftest import SERVERS

# Statuses that need a broken storage or server are looked at in tests/blueprint.
PROVOKED = (200, 400, 401, 403, 404, 409, 413, 415, 429)


def operation(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][PATH]["post"]
    return found


def validator(document: dict[str, Any], name: str) -> Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def schema_of(document: dict[str, Any], status: int) -> str:
    answer = operation(document)["responses"][str(status)]
    reference: str = answer["content"]["application/json"]["schema"]["$ref"]
    return reference.rpartition("/")[2]


def test_it_is_valid(host: Host) -> None:
    OpenAPIV31SpecValidator(openapi_document(host.app)).validate()


def test_the_operation(host: Host) -> None:
    found = operation(openapi_document(host.app))
    assert found["operationId"] == "registerLiveActivitySession"
    assert found["tags"] == ["Notifications"]
    assert found["security"] == [{"bearerAuth": []}]
    assert sorted(map(int, found["responses"])) == sorted({200, *REASONS})


def test_both_languages_warn_of_production(host: Host) -> None:
    description = operation(openapi_document(host.app))["description"]
    assert "real production data is affected" in description
    assert "gerçek canlı veriler etkilenir" in description


def test_the_way_to_authenticate(host: Host) -> None:
    scheme = openapi_document(host.app)["components"]["securitySchemes"]["bearerAuth"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
    assert "without the prefix" in scheme["description"]


def test_the_servers(host: Host, make_host: Callable[..., Host]) -> None:
    named = {each["description"]: each["url"] for each in openapi_document(host.app)["servers"]}
    assert named == SERVERS
    (only,) = openapi_document(make_host().app)["servers"]
    assert only == {"url": "/", "description": "Production"}


@pytest.mark.parametrize(
    "servers",
    [{"Production": "example.com"}, {"": "https://example.com"}, {"A": 1}, {"A": "https://a/?b"}],
)
def test_servers_that_are_none(make_host: Callable[..., Host], servers: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="LIVE_ACTIVITY_API_SERVERS"):
        make_host(LIVE_ACTIVITY_API_SERVERS=servers)


def test_the_example_of_the_request_is_the_contracts(host: Host) -> None:
    session = openapi_document(host.app)["components"]["schemas"]["LiveActivitySession"]
    described = session["properties"]
    examples = {name: described[name]["example"] for name in session["required"]}
    assert examples == BODY
    content = operation(openapi_document(host.app))["requestBody"]["content"]["application/json"]
    assert list(content["example"].items()) == list(BODY.items())
    assert set(session["required"]) == set(BODY)


@pytest.mark.parametrize("status", sorted({200, *REASONS}))
def test_an_example_is_what_its_schema_says(host: Host, status: int) -> None:
    document = openapi_document(host.app)
    content = operation(document)["responses"][str(status)]["content"]["application/json"]
    validator(document, schema_of(document, status)).validate(content["example"])
    if status != 200:
        assert content["example"]["errors"][0] == REASONS[status]


def provoke(host: Host, status: int) -> Any:
    """Have the endpoint answer so."""
    guards = {403: StreamForbidden, 404: StreamNotFound}
    if status in guards:

        def refuse(*_: str) -> None:
            raise guards[status]

        host.guard = refuse
    if status == 409:
        host.end()
    match status:
        case 400:
            return host.register(streamId="")
        case 401:
            return host.client.post(PATH, json=BODY)
        case 413:
            return host.send(b" " * 20_000)
        case 415:
            return host.send(b"{}", content_type="text/plain")
        case 429:
            host.register(activityId="first", liveActivityToken="first")
            return host.register()
        case _:
            return host.register()


@pytest.mark.parametrize("status", PROVOKED)
def test_an_answer_is_what_its_schema_says(make_host: Callable[..., Host], status: int) -> None:
    host = make_host(LIVE_ACTIVITY_MAX_SESSIONS_PER_USER=1)
    document = openapi_document(host.app)
    answer = provoke(host, status)
    assert answer.status_code == status
    validator(document, schema_of(document, status)).validate(answer.get_json())


def test_each_conflict_is_what_its_schema_says(host: Host) -> None:
    check = validator(openapi_document(host.app), "Conflict").validate
    host.register()
    said = [host.register("bob"), host.register(streamId=OTHER_STREAM)]
    host.end()
    said.append(host.register(deviceId="another"))
    texts = [answer.get_json()["errors"][1] for answer in said]
    assert len(set(texts)) == 3
    for answer in said:
        check(answer.get_json())


@pytest.mark.parametrize(
    ("field", "value", "fits"),
    [
        ("streamId", "65F000000000000000000001", True),
        ("streamId", "65f00000000000000000000", False),
        ("liveActivityToken", "80ab12", True),
        ("liveActivityToken", "..", False),
        ("liveActivityToken", "a/b", False),
        ("liveActivityToken", "a" * 1025, False),
        ("deviceId", "Ada's iPhone", True),
        ("deviceId", "   ", False),
        ("deviceId", "", False),
        ("deviceId", "tab\t", False),
        ("deviceId", "x" * 256, False),
        ("activityId", "\x80", False),
    ],
)
def test_what_fits_the_description_is_taken_and_nothing_else(
    host: Host, field: str, value: str, fits: bool
) -> None:
    body = {**BODY, field: value}
    described = validator(openapi_document(host.app), "LiveActivitySession")
    assert described.is_valid(body) is fits
    assert (host.register(**{field: value}).status_code == 200) is fits


def test_the_hosts_own_patterns(make_host: Callable[..., Host]) -> None:
    host = make_host(
        LIVE_ACTIVITY_STREAM_ID_PATTERN="[0-9]+", LIVE_ACTIVITY_TOKEN_PATTERN="[0-9a-f]{64,}"
    )
    described = validator(openapi_document(host.app), "LiveActivitySession")
    assert described.is_valid({**BODY, "streamId": "1", "liveActivityToken": "a" * 64})
    assert not described.is_valid({**BODY, "streamId": "1"})
    assert not described.is_valid({**BODY, "liveActivityToken": "a" * 64})


def test_a_pattern_that_only_python_reads_is_left_out(make_host: Callable[..., Host]) -> None:
    host = make_host(LIVE_ACTIVITY_STREAM_ID_PATTERN=r"(?P<number>[0-9]+)\Z")
    properties = openapi_document(host.app)["components"]["schemas"]["LiveActivitySession"]
    assert "pattern" not in properties["properties"]["streamId"]


def test_a_pattern_with_flags_is_left_out(make_host: Callable[..., Host]) -> None:
    host = make_host(LIVE_ACTIVITY_STREAM_ID_PATTERN=re.compile("[0-9a-f]{24}", re.IGNORECASE))
    schema = openapi_document(host.app)["components"]["schemas"]["LiveActivitySession"]
    assert "pattern" not in schema["properties"]["streamId"]
    assert host.register(streamId="65F000000000000000000001").status_code == 200


def test_a_host_merges_it_into_its_own(host: Host) -> None:
    ours = openapi_document(host.app)
    theirs = {**ours, "info": {"title": "Shop", "version": "1"}, "paths": {**ours["paths"]}}
    theirs["paths"]["/cart"] = {"get": {"responses": {"200": {"description": "A cart."}}}}
    OpenAPIV31SpecValidator(theirs).validate()


def test_the_command_prints_json_and_yaml(host: Host) -> None:
    runner = host.app.test_cli_runner()
    document = openapi_document(host.app)
    assert json.loads(runner.invoke(args=["live-activity", "openapi"]).output) == document
    printed = runner.invoke(args=["live-activity", "openapi", "--format", "yaml"])
    assert yaml.safe_load(printed.output) == document


@pytest.mark.parametrize("missing", ["apispec", "yaml"])
def test_what_is_not_installed_is_named(
    host: Host, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    run = host.app.test_cli_runner().invoke(args=["live-activity", "openapi", "--format", "yaml"])
    assert run.exit_code == 1
    assert re.search(r'pip install "flask-allmine-liveactivity\[openapi\]"', run.output)
