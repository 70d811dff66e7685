"""Method, path and repeated headers, as Apple checks them."""

from __future__ import annotations

import pytest

from flask_allmine_liveactivity.simulator import LocalApns

from .sender import PAYLOAD, TOKEN, Sender


def test_a_right_push_is_accepted_without_a_body(sender: Sender) -> None:
    response = sender.push()
    assert (response.status_code, response.content) == (200, b"")


def test_the_answer_is_http2(sender: Sender) -> None:
    assert sender.push().http_version == "HTTP/2"


def test_a_method_other_than_post_is_not_allowed(sender: Sender) -> None:
    response = sender.push(method="GET")
    assert (response.status_code, response.json()) == (405, {"reason": "MethodNotAllowed"})


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/3/device",
        f"/2/device/{TOKEN}",
        f"/3/device/{TOKEN}/",
        f"/3/device/{TOKEN}?now",
        "/4/broadcasts/apps/",
        "/4/broadcasts/apps/com.example.allmine/x",
        "/1/apps/com.example.allmine/channel",
    ],
)
def test_another_path_is_a_bad_path(sender: Sender, path: str) -> None:
    response = sender.push(path=path)
    assert (response.status_code, response.json()) == (404, {"reason": "BadPath"})


def test_a_path_without_a_token_misses_the_device_token(sender: Sender) -> None:
    response = sender.push(path="/3/device/")
    assert (response.status_code, response.json()) == (400, {"reason": "MissingDeviceToken"})


def test_a_header_sent_twice_is_refused(sender: Sender) -> None:
    headers = [*sender.headers().items(), ("apns-priority", "5")]
    response = sender.client.post(f"/3/device/{TOKEN}", json=PAYLOAD, headers=headers)
    assert (response.status_code, response.json()) == (400, {"reason": "DuplicateHeaders"})


@pytest.mark.parametrize("token", ["80" * 32, "80" * 128, "live_activity_runtime_token", "a.b~c-d"])
def test_tokens_of_any_length_that_are_safe_in_a_path_are_taken(sender: Sender, token: str) -> None:
    assert sender.push(token).status_code == 200


@pytest.mark.parametrize("token", ["a%20b", "t%C3%B6ken", "a+b", "%2E%2E%3D"])
def test_a_token_with_other_characters_is_a_bad_device_token(sender: Sender, token: str) -> None:
    response = sender.push(token)
    assert (response.status_code, response.json()) == (400, {"reason": "BadDeviceToken"})


def test_a_token_of_the_other_environment_is_a_bad_device_token(
    apns: LocalApns, sender: Sender
) -> None:
    apns.tokens_of_other_environment.add(TOKEN)
    response = sender.push()
    assert (response.status_code, response.json()) == (400, {"reason": "BadDeviceToken"})


def test_a_token_of_zeros_is_a_bad_device_token(apns: LocalApns, sender: Sender) -> None:
    response = sender.push(token="0" * 64)
    assert (response.status_code, response.json()) == (400, {"reason": "BadDeviceToken"})


def test_the_method_is_checked_before_the_path(sender: Sender) -> None:
    assert sender.push(method="PUT", path="/").status_code == 405


def test_the_path_is_checked_before_the_provider_token(sender: Sender) -> None:
    assert sender.push(path="/", authorization=None).status_code == 404


def test_the_provider_token_is_checked_before_the_other_headers(sender: Sender) -> None:
    response = sender.push(authorization=None, apns_topic=None)
    assert response.json() == {"reason": "MissingProviderToken"}


def test_the_headers_are_checked_before_the_payload(sender: Sender) -> None:
    assert sender.push(apns_topic=None, body=b"").json() == {"reason": "MissingTopic"}
