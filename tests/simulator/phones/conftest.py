"""A phone on the desk."""

from __future__ import annotations

import pytest

from flask_allmine_liveactivity.simulator.phones import Activity, Phone, Phones

from .desk import STREAM, Apple, Clock, Host


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def phones(clock: Clock) -> Phones:
    return Phones(clock=clock)


@pytest.fixture
def apple(phones: Phones, clock: Clock) -> Apple:
    return Apple(phones, clock)


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def phone(phones: Phones, host: Host) -> Phone:
    """Ada's, logged in."""
    phone = phones.add("Ada's iPhone")
    host.log_in(phone)
    return phone


@pytest.fixture
def activity(phone: Phone) -> Activity:
    return phone.follow(STREAM, content_state={"status": "soon"})
