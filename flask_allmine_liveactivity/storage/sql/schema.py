"""What there is of our tables in a database, and whether it can be used or made so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Inspector, Table, inspect, select

from flask_allmine_liveactivity.errors import SchemaUnusable, StorageUnavailable
from flask_allmine_liveactivity.storage.base import PREPARE
from flask_allmine_liveactivity.storage.sql.schema_version import WANTED, SchemaVersion
from flask_allmine_liveactivity.storage.sql.tables import metadata, schema_version

# Columns that came after revision 1: those that an upgrade adds to a table that is there.
LATER = frozenset(
    {
        *(
            f"live_activity_events.{name}"
            for name in (
                "announced_at",
                "priority",
                "source",
                "told_at",
                "check_at",
                "countdown",
                "countdown_expires_at",
                "found_state",
                "found_at",
                "silent_since",
            )
        ),
        "live_activity_sessions.environment",
        "live_activity_sessions.refused",
    }
)

_OURS = tuple(table for table in metadata.sorted_tables if table.name != schema_version.name)


@dataclass(frozen=True, slots=True)
class Schema:
    """What was found."""

    written: tuple[str, ...] = ()
    """What the version table says; nothing, where it is empty or not there."""
    tables: Collection[str] = ()
    """Our tables that are there, the version table not among them."""
    columns: Collection[str] = ()
    """Columns of theirs that we need and are not there, as ``table.column``."""

    @property
    def version(self) -> SchemaVersion | None:
        """The version that is written down; ``None``: none is."""
        return SchemaVersion.read(self.written[0]) if len(self.written) == 1 else None

    @property
    def is_whole(self) -> bool:
        """Whether all tables and columns that we need are there."""
        return len(self.tables) == len(_OURS) and not self.columns

    @property
    def has_lost_something(self) -> bool:
        """Whether what the written version has made is not there any more."""
        version = self.version
        lost_table = len(self.tables) < len(_OURS)
        lost_column = bool(self.columns) and version is not None and version.number >= WANTED.number
        return version is not None and (lost_table or lost_column)

    @property
    def is_ready(self) -> bool:
        """Whether it can be used as it is."""
        version = self.version
        return self.is_whole and version is not None and version.number >= WANTED.number

    def require_version(self) -> None:
        """Raise ``SchemaUnusable`` where the version is none that we can use, or upgrade from."""
        version = self.version
        if self.written and version is None:
            raise SchemaUnusable(
                f"The table {schema_version.name} says {', '.join(map(repr, self.written))}, which "
                "is no version of ours. Where somebody has changed it by hand, delete what is in "
                f"it and run {PREPARE}: the tables are looked at, and their rows stay."
            )
        if version is not None and version.oldest > WANTED.number:
            raise SchemaUnusable(
                f"The database has version {version.number} of the tables, and this "
                f"flask-allmine-liveactivity, which was made for version {WANTED.number}, cannot "
                "use it. Install the newer one here, too; `flask live-activity check` says which "
                "version stands."
            )
        if version is not None and version.number > WANTED.number and not self.is_whole:
            raise SchemaUnusable(
                f"Of version {version.number} of the tables something is not there that we need. "
                f"Run {PREPARE} of the newer flask-allmine-liveactivity, which knows that version."
            )

    def require_columns(self) -> None:
        """Raise ``SchemaUnusable`` where a table is there that no step of ours has made."""
        if strange := set(self.columns) - LATER:
            table, _, column = min(strange).partition(".")
            raise SchemaUnusable(
                f"The table {table} has no column {column}: it is not as any version of ours has "
                f"made it. Rename or drop it, then run {PREPARE}, which makes it anew."
            )

    def __str__(self) -> str:
        wanted = f"version {WANTED.number} is wanted"
        if not self.tables:
            return f"there are no tables, and {wanted}"
        if self.version is None:
            return f"the tables stand without a version, and {wanted}"
        lost = ", of which something is missing" if self.has_lost_something else ""
        return f"version {self.version.number} of the tables stands{lost}, and {wanted}"


def look(connection: Connection) -> Schema:
    """See what there is. Makes nothing.

    Raises:
        StorageUnavailable: A table of ours was made without what makes it unique.
        SchemaUnusable: It is none that we can use, or make so.
    """
    inspector, within = inspect(connection), within_schema(connection)
    names = [table.name for table in (*_OURS, schema_version)]
    found = {
        name: {column["name"] for column in columns}
        for (_, name), columns in inspector.get_multi_columns(
            schema=within, filter_names=names
        ).items()
        if columns
    }
    there = [table for table in _OURS if table.name in found]
    written: tuple[str, ...] = ()
    if schema_version.name in found:
        written = tuple(connection.scalars(select(schema_version.c.version_num)))
    schema = Schema(
        written,
        [table.name for table in there],
        [
            f"{table.name}.{column.name}"
            for table in there
            for column in table.columns
            if column.name not in found[table.name]
        ],
    )
    schema.require_version()
    _require_uniqueness(inspector, there, within)
    schema.require_columns()
    return schema


def within_schema(connection: Connection) -> str | None:
    """The database's schema into which the host translates our tables; ``None``: the default."""
    translated: Mapping[str | None, str | None] = (
        connection.get_execution_options().get("schema_translate_map") or {}
    )
    return translated.get(None)


def _require_uniqueness(
    inspector: Inspector, tables: Collection[Table], within: str | None
) -> None:
    """By hand, by a migration that somebody has changed, or by a restore without its constraints
    a table may have been made without."""
    for table in tables:
        wanted = {c.name for c in table.columns if c.unique or c.primary_key}
        if missing := wanted - _unique_columns(inspector, table, within):
            column = min(missing)
            raise StorageUnavailable(
                f"The table {table.name} does not keep {column} unique, and two users could have "
                f"one token. Where no two rows share one, ALTER TABLE {table.name} ADD UNIQUE "
                f"({column}); or drop the table, which is made anew."
            )


def _unique_columns(inspector: Inspector, table: Table, within: str | None) -> set[str | None]:
    keys = [inspector.get_pk_constraint(table.name, within)["constrained_columns"]]
    keys += [key["column_names"] for key in inspector.get_unique_constraints(table.name, within)]
    keys += [
        [name for name in index["column_names"] if name is not None]
        for index in inspector.get_indexes(table.name, within)
        if index["unique"]
    ]
    return {key[0] for key in keys if len(key) == 1}
