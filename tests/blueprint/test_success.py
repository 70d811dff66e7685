"""A phone that registers in time."""

from __future__ import annotations

from .host import BODY, PATH, STREAM, TOKEN, Host


def test_success_is_these_very_bytes(host: Host) -> None:
    response = host.register()
    assert response.status_code == 200
    assert response.data == b'{"success": true}'


def test_success_is_json(memory_host: Host) -> None:
    assert memory_host.register().mimetype == "application/json"


def test_the_bytes_stay_whatever_json_provider_the_host_has(memory_host: Host) -> None:
    memory_host.app.json.compact = True
    memory_host.app.json.sort_keys = True
    assert memory_host.register().data == b'{"success": true}'


def test_what_was_sent_is_stored(host: Host) -> None:
    host.register()
    (session,) = host.sessions()
    assert session.user_id == "alice"
    assert session.stream_id == STREAM
    assert session.device_id == BODY["deviceId"]
    assert session.activity_id == BODY["activityId"]
    assert session.token == TOKEN


def test_nothing_is_pushed_while_the_stream_is_to_come(host: Host) -> None:
    host.register()
    host.deliver()
    assert host.told == []


def test_the_end_is_pushed_to_the_registered_token(host: Host) -> None:
    host.register()
    host.end("started")
    assert host.told == [TOKEN]


def test_unknown_fields_are_ignored(host: Host) -> None:
    assert host.register(appVersion="9.1", nested={"a": [1]}).status_code == 200


def test_a_body_without_a_content_type_is_taken_as_json(memory_host: Host) -> None:
    body = memory_host.app.json.dumps(BODY)
    assert memory_host.send(body, content_type=None).status_code == 200


def test_a_json_suffix_is_json(memory_host: Host) -> None:
    body = memory_host.app.json.dumps(BODY)
    response = memory_host.send(body, content_type="application/vnd.allmine+json; charset=utf-8")
    assert response.status_code == 200


def test_the_url_prefix_is_a_setting(make_host) -> None:
    host = make_host(LIVE_ACTIVITY_URL_PREFIX="/push")
    answers = [
        host.client.post(path, json=BODY, headers=host.bearer()).status_code
        for path in ("/push/live-activity-sessions", PATH)
    ]
    assert answers == [200, 404]


def test_the_url_prefix_may_be_empty(make_host) -> None:
    host = make_host(LIVE_ACTIVITY_URL_PREFIX="")
    response = host.client.post("/live-activity-sessions", json=BODY, headers=host.bearer())
    assert response.status_code == 200


def test_a_session_lives_for_twelve_hours(host: Host) -> None:
    host.register()
    (session,) = host.sessions()
    assert session.expires_at == session.registered_at + 12 * 3600
