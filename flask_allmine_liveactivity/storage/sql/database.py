"""What each database needs said differently: transactions, claims, plain inserts, locks.

Here what PostgreSQL needs, and the manners that all share. Each rule was learned by trying.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    URL,
    BigInteger,
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

from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model import Session
from flask_allmine_liveactivity.storage.sql import patience
from flask_allmine_liveactivity.storage.sql.active_rows import active_row
from flask_allmine_liveactivity.storage.sql.connections import connected
from flask_allmine_liveactivity.storage.sql.rows import (
    if_there_is_room,
    session_row,
    sessions_own,
)
from flask_allmine_liveactivity.storage.sql.tables import active_sessions, sessions

# The parameter that many values are given by.
THESE = "these"

# invalid_sql_statement_name, duplicate_prepared_statement: another server stands behind the pooler.
# "cached plan must not change result type": somebody has altered a table.
# read_only_sql_transaction: it has become a standby, or its administrator wants no writes.
_USELESS = frozenset({"26000", "42P05", "0A000", "25006"})
# connection_exception; operator_intervention, but for query_canceled.
_USELESS_CLASSES = ("08", "57P")

# Where a new connection takes no writes either.
READ_ONLY = (
    " This server takes no writes: name the one that does in LIVE_ACTIVITY_STORAGE_URI, or wait "
    "until it has taken over."
)
# Where an account may not do what we do.
MAY_NOT = (
    " Where it is the tables that it may not make, make them as one that may: "
    "`flask live-activity prepare`."
)

_ENCODINGS = {
    "server_encoding": "name a database in LIVE_ACTIVITY_STORAGE_URI that was made by "
    "CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8'.",
    "client_encoding": "create the engine with connect_args={'client_encoding': 'utf8'}.",
}

# How long to wait for a table to alter it, in seconds: others wait meanwhile. Then it is tried
# again.
ALTER_TIMEOUT = 2

Changing = Callable[[Connection, Mapping[str, Any]], Sequence[str]]
"""Executes what was built with these parameters, and returns the ids of the rows it has changed."""


class Database:
    """PostgreSQL, and the manners that all share."""

    at_once = 10_000
    """How many sessions are claimed or settled in one transaction, at most."""
    under_way = 80
    """No more registrations of one user than this are ever under way at once. While he has so many
    rows to spare each may go its quickest way: together they do not exceed the bound."""
    commits_by_itself = True
    """Whether a single statement is sent without a transaction around it.

    To begin one and to commit it are two more answers to wait for, and beside a fan-out each may
    wait for a processor.
    """

    isolation_level = "READ COMMITTED"
    """Of a transaction: on a higher level an earlier read would hide what others have committed."""

    @contextlib.contextmanager
    def transaction(self, engine: Engine, *, durable: bool = True) -> Iterator[Connection]:
        """A transaction to write in.

        Not `durable`: a commit need not have reached the disk. Right for what a crash of the
        machine may undo: a claim or settlement that is lost means a push sent twice, no more.
        """
        with connected(engine, self.isolation_level) as connection, connection.begin():
            if not durable:
                self.before_locking(connection, synchronous_commit="off")
            yield connection

    @contextlib.contextmanager
    def transaction_of(self, engine: Engine, *, user_id: str) -> Iterator[Connection]:
        """A transaction to write in, after those of the same user that were begun before."""
        with self.transaction(engine) as connection:
            self.before_locking(connection)
            # Of the transaction, so that a pooler may stand in between.
            connection.execute(select(func.pg_advisory_xact_lock(lock_number(user_id))))
            yield connection

    @contextlib.contextmanager
    def preparing(self, engine: Engine) -> Iterator[Connection]:
        """A transaction to make and alter tables in, after those of others who do."""
        with self.transaction(engine) as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(7413269204511)"))
            # Whoever uses a table waits behind one who waits to alter it: while a backup reads for
            # an hour nobody could register.
            self.before_locking(connection, lock_timeout=f"{ALTER_TIMEOUT}s")
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
        alone = "AUTOCOMMIT" if self.commits_by_itself else self.isolation_level
        with connected(engine, alone) as connection:
            yield connection

    def writing_once(
        self, engine: Engine, *, durable: bool = True
    ) -> AbstractContextManager[Connection]:
        """A connection for one writing statement, or one ``insert_unless_taken``."""
        if self.commits_by_itself:
            return self.reading(engine)
        return self.transaction(engine, durable=durable)

    def is_passing(self, error: DBAPIError) -> bool:
        """Whether the same transaction may succeed when it is run again at once."""
        # serialization_failure, deadlock_detected, lock_not_available
        return _sqlstate(error.orig) in ("40001", "40P01", "55P03")

    def is_useless(self, error: BaseException) -> bool:
        """Whether the connection of this error would go on to fail where a new one need not.

        Beside those that SQLAlchemy knows to be closed.
        """
        code = _sqlstate(error)
        return code in _USELESS or code.startswith(_USELESS_CLASSES)

    def is_of_another_schema(self, error: DBAPIError) -> bool:
        """Whether a table or a column of ours is not there."""
        return _sqlstate(error.orig) in ("42P01", "42703")  # undefined_table, undefined_column

    def remedy(self, error: DBAPIError) -> str:
        """What a reader of the error may not know."""
        code = _sqlstate(error.orig)
        if code in ("42501", "3F000"):  # insufficient_privilege, invalid_schema_name
            return MAY_NOT
        return READ_ONLY if code == "25006" else ""

    def is_there(self, url: URL) -> bool:
        """Whether to connect makes nothing."""
        return True

    def require_every_character(self, connection: Connection) -> None:
        """Raise ``ConfigurationError`` where some characters of an id cannot be kept."""
        for name, remedy in _ENCODINGS.items():
            encoding = connection.scalar(select(func.current_setting(name)))
            if encoding != "UTF8":
                raise ConfigurationError(
                    f"PostgreSQL's {name} is {encoding}, which has not every character that a "
                    f"user's or a device's id may have: {remedy}"
                )

    def insert_unless_taken(
        self, connection: Connection, session: Session, *, at_most: int | None = None
    ) -> bool:
        """Insert a session, or learn that one of its unique values is taken, or that its user is
        too near the bound of `at_most` rows to go this way."""
        fewer_than = None if at_most is None else at_most - self.under_way
        if fewer_than is not None and fewer_than <= 0:
            return False
        return self._insert(connection, session, fewer_than)

    def _insert(self, connection: Connection, session: Session, fewer_than: int | None) -> bool:
        waits = active_row(session)
        bounded = fewer_than is not None
        row = {**session_row(session), **(waits or {})}
        if bounded:
            # Shared: whoever counts before he decides waits for those who are under way.
            row |= {"fewer_than": fewer_than, "turn": lock_number(session.user_id or "")}
        statement = _insert_who_waits(bounded) if waits else _insert_who_does_not(bounded)
        # RETURNING says whether; the row count of an INSERT is -1 on PostgreSQL.
        return connection.execute(statement, row).first() is not None

    def updating(self, where: ColumnElement[bool], values: Mapping[str, Any]) -> Changing:
        """Updates sessions."""
        statement = update(sessions).where(where).values(values).returning(sessions.c.session_id)
        return lambda connection, given: connection.scalars(statement, given).all()

    def among(
        self, column: ColumnElement[str], values: Sequence[str] | None = None, name: str = THESE
    ) -> ColumnElement[bool]:
        """That `column` is one of many `values`, or of those that ``these`` gives by that name when
        it is executed.

        They are passed as one text: a thousand parameters, or an array of them, take the driver
        longer than the database takes to find the rows.
        """
        one_by_one = func.json_array_elements_text(cast(as_text(values, name), JSON))
        return column == any_(func.array(select(one_by_one).scalar_subquery()))

    def these(self, values: Sequence[str], name: str = THESE) -> dict[str, Any]:
        """The parameter of ``among``."""
        return {name: json.dumps(values)}

    def claiming(self, claimable: Select[Any], taken: Mapping[str, Any]) -> Changing:
        """Updates the active sessions that `claimable` selects, without waiting for locked ones."""
        # By their place in the table, where they are locked already: their ids would be looked up.
        place: ColumnElement[Any] = literal_column("ctid")
        chosen: Select[Any] = claimable.with_only_columns(place, maintain_column_froms=True)
        locked = func.array(chosen.with_for_update(skip_locked=True).scalar_subquery())
        return claims(place == any_(locked), taken)


def _sqlstate(error: object) -> str:
    for name in ("sqlstate", "pgcode"):  # psycopg, psycopg2
        if code := getattr(error, name, None):
            return str(code)
    return ""


def lock_number(user_id: str) -> int:
    """A user's number among the advisory locks, which the host's own share: 63 bits."""
    name = f"flask_allmine_liveactivity.user:{user_id}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1


def as_text(values: Sequence[str] | None, name: str) -> BindParameter[str]:
    """Many values as one parameter; ``None``: those that ``these`` gives by that name later."""
    return bindparam(name, type_=Text) if values is None else literal(json.dumps(values), Text)


def claims(where: ColumnElement[bool], taken: Mapping[str, Any]) -> Changing:
    """Updates the rows of active sessions of which this is so, in one statement."""
    statement = (
        update(active_sessions).where(where).values(taken).returning(active_sessions.c.session_id)
    )
    return lambda connection, given: connection.scalars(statement, given).all()


@cache  # To build it anew for each registration takes longer than the server does.
def _insert_who_waits(bounded: bool) -> Select[Any]:
    """Into both tables, in one statement: the server never waits for us while it holds locks."""
    values = {
        column.key: bindparam(column.key, type_=column.type)
        for column in (*sessions.c, *active_sessions.c)
    }
    inserted = _insert_who_does_not(bounded)
    new = (inserted if bounded else inserted.values(sessions_own(values))).cte("new")
    row = [values[column.key] for column in active_sessions.c]
    entered = insert(active_sessions).from_select(
        active_sessions.c.keys(), select(*row).select_from(new)
    )
    return select(new.c.session_id).add_cte(entered.cte("entered"))


@cache
def _insert_who_does_not(bounded: bool) -> ReturningInsert[Any]:
    inserted = postgresql.insert(sessions)
    if bounded:
        turn = func.pg_try_advisory_xact_lock_shared(bindparam("turn", type_=BigInteger))
        inserted = inserted.from_select(sessions.c.keys(), if_there_is_room(turn))
    return inserted.on_conflict_do_nothing().returning(sessions.c.session_id)
