"""The host's error handlers stay the host's, and do not answer for us."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Blueprint, Flask, Response, got_request_exception, jsonify
from flask_jwt_extended import jwt_required

from flask_allmine_liveactivity import StreamNotFound, StreamState
from flask_allmine_liveactivity.blueprint.envelope import MESSAGES

from .apps import BODY, ENVELOPE, PATH, bearer, installation, register


def hosts(*_: object) -> tuple[str, int]:
    return "the host's own answer", 418


@pytest.fixture
def guarded(app: Flask) -> Flask:
    """A host whose guard does as the stream id says."""

    def guard(stream_id: str, user_id: str) -> StreamState | None:
        if stream_id.endswith("404"):
            raise StreamNotFound
        if stream_id.endswith("409"):
            return StreamState.READY
        if stream_id.endswith("500"):
            raise KeyError("broken")
        return None

    installation(app).callbacks.guard = guard

    @app.get("/broken")
    def broken() -> str:
        raise KeyError("broken")

    return app


def answers(app: Flask) -> list[int]:
    """One answer of each kind; all must be in the envelope."""
    client = app.test_client()
    responses = [
        client.post(PATH, json=BODY),
        client.post(PATH, json={}, headers=bearer(app)),
        *(register(app, streamId=f"65f000000000000000000{code}") for code in (404, 409, 500)),
        client.post(PATH, data="x" * 20_000, headers=bearer(app)),
        client.post(PATH, data="x", headers=bearer(app)),
    ]
    for response in responses:
        assert list(response.get_json()) == ENVELOPE
    return [response.status_code for response in responses]


ALL = [401, 400, 404, 409, 500, 413, 400]


def test_without_handlers_of_the_hosts(guarded: Flask) -> None:
    assert answers(guarded) == ALL


@pytest.mark.parametrize("code", [*MESSAGES, 413, 500])
def test_a_hosts_handler_for_a_code_does_not_answer_for_us(guarded: Flask, code: int) -> None:
    guarded.register_error_handler(code, hosts)
    assert answers(guarded) == ALL


@pytest.mark.parametrize("kind", [Exception, KeyError, LookupError])
def test_a_hosts_handler_for_an_exception_does_not_answer_for_us(
    guarded: Flask, kind: type[Exception]
) -> None:
    guarded.register_error_handler(kind, hosts)
    assert answers(guarded) == ALL


def test_a_hosts_handler_for_all_http_errors_does_not_answer_for_us(guarded: Flask) -> None:
    from werkzeug.exceptions import HTTPException

    guarded.register_error_handler(HTTPException, hosts)
    assert answers(guarded) == ALL


def test_error_trackers_see_our_500_beside_a_hosts_handler(guarded: Flask) -> None:
    guarded.register_error_handler(Exception, hosts)
    seen: list[object] = []

    def note(sender: object, exception: object, **_: object) -> None:
        seen.append(exception)

    with got_request_exception.connected_to(note, guarded):
        register(guarded, streamId="65f000000000000000000500")
    assert [type(error) for error in seen] == [KeyError]


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/notifications/nowhere", PATH + "/"])
def test_an_unknown_path_keeps_the_hosts_shape(guarded: Flask, path: str) -> None:
    guarded.register_error_handler(404, hosts)
    assert guarded.test_client().post(path).data == b"the host's own answer"


def test_an_unknown_path_under_our_prefix_is_flasks_404(guarded: Flask) -> None:
    response = guarded.test_client().get("/api/v1/notifications/nowhere")
    assert (response.status_code, response.mimetype) == (404, "text/html")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "ANY"])
def test_another_method_at_our_path_is_a_405_in_the_envelope(guarded: Flask, method: str) -> None:
    guarded.register_error_handler(405, hosts)
    response = guarded.test_client().open(PATH, method=method)
    assert response.status_code == 405
    assert list(response.get_json()) == ENVELOPE
    assert response.get_json()["errors"] == ["Method Not Allowed"]
    assert set(response.allow) == {"POST", "OPTIONS"}


def test_a_405_has_no_body_where_none_was_asked_for(guarded: Flask) -> None:
    response = guarded.test_client().head(PATH)
    assert (response.status_code, response.data) == (405, b"")


def test_another_method_at_a_path_of_the_hosts_keeps_the_hosts_shape(guarded: Flask) -> None:
    guarded.register_error_handler(405, hosts)
    assert guarded.test_client().post("/broken").data == b"the host's own answer"


def test_what_the_host_has_at_our_path_by_another_method_stays_its_own(guarded: Flask) -> None:
    guarded.add_url_rule(PATH, "listed", lambda: "the host's list", methods=["GET"])
    client = guarded.test_client()
    assert client.get(PATH).data == b"the host's list"
    assert set(client.put(PATH).allow) == {"GET", "HEAD", "POST", "OPTIONS"}


def test_options_are_answered_as_by_any_view(guarded: Flask) -> None:
    response = guarded.test_client().options(PATH)
    assert (response.status_code, response.data) == (200, b"")
    assert set(response.allow) == {"POST", "OPTIONS"}


def test_a_preflight_of_a_browser_is_the_hosts_to_answer(guarded: Flask) -> None:
    @guarded.after_request
    def open_to_pages(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "https://app.example.com"
        return response

    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    response = guarded.test_client().options(PATH, headers=asked)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    refused = guarded.test_client().get(PATH, headers=asked)
    assert refused.headers["Access-Control-Allow-Origin"] == "https://app.example.com"


def test_a_host_header_that_is_none_keeps_the_hosts_shape(guarded: Flask) -> None:
    """Routing fails before it is known that the request is for us."""
    response = guarded.test_client().post(PATH, json=BODY, headers={"Host": "."})
    assert (response.status_code, response.mimetype) == (400, "text/html")


def test_the_hosts_own_errors_keep_their_handlers(guarded: Flask) -> None:
    guarded.register_error_handler(Exception, hosts)
    assert guarded.test_client().get("/broken").data == b"the host's own answer"


def test_the_hosts_own_500_is_flasks(guarded: Flask) -> None:
    response = guarded.test_client().get("/broken")
    assert (response.status_code, response.mimetype) == (500, "text/html")


# --- Flask-JWT-Extended's callbacks ---------------------------------------------------------------


@pytest.fixture
def with_callbacks(guarded: Flask) -> Flask:
    jwt = guarded.extensions["flask-jwt-extended"]
    for register_callback in (
        jwt.unauthorized_loader,
        jwt.invalid_token_loader,
        jwt.expired_token_loader,
        jwt.revoked_token_loader,
        jwt.user_lookup_error_loader,
        jwt.token_verification_failed_loader,
    ):
        register_callback(hosts)

    @guarded.get("/me")
    @jwt_required()
    def me():
        return jsonify(ok=True)

    return guarded


@pytest.mark.parametrize("header", [None, "Bearer x.y.z", "Basic x"])
def test_the_hosts_jwt_callbacks_do_not_answer_for_us(
    with_callbacks: Flask, header: str | None
) -> None:
    headers = {"Authorization": header} if header else {}
    response = with_callbacks.test_client().post(PATH, json=BODY, headers=headers)
    assert response.status_code == 401
    assert list(response.get_json()) == ENVELOPE


def test_a_revoked_token_is_not_answered_by_the_host(with_callbacks: Flask) -> None:
    jwt = with_callbacks.extensions["flask-jwt-extended"]
    jwt.token_in_blocklist_loader(lambda header, data: True)
    assert register(with_callbacks).status_code == 401


def test_a_user_that_is_not_found_is_not_answered_by_the_host(with_callbacks: Flask) -> None:
    jwt = with_callbacks.extensions["flask-jwt-extended"]
    jwt.user_lookup_loader(lambda header, data: None)
    response = register(with_callbacks)
    assert response.status_code == 401
    assert list(response.get_json()) == ENVELOPE


def test_the_hosts_own_routes_keep_their_jwt_callbacks(with_callbacks: Flask) -> None:
    assert with_callbacks.test_client().get("/me").data == b"the host's own answer"


# --- other neighbours -----------------------------------------------------------------------------


def test_a_hosts_blueprint_may_be_named_notifications(apps: Callable[..., Flask]) -> None:
    app = apps()
    theirs = Blueprint("notifications", __name__, url_prefix="/api/v1/notifications")
    theirs.add_url_rule("/device-token", view_func=lambda: "theirs", endpoint="device_token")
    app.register_blueprint(theirs)
    assert app.test_client().get("/api/v1/notifications/device-token").data == b"theirs"
    assert register(app).status_code == 200
