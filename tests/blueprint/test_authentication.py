"""401: who is calling."""

from __future__ import annotations

import base64
import datetime
import http.server
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import jwt as pyjwt
import pytest
from bson import ObjectId
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import jsonify
from flask_jwt_extended import create_access_token, create_refresh_token, set_access_cookies

from flask_allmine_liveactivity import ConfigurationError

from .host import BODY, JWT_SECRET, PATH, STREAM, Host, assert_failure

Make = Callable[..., Host]


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    """What Flask-JWT-Extended puts into an access token; ``None`` leaves one out."""
    now = datetime.datetime.now(datetime.UTC)
    full = {
        "fresh": False,
        "iat": now,
        "nbf": now,
        "jti": "an-id",
        "type": "access",
        "sub": "alice",
        "exp": now + datetime.timedelta(hours=1),
        **changes,
    }
    return {name: value for name, value in full.items() if value is not None}


def signed(secret: str = JWT_SECRET, **changes: Any) -> str:
    return pyjwt.encode(claims(**changes), secret, algorithm="HS256")


def register_with(host: Host, authorization: str | None) -> Any:
    headers = {} if authorization is None else {"Authorization": authorization}
    return host.client.post(PATH, json=BODY, headers=headers)


@pytest.fixture
def refused(memory_host: Host) -> Iterator[Callable[[str | None], None]]:
    """Asserts that a request with this header is a 401."""

    def check(authorization: str | None) -> None:
        assert_failure(register_with(memory_host, authorization), 401)

    yield check
    assert memory_host.sessions() == []


def test_a_valid_token_is_taken(memory_host: Host) -> None:
    assert register_with(memory_host, f"Bearer {signed()}").status_code == 200


def test_a_missing_header(refused) -> None:
    refused(None)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer  ", "Basic YWxpY2U6c2VjcmV0", "Token abc", "bearer-abc",
     "Bearer a b", "Bearer , Bearer", "Digest username=alice"],
)  # fmt: skip
def test_a_header_that_is_not_bearer(refused, header: str) -> None:
    refused(header)


def test_a_token_without_bearer(refused) -> None:
    refused(signed())


@pytest.mark.parametrize(
    "token",
    ["abc", "a.b", "a.b.c", "....", "a.b.c.d.e", "\xe9\xe9.\xff.\xff", "%00", "e30.e30.e30",
     f"{b64(b'[]')}.{b64(b'{}')}.x", f"{b64(b'null')}.{b64(b'{}')}.x", "." * 3000],
)  # fmt: skip
def test_a_malformed_token(refused, token: str) -> None:
    refused(f"Bearer {token}")


def test_a_bad_signature(refused) -> None:
    refused(f"Bearer {signed(secret='another secret, as long as the right one')}")


def test_a_changed_payload(refused) -> None:
    header, _, signature = signed().split(".")
    forged = b64(json.dumps(claims(sub="root", exp=9e9, iat=1, nbf=1)).encode())
    refused(f"Bearer {header}.{forged}.{signature}")


def test_an_expired_token(refused) -> None:
    refused(f"Bearer {signed(exp=1)}")


def test_a_token_of_the_future(refused) -> None:
    refused(f"Bearer {signed(nbf=datetime.datetime.now(datetime.UTC) + datetime.timedelta(1))}")


@pytest.mark.parametrize("subject", [None, "", 7, True, ["alice"], {"id": 1}])
def test_a_token_without_a_subject(refused, subject: Any) -> None:
    refused(f"Bearer {signed(sub=subject)}")


@pytest.mark.parametrize("subject", ["a\x00b", "a" * 256, "a\nb"])
def test_a_subject_that_cannot_be_stored(refused, subject: str) -> None:
    refused(f"Bearer {signed(sub=subject)}")


def test_a_refresh_token(memory_host: Host, refused) -> None:
    with memory_host.app.app_context():
        token = create_refresh_token("alice")
    refused(f"Bearer {token}")


def test_alg_none(refused) -> None:
    refused(f"Bearer {pyjwt.encode(claims(), None, algorithm='none')}")


@pytest.mark.parametrize("algorithm", ["none", "None", "HS512", "RS256", "XX", 1, None])
def test_another_algorithm_in_the_header(refused, algorithm: Any) -> None:
    header = b64(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    _, payload, signature = signed().split(".")
    refused(f"Bearer {header}.{payload}.{signature}")


def test_a_token_of_another_kind_of_key(refused) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    refused(f"Bearer {pyjwt.encode(claims(), key, algorithm='RS256')}")


@pytest.mark.parametrize("part", ["header", "payload"])
def test_a_deeply_nested_token(refused, part: str) -> None:
    deep = b64(b'{"alg":"HS256","typ":' + b"[" * 40_000)
    _, payload, signature = signed().split(".")
    whole = f"{deep}.{payload}.{signature}" if part == "header" else f"{b64(b'{}')}.{deep}.x"
    refused(f"Bearer {whole}")


def test_a_revoked_token(memory_host: Host, refused) -> None:
    memory_host.jwt.token_in_blocklist_loader(lambda header, data: data["jti"] == "stolen")
    refused(f"Bearer {signed(jti='stolen')}")


def test_a_token_that_is_not_revoked_is_taken(memory_host: Host) -> None:
    memory_host.jwt.token_in_blocklist_loader(lambda header, data: data["jti"] == "stolen")
    assert register_with(memory_host, f"Bearer {signed()}").status_code == 200


def test_a_token_whose_claims_the_host_refuses(memory_host: Host, refused) -> None:
    memory_host.jwt.token_verification_loader(lambda header, data: False)
    refused(f"Bearer {signed()}")


def test_a_user_that_the_host_does_not_find(memory_host: Host, refused) -> None:
    memory_host.jwt.user_lookup_loader(lambda header, data: None)
    refused(f"Bearer {signed()}")


def test_a_token_in_the_query_string_is_not_looked_at(make_host: Make) -> None:
    host = make_host(JWT_TOKEN_LOCATION=["headers", "query_string"])
    response = host.client.post(f"{PATH}?jwt={signed()}", json=BODY)
    assert_failure(response, 401)


def test_a_host_on_cookies_takes_a_bearer_token(make_host: Make) -> None:
    host = make_host(JWT_TOKEN_LOCATION=["cookies"])
    assert register_with(host, f"Bearer {signed()}").status_code == 200


def test_a_cookie_does_not_register_a_phone(make_host: Make) -> None:
    """It would be sent by any page that a browser shows."""
    host = make_host(JWT_TOKEN_LOCATION=["cookies"], JWT_COOKIE_CSRF_PROTECT=False)

    @host.app.post("/login")
    def login():
        response = jsonify(ok=True)
        set_access_cookies(response, create_access_token("alice"))
        return response

    client = host.client
    client.post("/login")
    assert_failure(client.post(PATH, json=BODY), 401)


def test_a_401_says_which_scheme_is_due(memory_host: Host) -> None:
    """RFC 9110, 11.6.1."""
    assert register_with(memory_host, None).headers["WWW-Authenticate"] == "Bearer"


def test_why_a_token_was_refused_is_not_said(memory_host: Host) -> None:
    response = register_with(memory_host, f"Bearer {signed(exp=1)}")
    assert response.get_json()["errors"] == ["Authentication required"]


def test_the_hosts_header_name_is_honoured(make_host: Make) -> None:
    host = make_host(JWT_HEADER_NAME="X-Allmine", JWT_HEADER_TYPE="JWT")
    headers = {"X-Allmine": f"JWT {signed()}"}
    assert host.client.post(PATH, json=BODY, headers=headers).status_code == 200


def test_the_hosts_identity_claim_is_honoured(make_host: Make) -> None:
    host = make_host(JWT_IDENTITY_CLAIM="uid")
    register_with(host, f"Bearer {signed(uid='42')}")
    assert [session.user_id for session in host.sessions()] == ["42"]


def test_the_host_may_load_the_user_id_from_the_claims(memory_host: Host) -> None:
    memory_host.live_activity.user_id_loader(lambda data: data["account"])
    register_with(memory_host, f"Bearer {signed(account=7)}")
    assert [session.user_id for session in memory_host.sessions()] == ["7"]


@pytest.mark.parametrize("user_id", [None, "", "a\x00"])
def test_a_loader_that_finds_no_user_is_a_401(memory_host: Host, refused, user_id: Any) -> None:
    memory_host.live_activity.user_id_loader(lambda data: user_id)
    refused(f"Bearer {signed()}")


@pytest.mark.parametrize("error", [RecursionError(), UnicodeEncodeError("ascii", "é", 0, 1, "")])
def test_a_token_that_an_older_pyjwt_stumbles_over(
    memory_host: Host, refused, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def stumble(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(pyjwt, "get_unverified_header", stumble)
    monkeypatch.setattr(pyjwt, "decode", stumble)
    refused(f"Bearer {signed()}")


NO_USER_IDS = [{"id": 7}, ["alice"], ("alice",), True, False, 7.0, b"alice", object(), 10**5000]


@pytest.mark.parametrize("user_id", NO_USER_IDS, ids=lambda value: type(value).__name__)
def test_what_has_no_one_form_is_no_user_id_and_the_error_says_what_to_do(
    make_host: Make, user_id: Any
) -> None:
    """Its repr would be one, and another the next time."""
    host = make_host(TESTING=True)
    host.live_activity.user_id_loader(lambda data: user_id)
    with pytest.raises(ConfigurationError, match=r"@live_activity\.user_id_loader"):
        host.register()
    assert host.sessions() == []


def test_a_dictionary_as_identity_is_refused_too(
    make_host: Make, caplog: pytest.LogCaptureFixture
) -> None:
    host = make_host(JWT_IDENTITY_CLAIM="identity")
    response = register_with(host, f"Bearer {signed(identity={'id': 7, 'role': 'fan'})}")
    assert_failure(response, 500)
    assert "and is a dict. Say which part of the token" in caplog.text
    assert host.sessions() == []


AN_ID = "65f00000-0000-4000-8000-0000000000ab"


@pytest.mark.parametrize(
    ("user_id", "kept"),
    [(7, "7"), (uuid.UUID(AN_ID), AN_ID), (ObjectId(STREAM), STREAM), ("007", "007")],
    ids=["number", "UUID", "ObjectId", "string"],
)
def test_what_has_one_form_is_a_user_id_and_released_by_it(
    memory_host: Host, user_id: object, kept: str
) -> None:
    memory_host.live_activity.user_id_loader(lambda data: user_id)
    memory_host.register()
    assert [session.user_id for session in memory_host.sessions()] == [kept]
    with memory_host.app.app_context():
        assert memory_host.live_activity.release(user_id, BODY["deviceId"]) == 1


@pytest.mark.parametrize("user_id", [{"id": 7}, True, None])
def test_no_other_is_released_or_forgotten(memory_host: Host, user_id: object) -> None:
    with memory_host.app.app_context():
        with pytest.raises(TypeError, match="a user id must be a string"):
            memory_host.live_activity.release(user_id, "iphone")
        with pytest.raises(TypeError, match="a user id must be a string"):
            memory_host.live_activity.forget_user(user_id)


# --- what verification needs ----------------------------------------------------------------------


def keys_at(url: str) -> Callable[[dict[str, Any], dict[str, Any]], Any]:
    client = pyjwt.PyJWKClient(url, timeout=0.5)
    return lambda header, data: client.get_signing_key(header.get("kid", "a-key")).key


class KeyServer:
    """What is behind the URL of a JWKS: the body that it answers with, and the status."""

    def __init__(self) -> None:
        self.body, self.status = b'{"keys": []}', 200
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(server.status)
                self.end_headers()
                self.wfile.write(server.body)

            def log_message(self, *_: object) -> None:
                pass

        self._http = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/jwks?secret=hunter2"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    server = KeyServer()
    yield server
    server.close()


def test_keys_that_cannot_be_reached_are_a_503_that_is_logged(
    memory_host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    # Nobody listens at port 9.
    url = "http://127.0.0.1:9/jwks?secret=hunter2"
    memory_host.jwt.decode_key_loader(keys_at(url))
    assert_failure(memory_host.register(), 503)
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "PyJWKClientConnectionError" in record.getMessage()
    assert "hunter2" not in caplog.text
    assert memory_host.sessions() == []


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b""), (404, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"keys": []}'),
     (200, b'{"keys": 7}'), (200, b"")],
)  # fmt: skip
def test_keys_that_are_none_are_a_503(
    memory_host: Host, key_server: KeyServer, status: int, body: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    key_server.status, key_server.body = status, body
    memory_host.jwt.decode_key_loader(keys_at(key_server.url))
    assert_failure(memory_host.register(), 503)
    assert "hunter2" not in caplog.text


def test_a_token_of_a_key_that_is_not_among_the_keys_is_a_401(
    memory_host: Host, key_server: KeyServer
) -> None:
    key = {"kty": "oct", "kid": "another", "k": b64(b"k" * 32), "alg": "HS256", "use": "sig"}
    key_server.body = json.dumps({"keys": [key]}).encode()
    memory_host.jwt.decode_key_loader(keys_at(key_server.url))
    assert_failure(memory_host.register(), 401)


def test_a_network_underneath_an_error_of_the_hosts_is_a_503(memory_host: Host) -> None:
    def load(header: object, data: object) -> str:
        try:
            raise ConnectionRefusedError(111, "refused")
        except OSError as error:
            raise pyjwt.InvalidTokenError("no key for it") from error

    memory_host.jwt.decode_key_loader(load)
    assert_failure(memory_host.register(), 503)
