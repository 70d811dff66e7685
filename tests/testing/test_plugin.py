"""The pytest plugin, as somebody who has installed the package meets it."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PLUGIN = "pytest_flask_allmine_liveactivity"
ROOT = str(Path(__file__).parents[2])

HOST = """
import pytest
from flask import Flask
from flask_allmine_liveactivity import LiveActivity, notify_stream_state

STREAM = "65f000000000000000000001"

def create_app(**config):
    app = Flask("host")
    app.config.update(LIVE_ACTIVITY_PUSH="console", LIVE_ACTIVITY_ALLOW_ANY_STREAM=True)
    app.config.update(config)
    LiveActivity(app)
    return app
"""


@pytest.fixture
def host(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of its own, in which warnings are errors."""
    path = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([ROOT, path] if path else [ROOT]))
    pytester.makeini("[pytest]\nfilterwarnings = error")
    pytester.makepyfile(host=HOST)
    return pytester


def run(host: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return host.runpytest_subprocess("-p", PLUGIN, "-p", "no:cacheprovider", *arguments)


def test_pytest_finds_it_by_itself() -> None:
    found = importlib.metadata.entry_points(group="pytest11")
    assert {point.value for point in found if point.name == PLUGIN} == {PLUGIN}, (
        "install the package anew: its entry points have changed"
    )


def test_importing_it_loads_neither_the_package_nor_what_it_uses() -> None:
    code = (
        f"import pytest, sys; before = set(sys.modules); import {PLUGIN};"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [PLUGIN]


def test_its_fixtures_are_listed_with_what_they_are_for(host: pytest.Pytester) -> None:
    run(host, "--fixtures").stdout.fnmatch_lines_random(
        [
            "live_activity_outbox *",
            "    The pushes of your `app`*",
            "local_apns *",
            "    Apple's push server*",
            "live_activity_phones *",
            "    iPhones behind*",
        ]
    )


def test_the_outbox_catches_the_pushes_of_the_hosts_app(host: pytest.Pytester) -> None:
    host.makepyfile(
        """
        import pytest
        from host import STREAM, create_app
        from flask_allmine_liveactivity import notify_stream_state

        @pytest.fixture
        def app():
            return create_app()

        def test_one(app, live_activity_outbox):
            token = live_activity_outbox.register(STREAM)
            with app.app_context():
                notify_stream_state(STREAM, "ready")
            assert [push.token for push in live_activity_outbox] == [token]

        def test_each_test_has_its_own(live_activity_outbox):
            assert len(live_activity_outbox) == 0
        """
    )
    run(host).assert_outcomes(passed=2)


def test_without_an_app_it_says_what_is_missing(host: pytest.Pytester) -> None:
    host.makepyfile("def test_one(live_activity_outbox): pass")
    result = run(host)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*live_activity_outbox needs a fixture `app`*"])


def test_what_the_hosts_own_app_fixture_lacks_is_said_by_pytest(host: pytest.Pytester) -> None:
    host.makepyfile(
        """
        import pytest

        @pytest.fixture
        def app(databse):
            pass

        def test_one(live_activity_outbox): pass
        """
    )
    result = run(host)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'databse' not found*"])


def test_a_local_apns_is_started_for_the_test(host: pytest.Pytester) -> None:
    pytest.importorskip("h2", reason='pip install "flask-allmine-liveactivity[simulator]"')
    host.makepyfile(
        """
        import pytest
        from host import STREAM, create_app
        from flask_allmine_liveactivity import notify_stream_state
        from flask_allmine_liveactivity.app.installation import installed_on

        @pytest.fixture
        def app(local_apns):
            app = create_app(
                **local_apns.settings,
                LIVE_ACTIVITY_STORAGE_URI="memory://",
                LIVE_ACTIVITY_DELIVERY="inline",
            )
            yield app
            installed_on(app).close()

        def test_one(app, local_apns):
            with app.app_context():
                installed_on(app).register(
                    user_id="ada", stream_id=STREAM, device_id="d", activity_id="a", token="ab" * 80
                )
                notify_stream_state(STREAM, "ready")
            [push] = local_apns.wait_for(1)
            assert (push.token, push.event) == ("ab" * 80, "end")
        """
    )
    run(host).assert_outcomes(passed=1)


def test_phones_are_behind_that_very_apns(host: pytest.Pytester) -> None:
    pytest.importorskip("h2", reason='pip install "flask-allmine-liveactivity[simulator]"')
    host.makepyfile(
        """
        import pytest
        from flask import Flask
        from flask_jwt_extended import JWTManager, create_access_token
        from flask_allmine_liveactivity.app.installation import installed_on
        from flask_allmine_liveactivity.simulator.phones import WsgiBackend
        from host import STREAM, create_app
        from flask_allmine_liveactivity import notify_stream_state

        @pytest.fixture
        def app(local_apns):
            app = create_app(
                **local_apns.settings,
                JWT_SECRET_KEY="a secret of the tests, long enough for HS256",
                LIVE_ACTIVITY_STORAGE_URI="memory://",
                LIVE_ACTIVITY_DELIVERY="inline",
            )
            JWTManager(app)

            @app.post("/api/v1/login")
            def login():
                return {"accessToken": create_access_token("ada")}

            yield app
            installed_on(app).close()

        def test_one(app, live_activity_phones):
            phone = live_activity_phones.add("Ada's iPhone")
            phone.log_in(WsgiBackend(app), "ada", "lovelace")
            activity = phone.follow(STREAM, content_state={})
            assert phone.lock_screen == [activity]
            with app.app_context():
                notify_stream_state(STREAM, "cancelled")
            assert phone.lock_screen == []
        """
    )
    run(host).assert_outcomes(passed=1)


@pytest.mark.parametrize("fixture", ["local_apns", "live_activity_phones"])
def test_without_h2_it_says_what_to_install(host: pytest.Pytester, fixture: str) -> None:
    host.makeconftest("import sys; sys.modules['h2'] = None")
    host.makepyfile(f"def test_one({fixture}): pass")
    result = run(host)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['*pip install "flask-allmine-liveactivity?simulator?"*'])


def test_a_run_that_uses_none_of_its_fixtures_imports_nothing_of_us(host: pytest.Pytester) -> None:
    host.makepyfile(
        """
        import sys

        def test_one():
            assert not {"flask", "sqlalchemy", "flask_allmine_liveactivity"} & sys.modules.keys()
        """
    )
    run(host).assert_outcomes(passed=1)


def test_catching_pushes_needs_no_pytest() -> None:
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from flask_allmine_liveactivity.testing import capture_pushes, deliver_now"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
