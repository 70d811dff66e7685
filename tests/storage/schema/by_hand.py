"""The version of a database's tables: looked at and changed by hand."""

from __future__ import annotations

from sqlalchemy import Engine, inspect, text

OF_EVENTS = "live_activity_events"


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def write_version(engine: Engine, version: str) -> None:
    run(engine, f"UPDATE live_activity_schema SET version_num = '{version}'")


def versions(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT version_num FROM live_activity_schema")))


def columns(engine: Engine, table: str) -> set[str]:
    return {column["name"] for column in inspect(engine).get_columns(table)}
