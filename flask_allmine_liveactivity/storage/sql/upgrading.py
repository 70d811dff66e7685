"""Runs the steps between the version of the tables that stands and the one that is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete

from flask_allmine_liveactivity.storage.sql.schema import Schema, within_schema
from flask_allmine_liveactivity.storage.sql.tables import schema_version

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationStep
    from alembic.script import ScriptDirectory

SCRIPTS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, schema: Schema) -> None:
    """Make the tables, or bring them up to the wanted version; no row is lost.

    Tables without a version are looked at by the steps themselves, which leave what is there: so
    those of before there were versions are taken over, and so are a host's own migration's.

    Args:
        connection: In a transaction, while nobody else upgrades.
        schema: What was found in it.
    """
    # Here, since most processes find everything made.
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    if schema.has_lost_something:
        connection.execute(delete(schema_version))  # from the first step on: each looks itself
    scripts = ScriptDirectory(str(SCRIPTS))
    within = within_schema(connection)
    context = MigrationContext.configure(
        connection,
        opts={
            "version_table": schema_version.name,
            "version_table_schema": within,
            "fn": lambda current, _: _steps(scripts, current),
        },
    )
    # Neither `alembic.command` nor its environment: what they put into the module `alembic.context`
    # is one for the process, and may be the host's, whose migration has called us.
    context.run_migrations(op=Operations(context), schema=within)


def _steps(scripts: ScriptDirectory, current: tuple[str, ...]) -> Iterable[MigrationStep]:
    from alembic.runtime.migration import MigrationStep

    missing = list(scripts.iterate_revisions("head", current or "base"))
    return [
        MigrationStep.upgrade_from_script(scripts.revision_map, script)
        for script in reversed(missing)
    ]
