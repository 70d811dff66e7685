"""``SQLStorage(engine)``: the engine is the host's, and stays as it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text

from flask_allmine_liveactivity.errors import ConfigurationError, StorageUnavailable
from flask_allmine_liveactivity.model import Session, SessionStatus
from flask_allmine_liveactivity.storage.resolution import Outcome, Resolution
from flask_allmine_liveactivity.storage.sql import SQLStorage
from flask_allmine_liveactivity.testing.storage_contract.actors import (
    Crowd,
    arrive,
    at_once,
    claim_all,
)
from flask_allmine_liveactivity.testing.storage_contract.records import (
    NOW,
    STREAM,
    a_session,
    an_announcement,
    delivered,
    everything,
    found,
    keep,
    keep_many,
    take,
    the_event,
)


def plain(uri: str) -> Engine:
    return create_engine(uri)


def with_its_own_begin(uri: str) -> Engine:
    """SQLAlchemy's documented recipe for SQLite transactions that are what they say."""
    engine = create_engine(uri)

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def with_begin_immediate(uri: str) -> Engine:
    """The recipe's other form, for hosts that write much."""
    engine = create_engine(uri)

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def in_autocommit(uri: str) -> Engine:
    return create_engine(uri, isolation_level="AUTOCOMMIT")


@pytest.fixture(params=[plain, with_its_own_begin, with_begin_immediate, in_autocommit])
def sqlite(request: pytest.FixtureRequest, sqlite_uri: str) -> Iterator[Engine]:
    engine = request.param(sqlite_uri)
    yield engine
    engine.dispose()


class TestOnSQLite:
    def test_a_session_is_registered_claimed_and_settled(self, sqlite: Engine) -> None:
        storage = SQLStorage(sqlite)
        session = keep(storage)
        storage.streams.announce(an_announcement(), NOW)
        assert storage.streams.wake(STREAM, NOW, NOW) is not None
        assert storage.sessions.settle([delivered(claimed) for claimed in take(storage)]) == 1
        assert found(storage, session).status is SessionStatus.ENDED

    def test_what_is_written_is_committed(self, sqlite: Engine, sqlite_uri: str) -> None:
        session = keep(SQLStorage(sqlite))
        other = create_engine(sqlite_uri)
        assert everything(SQLStorage(other)) == [session]
        other.dispose()

    def test_an_error_of_the_rule_leaves_nothing_written_and_no_lock(self, sqlite: Engine) -> None:
        storage = SQLStorage(sqlite)
        taken = keep(storage)

        def fail(met: object) -> Resolution:
            raise LookupError("a mistake in the rule")

        with pytest.raises(LookupError):
            storage.sessions.register(taken, fail)
        keep(storage)

    def test_threads_do_not_disturb_each_other(self, sqlite: Engine) -> None:
        storage = SQLStorage(sqlite)
        crowds = [Crowd(f"crowd-{number}", 10) for number in range(4)]
        answers = at_once([lambda crowd=crowd: arrive(storage, crowd) for crowd in crowds])
        assert answers == [["registered"] * 10] * 4

    def test_two_threads_claim_disjoint_batches(self, sqlite: Engine) -> None:
        storage = SQLStorage(sqlite)
        keep_many(storage, 40)
        claimed = at_once([lambda: claim_all(storage, 3)] * 2)
        ids = [session.session_id for sessions in claimed for session in sessions]
        assert len(ids) == len(set(ids)) == 40

    def test_a_claim_leaves_the_connection_as_durable_as_it_was(self, sqlite: Engine) -> None:
        storage = SQLStorage(sqlite)
        keep(storage)
        with sqlite.connect() as connection:
            before = connection.exec_driver_sql("PRAGMA synchronous").scalar()
        take(storage)
        with sqlite.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == before

    def test_the_hosts_own_transactions_go_on_as_before(self, sqlite: Engine) -> None:
        storage = SQLStorage(sqlite)
        keep(storage)
        with sqlite.begin() as connection:
            connection.execute(text("CREATE TABLE hosts (id INTEGER)"))
        keep(storage)
        with sqlite.connect() as connection:
            connection.execute(text("INSERT INTO hosts VALUES (1)"))
            connection.rollback()
            rows = connection.execute(text("SELECT count(*) FROM hosts")).scalar()
        kept = 1 if sqlite.dialect._on_connect_isolation_level == "AUTOCOMMIT" else 0
        assert rows == kept
        assert len(everything(storage)) == 2


class TestABusyFile:
    @pytest.fixture
    def impatient(self, tmp_path: Path) -> Iterator[Engine]:
        engine = create_engine(f"sqlite:///{tmp_path}/host.db", connect_args={"timeout": 0.05})
        SQLStorage(engine).prepare()
        yield engine
        engine.dispose()

    def test_a_host_who_holds_the_write_lock_is_told_to_commit_first(
        self, impatient: Engine
    ) -> None:
        storage = SQLStorage(impatient)
        storage.prepare()
        with impatient.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            with pytest.raises(StorageUnavailable, match="commit it before you call this"):
                storage.streams.announce(an_announcement(), NOW)

    def test_everything_works_again_once_he_has_committed(self, impatient: Engine) -> None:
        storage = SQLStorage(impatient)
        with impatient.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            with pytest.raises(StorageUnavailable):
                storage.streams.announce(an_announcement(), NOW)
            connection.rollback()
        storage.streams.announce(an_announcement(), NOW)
        assert the_event(storage).revision == 1


@pytest.fixture
def make_engine() -> Iterator[Callable[..., Engine]]:
    with ExitStack() as engines:

        def make(uri: str, **options: Any) -> Engine:
            engine = create_engine(uri, **options)
            engines.callback(engine.dispose)
            return engine

        yield make


@pytest.fixture(params=["sqlite_uri", "postgresql_uri", "mariadb_uri"])
def engine(request: pytest.FixtureRequest, make_engine: Callable[..., Engine]) -> Engine:
    return make_engine(request.getfixturevalue(request.param))


@pytest.fixture(params=["postgresql_uri", "mariadb_uri"])
def server(request: pytest.FixtureRequest) -> str:
    uri: str = request.getfixturevalue(request.param)
    return uri


class TestTheEngine:
    def test_it_is_open_after_the_storage_was_closed(self, engine: Engine) -> None:
        disposed: list[object] = []
        event.listen(engine, "engine_disposed", disposed.append)
        storage = SQLStorage(engine)
        storage.prepare()
        pool = engine.pool
        storage.close()
        assert disposed == []
        assert engine.pool is pool

    def test_an_engine_of_our_own_is_disposed_of(self, engine: Engine) -> None:
        disposed: list[object] = []
        event.listen(engine, "engine_disposed", disposed.append)
        SQLStorage(engine, owned=True).close()
        assert len(disposed) == 1

    def test_its_isolation_level_stays(self, engine: Engine) -> None:
        with engine.connect() as connection:
            before = connection.get_isolation_level()
        storage = SQLStorage(engine)
        keep(storage)
        storage.sessions.page()
        with engine.connect() as connection:
            assert connection.get_isolation_level() == before
        assert engine.get_execution_options() == {}

    def test_its_errors_go_on_showing_their_parameters(self, engine: Engine) -> None:
        SQLStorage(engine).prepare()
        assert engine.hide_parameters is False

    def test_our_own_log_shows_no_token(
        self, engine: Engine, caplog: pytest.LogCaptureFixture
    ) -> None:
        storage = SQLStorage(engine)
        storage.prepare()
        caplog.set_level("DEBUG", logger="sqlalchemy.engine")
        session = keep(storage, token="10c0ff" * 10)
        assert session.token not in caplog.text

    def test_no_connection_is_kept(self, engine: Engine) -> None:
        storage = SQLStorage(engine)
        keep(storage)
        storage.sessions.page()
        take(storage)
        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_session_is_committed_though_the_host_rolls_back(
    server: str, make_engine: Callable[..., Engine]
) -> None:
    engine = make_engine(server)
    storage = SQLStorage(engine)
    storage.prepare()
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        session = keep(storage)
        connection.rollback()
    assert session in everything(storage)


@pytest.mark.parametrize("level", ["SERIALIZABLE", "REPEATABLE READ", "AUTOCOMMIT"])
def test_a_hosts_isolation_level_does_not_reach_our_transactions(
    server: str, make_engine: Callable[..., Engine], level: str
) -> None:
    engine = make_engine(server, isolation_level=level)
    storage = SQLStorage(engine)
    storage.prepare()
    seen: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def look(connection: Any, *_: object) -> None:
        seen.append(connection.get_isolation_level())

    keep(storage)
    assert set(seen) == {"READ COMMITTED"}


def test_a_session_that_is_registered_again_meanwhile_makes_no_room(
    server: str, make_engine: Callable[..., Engine]
) -> None:
    engine = make_engine(server)
    storage, phone = SQLStorage(engine), SQLStorage(make_engine(server))
    ended = keep(storage, user_id="meanwhile", status=SessionStatus.ENDED)
    lives = replace(ended, status=SessionStatus.ACTIVE)
    new = a_session(user_id="meanwhile")
    one_more = partial(
        storage.sessions.register,
        new,
        lambda met: Resolution(outcome=Outcome.STORED, write=new),
        at_most=1,
    )

    asked = threading.Event()
    made: list[Future[Resolution]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def ask(_connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        if "FOR UPDATE" in statement:
            asked.set()

    with ThreadPoolExecutor(1) as host:

        def register_again(met: Sequence[Session]) -> Resolution:
            if met:
                # The row is locked: whoever makes room waits for what becomes of it.
                made.append(host.submit(one_more))
                assert asked.wait(10)
                time.sleep(0.2)  # it has sent its statement, and waits in the database
            return Resolution(outcome=Outcome.STORED, write=lives)

        phone.sessions.register(lives, register_again)
        assert [future.result(10).outcome for future in made] == [Outcome.FULL]
    assert found(storage, ended) == lives


def test_most_registrations_are_decided_without_a_read(engine: Engine) -> None:
    storage = SQLStorage(engine)
    storage.prepare()
    statements: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        statements.append(statement.split()[0])

    keep(storage)
    inserts = ["WITH"] if engine.dialect.name == "postgresql" else ["INSERT", "INSERT"]
    assert [word for word in statements if word not in ("BEGIN", "COMMIT")] == inserts


def test_a_database_that_was_never_tried_is_refused() -> None:
    engine = create_engine("sqlite://")
    engine.dialect.name = "oracle"
    with pytest.raises(ConfigurationError, match="'oracle'"):
        SQLStorage(engine)
    engine.dispose()
