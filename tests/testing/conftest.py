"""A host of the README's kind, whose configuration reaches nothing, and its fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from .host import create_app


@pytest.fixture
def app() -> Iterator[Flask]:
    app = create_app()
    yield app
    app.extensions["live_activity"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def login(app: Flask) -> Any:
    """Headers of a user."""
    from flask_jwt_extended import create_access_token

    def headers(user: str = "ada") -> dict[str, str]:
        with app.app_context():
            return {"Authorization": f"Bearer {create_access_token(user)}"}

    return headers
