"""A claim whose snapshot is older than another worker's claim takes nobody from him.

What a statement sees is from the moment of its beginning, and what it locks is from later.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import services
from faults.audience import until
from sqlalchemy import Connection, Engine, create_engine, event, text

from flask_allmine_liveactivity.model import NEVER, Session, StreamEvent, new_id
from flask_allmine_liveactivity.storage.sql import SQLStorage
from flask_allmine_liveactivity.storage.sql.batches import Batches
from flask_allmine_liveactivity.storage.sql.mariadb import MariaDB
from flask_allmine_liveactivity.storage.sql.pages import SessionPages
from flask_allmine_liveactivity.testing.storage_contract.actors import PATIENCE
from flask_allmine_liveactivity.testing.storage_contract.records import (
    LEASE,
    NOW,
    an_announcement,
    ids,
    keep_many,
    take,
    the_event,
)

GATE = 4711
POLICY = """
CREATE FUNCTION past_the_gate() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_advisory_lock_shared({gate});
    PERFORM pg_advisory_unlock_shared({gate});
    RETURN true;
END $$;
ALTER TABLE live_activity_waiting ENABLE ROW LEVEL SECURITY;
CREATE POLICY gate ON live_activity_waiting USING (past_the_gate());
CREATE ROLE {role};
GRANT ALL ON ALL TABLES IN SCHEMA public TO {role};
"""
AT_THE_GATE = "SELECT count(*) FROM pg_locks WHERE objid = :gate AND NOT granted"


def take_the_page(storage: SQLStorage) -> list[Session]:
    """Claim as for many small streams."""
    return storage.sessions.claim_each(
        [the_event(storage)], claim_id=new_id(), limit=100, now=NOW, leased_until=NOW + LEASE
    )


# --- PostgreSQL ------------------------------------------------------------------------------
#
# To come between the two, the rows are given a policy (row-level security) that waits for a lock
# of the test's.


@pytest.fixture
def storage() -> Iterator[SQLStorage]:
    with services.postgresql() as uri:
        storage = SQLStorage(create_engine(uri), owned=True)
        storage.prepare()
        yield storage
        storage.close()


@pytest.fixture
def gated(storage: SQLStorage) -> Iterator[SQLStorage]:
    """The same storage for a worker who sees a row only once the gate is open."""
    role = f"live_activity_test_{uuid.uuid4().hex}"
    with storage.engine.begin() as connection:
        connection.exec_driver_sql(POLICY.format(gate=GATE, role=role))
    engine = create_engine(storage.engine.url)

    def become(connection: Any, _: object) -> None:
        connection.execute(f"SET ROLE {role}")
        connection.commit()

    event.listen(engine, "connect", become)
    gated = SQLStorage(engine, owned=True)
    yield gated
    gated.close()
    with storage.engine.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {role}")
        connection.exec_driver_sql(f"DROP ROLE {role}")


@contextlib.contextmanager
def the_gate_closed(engine: Engine) -> Iterator[Callable[[], bool]]:
    """Whether somebody stands at it."""
    with engine.connect() as keeper, engine.connect() as onlooker:
        keeper.execute(text("SELECT pg_advisory_lock(:gate)"), {"gate": GATE})
        try:
            yield lambda: onlooker.scalar(text(AT_THE_GATE), {"gate": GATE}) > 0
        finally:
            keeper.execute(text("SELECT pg_advisory_unlock(:gate)"), {"gate": GATE})
            keeper.commit()


@pytest.mark.parametrize("claim", [take, take_the_page])
def test_who_was_claimed_after_the_snapshot_is_not_claimed_again(
    storage: SQLStorage, gated: SQLStorage, claim: Callable[[SQLStorage], list[Session]]
) -> None:
    rows = keep_many(storage, 10)
    storage.streams.announce(an_announcement(), NOW)
    gated.streams.read("nobody")  # it has seen that the tables are there
    with ThreadPoolExecutor(1) as worker:
        with the_gate_closed(storage.engine) as somebody_waits:
            slow = worker.submit(claim, gated)
            assert until(somebody_waits, PATIENCE)
            assert ids(take(storage)) == ids(rows)
        assert slow.result(PATIENCE) == []


# --- MariaDB ---------------------------------------------------------------------------------
#
# What is locked is always the latest; what is only read is as old as the snapshot, which is given
# to it as it would be if it had been taken just before the other's claim.


def claim_from(
    connection: Connection, claim: type[Batches] | type[SessionPages], stream: StreamEvent
) -> list[Session]:
    taken: dict[str, Any] = {"claim_id": new_id(), "now": NOW, "leased_until": NOW + LEASE}
    if claim is SessionPages:
        return SessionPages(MariaDB()).claim(
            connection, [stream], limit=100, round_robin=False, **taken
        )
    wanted = (stream.stream_id, stream.revision)
    return Batches(MariaDB()).claim(connection, *wanted, portion=100, round_robin=False, **taken)


@pytest.mark.parametrize("claim", [Batches, SessionPages])
def test_who_was_claimed_after_mariadbs_snapshot_is_not_claimed_again(
    mariadb_uri: str, claim: type[Batches] | type[SessionPages]
) -> None:
    with contextlib.closing(SQLStorage(create_engine(mariadb_uri), owned=True)) as storage:
        storage.purge(NEVER)
        rows = keep_many(storage, 10)
        stream = storage.streams.announce(an_announcement(), NOW)
        with storage.engine.connect() as slow:
            slow.execution_options(isolation_level="REPEATABLE READ")
            slow.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            assert ids(take(storage)) == ids(rows)
            assert claim_from(slow, claim, stream) == []
