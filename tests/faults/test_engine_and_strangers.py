"""Who is not Apple: an answer in HTTP/1 tells no phone, and what went wrong has its right name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from push.engine import engine, send_one

from flask_allmine_liveactivity.model import Verdict
from flask_allmine_liveactivity.push.apns.connection import NOT_HTTP2
from flask_allmine_liveactivity.simulator import LocalApns

from . import sick
from .apple import Front


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    with LocalApns(certificate_folder=tmp_path) as apns, Front(apns) as front:
        yield front


@pytest.mark.parametrize("status", [b"200 OK", b"403 Forbidden", b"410 Gone", b"502 Bad Gateway"])
@pytest.mark.parametrize("protocols", [(), ("http/1.1",)], ids=["silent", "says so"])
def test_an_answer_in_http1_is_none(
    front: Front, tmp_path: Path, status: bytes, protocols: tuple[str, ...]
) -> None:
    page = b"HTTP/1.1 " + status + b"\r\nContent-Length: 7\r\n\r\nBlocked"
    front.become(sick.over_tls(tmp_path, sick.says_in_http1(page), *protocols))
    with engine(front.apns, url=front.url) as push:
        result = send_one(push)
        assert (result.verdict, result.reason) == (Verdict.UNREACHABLE, NOT_HTTP2)
        front.recover()
        assert send_one(push).verdict is Verdict.DELIVERED


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (sick.talks_rubbish, "libcurl 16: http2"),
        (sick.resets_all, "libcurl 92: http2 stream"),
    ],
    ids=["rubbish", "reset"],
)
def test_the_reason_has_the_name_of_the_fault(
    front: Front, tmp_path: Path, talk: sick.OverTls, reason: str
) -> None:
    front.become(sick.over_tls(tmp_path, talk, "h2"))
    with engine(front.apns, url=front.url) as push:
        assert send_one(push).reason == reason


def test_a_connection_on_which_nothing_is_answered_is_not_used_again(
    front: Front, tmp_path: Path
) -> None:
    front.become(sick.over_tls(tmp_path, sick.resets_all, "h2"))
    with engine(front.apns, url=front.url) as push:
        assert send_one(push).verdict is Verdict.UNREACHABLE
        front.welcome(front.relay)
        assert send_one(push).verdict is Verdict.DELIVERED
