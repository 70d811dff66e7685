"""Whatever is sent: never a 500, never another shape, and nothing stored."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from flask_allmine_liveactivity.app.settings import URL_SAFE
from flask_allmine_liveactivity.model.canonical import STREAM_ID

from .host import BODY, PATH, Host, assert_failure, running

REFUSALS = (400, 401, 413, 415)

quick = settings(
    deadline=None, max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def strict_host() -> Iterator[tuple[Host, dict[str, str]]]:
    """A host, and the header of somebody who may register."""
    with running(Host()) as host:
        yield host, host.bearer()


def assert_refused(host: Host, response: TestResponse) -> None:
    assert response.status_code in REFUSALS
    assert_failure(response, response.status_code)
    assert host.sessions() == []


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(), max_size=40)
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@quick
@given(body=st.binary(max_size=400))
def test_any_bytes(strict_host, body: bytes) -> None:
    host, bearer = strict_host
    response = host.client.post(PATH, data=body, headers=bearer, content_type="application/json")
    assert_refused(host, response)


@quick
@given(document=documents)
def test_any_json(strict_host, document: Any) -> None:
    host, bearer = strict_host
    response = host.client.post(
        PATH, data=json.dumps(document), headers=bearer, content_type="application/json"
    )
    assert_refused(host, response)


def is_registrable(field: str, value: Any) -> bool:
    if not isinstance(value, str) or not value.strip():
        return False
    pattern = {"streamId": STREAM_ID, "liveActivityToken": URL_SAFE}.get(field)
    return pattern is None or pattern.fullmatch(value) is not None


@quick
@given(field=st.sampled_from(sorted(BODY)), value=documents, cut=st.integers(0, 400))
def test_a_registration_with_one_field_changed(
    strict_host, field: str, value: Any, cut: int
) -> None:
    host, bearer = strict_host
    if is_registrable(field, value):
        value = value + "\x00"
    body = json.dumps({**BODY, field: value})
    cut_off = body[:cut] if cut < len(body) else body
    response = host.client.post(PATH, data=cut_off, headers=bearer, content_type="application/json")
    assert_refused(host, response)


@quick
@given(
    body=st.binary(max_size=60) | st.just(json.dumps(BODY).encode()),
    headers=st.dictionaries(
        st.sampled_from(
            ["Content-Type", "Content-Encoding", "Accept", "X-Forwarded-For", "Cookie",
             "X-CSRF-TOKEN", "Range", "If-Match", "Expect", "Transfer-Encoding"]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
    ),
    length=st.none() | st.text("-+0123456789 ,.eE", max_size=8),
)  # fmt: skip
def test_any_headers_of_a_stranger(
    strict_host, body: bytes, headers: dict[str, str], length: str | None
) -> None:
    host, _ = strict_host
    environ: dict[str, Any] = {"wsgi.input": io.BytesIO(body)}
    if length is not None:
        environ["CONTENT_LENGTH"] = length
    response = host.client.post(PATH, headers=headers, environ_overrides=environ)
    assert_refused(host, response)


@quick
@given(
    content_type=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=80)
    | st.sampled_from(["application/json; charset=utf-16", "application/json;;", "text/json"]),
    body=st.binary(max_size=60),
    length=st.none() | st.text("-+0123456789 ", max_size=6),
)
def test_any_content_type_and_length(
    strict_host, content_type: str, body: bytes, length: str | None
) -> None:
    host, bearer = strict_host
    environ: dict[str, Any] = {"wsgi.input": io.BytesIO(body), "CONTENT_TYPE": content_type}
    if length is not None:
        environ["CONTENT_LENGTH"] = length
    response = host.client.post(PATH, headers=bearer, environ_overrides=environ)
    assert_refused(host, response)


@quick
@given(
    authorization=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=200)
    | st.text("eyJhbGciOiJ.-_ =", max_size=200).map(lambda token: f"Bearer {token}")
    | st.builds(
        lambda *parts: "Bearer " + ".".join(parts),
        *[st.binary(max_size=40).map(lambda raw: raw.hex())] * 3,
    )
)
def test_any_authorization(strict_host, authorization: str) -> None:
    host, _ = strict_host
    environ = {"HTTP_AUTHORIZATION": authorization}
    response = host.client.post(PATH, json=BODY, environ_overrides=environ)
    assert response.status_code == 401
    assert_refused(host, response)
