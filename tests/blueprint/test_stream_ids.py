"""One stream, however its id is spelled: by phones, by the host, and by an earlier version."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId
from bson.binary import Binary, UuidRepresentation
from flask.testing import FlaskCliRunner

from flask_allmine_liveactivity import StreamState
from flask_allmine_liveactivity.model import fingerprint
from flask_allmine_liveactivity.testing import capture_pushes
from flask_allmine_liveactivity.testing.storage_contract.making_room import stored
from flask_allmine_liveactivity.testing.storage_contract.records import an_announcement

from .host import STREAM, TOKEN, Clock, Host, assert_failure

Make = Callable[..., Host]

ID = uuid.UUID("65f0abcd-0000-4000-8000-00000000cdef")
DASHED, CAPITALS = str(ID), str(ID).upper()
EITHER = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
LOWER = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
UPPER = r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"

# A pattern, how the host spells an id, and how a phone does.
SPELLINGS = [
    pytest.param(EITHER, DASHED, CAPITALS, id="uuid"),
    pytest.param(EITHER, CAPITALS, DASHED, id="uuid in capitals"),
    pytest.param(EITHER, DASHED.title(), CAPITALS, id="uuid in both"),
    pytest.param(LOWER, DASHED, CAPITALS, id="uuid, lower case only"),
    pytest.param(UPPER, CAPITALS, DASHED, id="uuid, capitals only"),
    pytest.param(UPPER, DASHED, CAPITALS, id="uuid, capitals only, the other way round"),
    pytest.param(rf"\{{{EITHER}\}}", f"{{{DASHED}}}", f"{{{CAPITALS}}}", id="uuid in braces"),
    pytest.param(rf"urn:uuid:{EITHER}", ID.urn, f"urn:uuid:{CAPITALS}", id="urn"),
    pytest.param(rf"urn:uuid:{UPPER}", f"urn:uuid:{CAPITALS}", ID.urn, id="urn, capitals only"),
    pytest.param(r"[0-9a-fA-F]{32}", ID.hex, ID.hex.upper(), id="uuid without dashes"),
    pytest.param(r".+", ID.hex, ID.hex.upper(), id="uuid without dashes, any pattern"),
    pytest.param(r".+", DASHED, CAPITALS, id="uuid, any pattern"),
    pytest.param(r"\S{1,64}", "65F0" * 6, "65f0" * 6, id="ObjectId, any pattern"),
    pytest.param(r"[0-9A-F]{24}", "65F0" * 6, "65f0" * 6, id="ObjectId, capitals only"),
    pytest.param(r"[0-9a-f]{24}", "65f0" * 6, "65F0" * 6, id="ObjectId, lower case only"),
    pytest.param(r"[0-9a-f]{8}", "deadbeef", "DEADBEEF", id="eight digits"),
    pytest.param(r"[0-9A-Fa-f]{40}", "aB" * 20, "Ab" * 20, id="forty digits"),
    pytest.param(r"(?i)[0-9a-f]+", "abc", "ABC", id="a pattern that ignores case"),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "hosts", "phones"), SPELLINGS)
class TestSpellings:
    @pytest.fixture
    def host(self, make_host: Make, pattern: str) -> Host:
        return make_host(LIVE_ACTIVITY_STREAM_ID_PATTERN=pattern)

    def test_a_phone_is_told_of_the_end(self, host: Host, hosts: str, phones: str) -> None:
        assert host.register(streamId=phones).status_code == 200
        host.end(stream=hosts)
        assert host.told == [TOKEN]

    def test_a_phone_that_comes_late_is_told(self, host: Host, hosts: str, phones: str) -> None:
        host.end(stream=hosts)
        assert_failure(host.register(streamId=phones), 409)
        assert host.told == [TOKEN]

    def test_it_is_one_activity(self, host: Host, hosts: str, phones: str) -> None:
        assert host.register(streamId=phones).status_code == 200
        assert host.register(streamId=hosts).status_code == 200
        assert len(host.sessions()) == 1

    def test_a_reopened_stream_runs_on(self, host: Host, hosts: str, phones: str) -> None:
        host.end(stream=phones)
        with host.app.app_context():
            host.live_activity.reopen_stream(hosts)
        assert host.register(streamId=phones).status_code == 200

    def test_the_hosts_callbacks_are_given_one_form_that_its_pattern_takes(
        self, host: Host, pattern: str, hosts: str, phones: str
    ) -> None:
        asked: set[str] = set()
        host.guard = lambda stream_id, user_id: asked.add(stream_id)

        @host.live_activity.content_state
        def content_state(stream_id: str, state: StreamState) -> dict[str, Any]:
            asked.add(stream_id)
            return {}

        host.register(streamId=phones)
        host.register(streamId=hosts)
        host.end(stream=hosts)
        (one,) = asked
        assert host.installation.settings.stream_id_pattern.fullmatch(one)

    def test_the_test_kit_and_the_commands_know_it(
        self, host: Host, hosts: str, phones: str
    ) -> None:
        with capture_pushes(host.app) as outbox:
            outbox.register(phones)
            host.end(stream=hosts)
            assert len(outbox) == 1
        host.register(streamId=phones)
        command: FlaskCliRunner = host.app.test_cli_runner()
        listed = command.invoke(args=["live-activity", "sessions", "--stream", hosts])
        assert fingerprint(TOKEN) in listed.output
        ended = command.invoke(args=["live-activity", "end", hosts, "ready"])
        assert "delivered 1" in ended.output


@pytest.mark.parametrize(
    "pattern",
    [EITHER, LOWER, UPPER, r"[0-9a-f]{32}", r"[0-9A-F]{32}", rf"\{{{UPPER}\}}", r"urn:uuid:.+"],
)
@pytest.mark.parametrize(
    "given",
    [ID, Binary.from_uuid(ID, UuidRepresentation.STANDARD)],
    ids=["uuid.UUID", "bson.Binary"],
)
def test_a_uuid_object_is_taken_as_the_pattern_spells_it(
    make_host: Make, pattern: str, given: object
) -> None:
    host = make_host(LIVE_ACTIVITY_STREAM_ID_PATTERN=pattern)
    spelled = next(
        case
        for text in (DASHED, ID.hex, f"{{{DASHED}}}", f"{{{CAPITALS}}}", ID.urn)
        for case in (text, text.upper())
        if host.installation.settings.stream_id_pattern.fullmatch(case)
    )
    host.register(streamId=spelled)
    host.end(stream=given)  # type: ignore[arg-type]
    assert host.told == [TOKEN]


@pytest.mark.parametrize(
    "given",
    [7, None, b"65f000000000000000000001", ["65f000000000000000000001"],
     Binary.from_uuid(ID, UuidRepresentation.JAVA_LEGACY), uuid.UUID(int=1)],
    ids=["number", "None", "bytes", "list", "bytes in an order that nobody knows", "UUID"],
)  # fmt: skip
def test_what_is_no_stream_id_is_a_value_error(memory_host: Host, given: object) -> None:
    with pytest.raises(ValueError, match="a stream id must"):
        memory_host.end(stream=given)  # type: ignore[arg-type]


def test_an_object_id_is_taken(memory_host: Host) -> None:
    memory_host.register(streamId=STREAM.upper())
    memory_host.end(stream=ObjectId(STREAM))  # type: ignore[arg-type]
    assert memory_host.told == [TOKEN]


@pytest.mark.parametrize(
    ("one", "two"),
    [("aBcDeF12", "abcdef12"), ("room-AB", "room-ab"), ("dQw4w9WgXcQ", "DQW4W9WGXCQ")],
    ids=["hex by chance", "hex in part", "no hex"],
)
def test_ids_in_which_case_counts_are_two_streams(make_host: Make, one: str, two: str) -> None:
    host = make_host(LIVE_ACTIVITY_STREAM_ID_PATTERN=r"[A-Za-z0-9-]+")
    host.register(streamId=one)
    host.end(stream=two)
    assert host.told == []


def test_a_word_in_capitals_is_none_where_words_are_in_lower_case(make_host: Make) -> None:
    host = make_host(LIVE_ACTIVITY_STREAM_ID_PATTERN=r"[a-z]+")
    assert_failure(host.register(streamId="FACE"), 400)


# --- what an earlier version has kept in capitals -------------------------------------------------


@pytest.fixture
def upgraded(storage_uri: str, make_host: Make) -> Host:
    """A host that has had a version that told capitals from lower case."""
    return make_host(storage_uri=storage_uri, LIVE_ACTIVITY_STREAM_ID_PATTERN=EITHER)


def of_before(host: Host) -> None:
    host.register(streamId=DASHED)
    (row,) = host.sessions()
    storage = host.installation.storage
    storage.sessions.register(row, lambda met: stored(replace(row, stream_id=CAPITALS)))


@pytest.mark.parametrize("said", [DASHED, CAPITALS])
def test_a_session_of_before_is_told_of_the_end(upgraded: Host, said: str) -> None:
    of_before(upgraded)
    upgraded.end(stream=said)
    assert upgraded.told == [TOKEN]


def test_a_session_of_before_and_one_of_now_are_told_once_each(upgraded: Host) -> None:
    of_before(upgraded)
    upgraded.register("bob", streamId=CAPITALS, activityId="bobs", liveActivityToken="bobs")
    upgraded.end(stream=CAPITALS)
    assert sorted(upgraded.told) == sorted([TOKEN, "bobs"])


def test_a_session_of_before_that_registers_again_goes_on(upgraded: Host) -> None:
    of_before(upgraded)
    assert upgraded.register(streamId=CAPITALS).status_code == 200
    assert [row.stream_id for row in upgraded.sessions()] == [DASHED]
    upgraded.end(stream=CAPITALS)
    assert upgraded.told == [TOKEN]


def announced_before(host: Host) -> None:
    host.installation.storage.streams.announce(
        an_announcement(stream_id=CAPITALS, expires_at=time.time() + 3600), time.time()
    )


def test_who_comes_after_an_end_of_before_is_late(upgraded: Host) -> None:
    announced_before(upgraded)
    assert_failure(upgraded.register(streamId=CAPITALS), 409)
    assert upgraded.told == [TOKEN]


def test_an_end_of_before_is_forgotten_by_a_reopen(upgraded: Host) -> None:
    announced_before(upgraded)
    with upgraded.app.app_context():
        upgraded.live_activity.reopen_stream(CAPITALS)
    assert upgraded.register(streamId=CAPITALS).status_code == 200
    upgraded.deliver()
    assert upgraded.told == []


def test_an_end_of_before_is_over_when_it_expires(clock: Clock, upgraded: Host) -> None:
    announced_before(upgraded)
    clock.advance(3601)
    assert upgraded.register(streamId=CAPITALS).status_code == 200
