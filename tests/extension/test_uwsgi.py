"""uWSGI lets threads run, or we do not run under it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import services
from celery import Celery
from flask import Flask

from flask_allmine_liveactivity import ConfigurationError, LiveActivity, notify_stream_state
from flask_allmine_liveactivity.dispatch.thread import ThreadDispatch

from .apps import STREAM, TOKEN, Elsewhere, bare_app, installation, make_app, register, until
from .test_processes import ended, free_port, get

UWSGI = Path(sys.executable).with_name("uwsgi")

# As `uwsgi.opt` had them under uWSGI 2.0.24, without and with threads.
WITHOUT: list[dict[str, Any]] = [
    {},
    {"http-socket": b":8080", "wsgi-file": b"app.py"},
    {"master": True, "lazy-apps": True, "processes": b"4"},
    {"enable-threads": b"false"},
    {"enable-threads": b"0"},
]
WITH: list[dict[str, Any]] = [
    {"enable-threads": True},
    {"enable-threads": b"true"},
    {"enable-threads": b""},
    {"threads": b"2"},
    {"threads": b"1"},
    {"threads": b"2", "enable-threads": b"false"},
]


def under_uwsgi(monkeypatch: pytest.MonkeyPatch, **module: Any) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(**module))  # type: ignore[arg-type]


@pytest.mark.parametrize("options", WITHOUT, ids=str)
def test_without_threads_the_thread_is_refused(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    under_uwsgi(monkeypatch, opt=options)
    with pytest.raises(ConfigurationError, match="enable-threads") as refused:
        make_app(LIVE_ACTIVITY_DELIVERY="thread")
    assert "'worker'" in str(refused.value)


@pytest.mark.parametrize("options", WITH, ids=str)
def test_with_threads_it_is_not(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    under_uwsgi(monkeypatch, opt=options)
    make_app(LIVE_ACTIVITY_DELIVERY="thread")


def test_a_uwsgi_whose_threads_are_always_on_needs_no_option(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    under_uwsgi(monkeypatch, opt={}, has_threads=1)
    make_app(LIVE_ACTIVITY_DELIVERY="thread")


def test_what_uwsgi_says_itself_counts_more_than_its_options(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    under_uwsgi(monkeypatch, opt={"enable-threads": True}, has_threads=0)
    with pytest.raises(ConfigurationError, match="enable-threads"):
        make_app(LIVE_ACTIVITY_DELIVERY="thread")


@pytest.mark.parametrize("delivery", ["worker", "inline"])
def test_who_needs_no_thread_needs_no_threads(
    delivery: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_uwsgi(monkeypatch, opt={})
    make_app(LIVE_ACTIVITY_DELIVERY=delivery)


def test_messages_to_celery_need_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    under_uwsgi(monkeypatch, opt={})
    app = bare_app(
        LIVE_ACTIVITY_DELIVERY="celery",
        LIVE_ACTIVITY_PUSH="memory",
        LIVE_ACTIVITY_STORAGE_URI="mongodb://127.0.0.1:9/nowhere",
    )
    app.extensions["celery"] = Celery("host", set_as_current=False)
    with pytest.raises(ConfigurationError, match="enable-threads"):
        LiveActivity(app)


def test_a_thread_that_starts_later_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app that was made elsewhere, and is served by uWSGI."""
    app: Flask = make_app(LIVE_ACTIVITY_DELIVERY="thread")
    dispatch = installation(app).dispatch
    assert isinstance(dispatch, ThreadDispatch)
    under_uwsgi(monkeypatch, opt={})
    with pytest.raises(ConfigurationError, match="enable-threads"):
        dispatch.start()


def test_a_real_one_delivers(elsewhere: Elsewhere) -> None:
    services.require(UWSGI.exists(), "uWSGI", "pip install pyuwsgi")
    port = free_port()
    server = elsewhere.start(
        "-c", f"import os, sys; os.execv({str(UWSGI)!r}, sys.argv)",
        "--http-socket", f"127.0.0.1:{port}", "--module", "host_app:create_app()",
        "--master", "--need-app", "--die-on-term", "--enable-threads", "--pythonpath", ".",
        "--virtualenv", sys.prefix,
    )  # fmt: skip
    with ended(server):
        assert until(lambda: get(f"http://127.0.0.1:{port}/pid")), elsewhere.output
        app = elsewhere.app()
        assert register(app).status_code == 200
        with app.app_context():
            notify_stream_state(STREAM, "ready")
        installation(app).close()
        # No request comes any more: only a thread that runs by itself can find it.
        assert until(lambda: elsewhere.told == [TOKEN]), elsewhere.output
