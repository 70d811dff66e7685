"""The SQL tables beside the records that they hold."""

from dataclasses import fields

from flask_allmine_liveactivity.model import Session
from flask_allmine_liveactivity.storage.sql import sessions


def test_the_columns_of_a_session_are_its_fields_in_their_order() -> None:
    # Rows become sessions by position.
    assert [field.name for field in fields(Session)] == sessions.c.keys()
