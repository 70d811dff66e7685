"""Connections of an engine, and when they are of no use any more.

A server may change its mind about a connection: it was restarted, it has become a standby, it has
ended who was quiet for too long. What waits in the pool is then as useless as the connection that
found it out, so SQLAlchemy is told to throw all of them away, as it does with those that it knows
to be closed: each one that is older than the discovery is opened anew before it is used again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.pool import AssertionPool, Pool, SingletonThreadPool, StaticPool

# Pools that give one connection to several users of a thread or of the process.
_SHARING = (StaticPool, SingletonThreadPool, AssertionPool)

# The execution option that tells our connections from the host's on the same engine.
_IS_USELESS = "live_activity_is_useless"


# Execution options of a host who reads; PostgreSQL refuses them to who writes.
_FOR_READING: Mapping[str, object] = {
    "stream_results": False,
    "yield_per": None,
    "postgresql_readonly": False,
    "postgresql_deferrable": False,
}


def objection_to_pool(pool: Pool) -> str | None:
    """What is said against a pool; ``None`` where we have connections of our own from it."""
    if not isinstance(pool, _SHARING):
        return None
    return (
        f"a {type(pool).__name__} has one connection for you and for us, and our commits would "
        "commit what you have begun. Give us another engine, with SQLAlchemy's default pool and a "
        "file or a server behind it; for tests LIVE_ACTIVITY_STORAGE_URI = 'memory://'"
    )


def adopt(engine: Engine, is_useless: Callable[[BaseException], bool]) -> Engine:
    """An engine of our own manners over the host's pool; the host's engine is not changed.

    Args:
        engine: The host's.
        is_useless: Whether the connection that this error came from would go on to fail where a new
            one need not.
    """
    theirs = engine.get_execution_options()
    writing = {name: value for name, value in _FOR_READING.items() if name in theirs}
    ours = engine.execution_options(**{_IS_USELESS: is_useless, **writing})
    # An error that reaches a log must not carry the tokens among its parameters.
    ours.hide_parameters = True
    event.listen(engine, "handle_error", _throw_away)  # once, however often it is said
    return ours


def _throw_away(context: ExceptionContext) -> None:
    if context.connection is None:  # it could not be opened
        return
    is_useless = context.connection.get_execution_options().get(_IS_USELESS)
    if is_useless is not None and is_useless(context.original_exception):
        context.is_disconnect = True
        # SQLAlchemy leaves the cursor to the collector then, and SQLite has the file open until
        # it is gone.
        cursor = getattr(context.execution_context, "cursor", None)
        if cursor is not None:
            with contextlib.suppress(context.dialect.loaded_dbapi.Error):
                cursor.close()


@contextlib.contextmanager
def connected(engine: Engine, isolation_level: str) -> Iterator[Connection]:
    """A connection that waited in the pool, or a new one."""
    with engine.connect() as connection:
        try:
            connection.execution_options(isolation_level=isolation_level)
        except engine.dialect.loaded_dbapi.Error:
            # Some drivers ask the server. SQLAlchemy does not look at an error of theirs here, but
            # does at one of this.
            connection.exec_driver_sql("SELECT 1")
            raise
        yield connection
