"""The SQL tables beside the records that they hold."""

from dataclasses import fields

from flask_allmine_liveactivity.model import Session
from flask_allmine_liveactivity.storage.sql import active_sessions, sessions


def test_the_columns_of_a_session_are_its_fields_in_their_order() -> None:
    # Rows become sessions by position.
    assert [field.name for field in fields(Session)] == [
        *sessions.c.keys(),
        "claim_id",
        "leased_until",
    ]


def test_the_columns_of_one_who_waits_are_fields_too() -> None:
    assert set(active_sessions.c.keys()) < {field.name for field in fields(Session)}
