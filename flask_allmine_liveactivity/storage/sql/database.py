"""What each database needs said differently: transactions, claims, plain inserts, locks.

Here what PostgreSQL needs, and the manners that all share. Each rule was learned by trying.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    Select,
    Text,
    any_,
    bindparam,
    cast,
    func,
    insert,
    literal,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import ReturningInsert

from flask_allmine_liveactivity.model import Session
from flask_allmine_liveactivity.storage.sql import patience
from flask_allmine_liveactivity.storage.sql.rows import session_row, sessions_own
from flask_allmine_liveactivity.storage.sql.tables import metadata, sessions, waiting
from flask_allmine_liveactivity.storage.sql.waiting import waiting_row

# The parameter that many values are given by.
THESE = "these"

Changing = Callable[[Connection, Mapping[str, Any]], Sequence[str]]
"""Executes what was built with these parameters, and returns the ids of the rows it has changed."""


class Database:
    """PostgreSQL, and the manners that all share."""

    at_once = 10_000
    """How many sessions are claimed or settled in one transaction, at most."""
    commits_by_itself = True
    """Whether a single statement is sent without a transaction around it.

    To begin one and to commit it are two more answers to wait for, and beside a fan-out each may
    wait for a processor.
    """

    def adopt(self, engine: Engine) -> Engine:
        """An engine of our own manners over the host's pool; the host's engine is not changed.

        READ COMMITTED: on a higher level an earlier read would hide what others have committed.
        """
        return engine.execution_options(isolation_level="READ COMMITTED")

    @contextlib.contextmanager
    def transaction(self, engine: Engine, *, durable: bool = True) -> Iterator[Connection]:
        """A transaction to write in.

        Not `durable`: a commit need not have reached the disk. Right for what a crash of the
        machine may undo: a claim or settlement that is lost means a push sent twice, no more.
        """
        with engine.begin() as connection:
            if not durable:
                self.before_locking(connection, synchronous_commit="off")
            yield connection

    def before_locking(self, connection: Connection, **settings: str) -> None:
        """Say how long the server waits for us while we hold locks, and other settings.

        For a transaction of more than one statement; for this one alone, since a pooler may give
        the connection to somebody else afterwards.
        """
        settings["idle_in_transaction_session_timeout"] = f"{patience.WAITS_FOR_US}s"
        connection.execute(
            select(*(func.set_config(name, value, True) for name, value in settings.items()))
        )

    @contextlib.contextmanager
    def reading(self, engine: Engine) -> Iterator[Connection]:
        """A connection to read from, one statement at a time."""
        with engine.connect() as connection:
            if self.commits_by_itself:
                connection.execution_options(isolation_level="AUTOCOMMIT")
            yield connection

    def writing_once(self, engine: Engine) -> AbstractContextManager[Connection]:
        """A connection for one writing statement, or one ``insert_unless_taken``."""
        return self.reading(engine) if self.commits_by_itself else self.transaction(engine)

    def is_passing(self, error: DBAPIError) -> bool:
        """Whether the same transaction may succeed when it is run again at once."""
        # serialization_failure, deadlock_detected
        return getattr(error.orig, "sqlstate", None) in ("40001", "40P01")

    def stays_so(self, error: Exception) -> bool:
        """Whether the connections that there are would go on to fail when all is well again."""
        return False

    def remedy(self, error: DBAPIError) -> str:
        """What a reader of the error may not know."""
        return ""

    def create_tables(self, connection: Connection) -> None:
        """``create_all`` under a lock: processes that race for it each find the tables."""
        connection.execute(text("SELECT pg_advisory_xact_lock(7413269204511)"))
        metadata.create_all(connection)

    def insert_unless_taken(self, connection: Connection, session: Session) -> bool:
        """Insert a session, or learn that one of its unique values is taken."""
        waits = waiting_row(session)
        statement = _insert_who_waits() if waits else _insert_who_does_not()
        row = {**session_row(session), **(waits or {})}
        # RETURNING says whether; the row count of an INSERT is -1 on PostgreSQL.
        return connection.execute(statement, row).first() is not None

    def updating(self, where: ColumnElement[bool], values: Mapping[str, Any]) -> Changing:
        """Updates sessions."""
        statement = update(sessions).where(where).values(values).returning(sessions.c.session_id)
        return lambda connection, given: connection.scalars(statement, given).all()

    def among(
        self, column: ColumnElement[str], values: Sequence[str] | None = None
    ) -> ColumnElement[bool]:
        """That `column` is one of many `values`, or of those that ``these`` gives when it is
        executed.

        They are passed as one text: a thousand parameters, or an array of them, take the driver
        longer than the database takes to find the rows.
        """
        one_by_one = func.json_array_elements_text(cast(as_text(values), JSON))
        return column == any_(func.array(select(one_by_one).scalar_subquery()))

    def these(self, values: Sequence[str]) -> dict[str, Any]:
        """The parameter of ``among``."""
        return {THESE: json.dumps(values)}

    def claiming(self, claimable: Select[Any], taken: Mapping[str, Any]) -> Changing:
        """Updates the waiting rows that `claimable` selects, without waiting for locked ones."""
        # By their place in the table, where they are locked already: their ids would be looked up.
        place: ColumnElement[Any] = literal_column("ctid")
        chosen: Select[Any] = claimable.with_only_columns(place, maintain_column_froms=True)
        locked = func.array(chosen.with_for_update(skip_locked=True).scalar_subquery())
        return claims(place == any_(locked), taken)


def as_text(values: Sequence[str] | None) -> BindParameter[str]:
    """Many values as one parameter; ``None``: those that ``these`` gives later."""
    return bindparam(THESE, type_=Text) if values is None else literal(json.dumps(values), Text)


def claims(where: ColumnElement[bool], taken: Mapping[str, Any]) -> Changing:
    """Updates the waiting rows of which this is so, in one statement."""
    statement = update(waiting).where(where).values(taken).returning(waiting.c.session_id)
    return lambda connection, given: connection.scalars(statement, given).all()


@cache  # To build it anew for each registration takes longer than the server does.
def _insert_who_waits() -> Select[Any]:
    """Into both tables, in one statement: the server never waits for us while it holds locks."""
    values = {
        column.name: bindparam(column.name, type_=column.type)
        for column in (*sessions.c, *waiting.c)
    }
    new = _insert_who_does_not().values(sessions_own(values)).cte("new")
    row = [values[column.name] for column in waiting.c]
    entered = insert(waiting).from_select(waiting.c.keys(), select(*row).select_from(new))
    return select(new.c.session_id).add_cte(entered.cte("entered"))


@cache
def _insert_who_does_not() -> ReturningInsert[Any]:
    return postgresql.insert(sessions).on_conflict_do_nothing().returning(sessions.c.session_id)
