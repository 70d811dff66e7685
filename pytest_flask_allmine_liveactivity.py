"""Fixtures for the tests of those who use flask-allmine-liveactivity.

It stands beside the package, not in it: pytest imports it in every run of everybody who has
installed us, and importing the package would bring Flask with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from flask_allmine_liveactivity.simulator import LocalApns
    from flask_allmine_liveactivity.simulator.phones import Phones
    from flask_allmine_liveactivity.testing import Outbox


@pytest.fixture
def live_activity_outbox(request: pytest.FixtureRequest) -> Iterator[Outbox]:
    """The pushes of your `app`, caught in memory: see flask_allmine_liveactivity.testing.

    It needs a fixture ``app`` that gives your Flask app, as pytest-flask knows it.
    """
    from flask_allmine_liveactivity.testing import capture_pushes

    try:
        app = request.getfixturevalue("app")
    except pytest.FixtureLookupError as error:
        if error.argname != "app":
            raise
        pytest.fail(
            "live_activity_outbox needs a fixture `app` that gives your Flask app:\n\n"
            "    @pytest.fixture\n"
            "    def app():\n"
            "        return create_app()",
            pytrace=False,
        )
    with capture_pushes(app) as outbox:
        yield outbox


class _Simulator(NamedTuple):
    apns: LocalApns
    phones: Phones


@pytest.fixture
def _live_activity_simulator() -> Iterator[_Simulator]:
    if find_spec("h2") is None:
        pytest.fail(
            'the local APNs needs h2: pip install "flask-allmine-liveactivity[simulator]"',
            pytrace=False,
        )
    from flask_allmine_liveactivity.simulator import LocalApns
    from flask_allmine_liveactivity.simulator.phones import Phones

    phones = Phones()
    with LocalApns(bundle_id=phones.bundle_id, devices=phones) as apns:
        yield _Simulator(apns, phones)


@pytest.fixture
def local_apns(_live_activity_simulator: _Simulator) -> LocalApns:
    """Apple's push server, on this machine and started: needs the extra ``simulator``.

    Let your fixture ``app`` take it, and make the app with ``local_apns.settings``. The phones of
    ``live_activity_phones`` are behind it.
    """
    return _live_activity_simulator.apns


@pytest.fixture
def live_activity_phones(_live_activity_simulator: _Simulator) -> Phones:
    """iPhones behind ``local_apns``, none at first: needs the extra ``simulator``."""
    return _live_activity_simulator.phones
