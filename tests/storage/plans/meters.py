"""What a database has read for each statement, told by the database itself as it runs it.

Nothing is run again for the purpose: these are the very statements and plans of the storage, also
where the driver has prepared a statement and the database plans it without its values.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, event

from flask_allmine_liveactivity.storage.sql import metadata


@dataclass
class Statement:
    """One that was run."""

    text: str
    rows: int
    """Rows and index entries that were looked at, those that were then dismissed included."""
    pages: int = 0
    seconds: float = 0.0
    plan: str = ""


class Meter(ABC):
    """Notes what is asked of a database while it watches."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.watching = False

    @abstractmethod
    def gather_statistics(self) -> None:
        """Let the planner know what is in the tables, as the database does by itself in time."""

    def clear_away(self) -> None:  # noqa: B027 - most need not
        """Clear away what a scan would step over and count, and the database removes in time."""


class SQLMeter(Meter):
    """Watches an engine that has not been connected yet."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        event.listen(engine, "connect", self.connected)

    @abstractmethod
    def connected(self, driver_connection: Any, record: Any) -> None:
        """Make a new connection tell what it reads."""


class PostgreSQLMeter(SQLMeter):
    """``auto_explain`` sends each plan, with counts, as a notice to the client.

    Entries of an index that a scan passes over without looking at their rows are not among the
    rows; the pages count them.
    """

    SETTINGS = (
        "LOAD 'auto_explain'",
        "SET auto_explain.log_min_duration = 0",
        "SET auto_explain.log_analyze = on",
        "SET auto_explain.log_buffers = on",
        "SET auto_explain.log_timing = off",
        "SET auto_explain.log_format = json",
        "SET auto_explain.log_level = notice",
    )

    def connected(self, driver_connection: Any, record: Any) -> None:
        for setting in self.SETTINGS:
            driver_connection.execute(setting)
        driver_connection.commit()
        driver_connection.add_notice_handler(self._noticed)

    def _noticed(self, diagnostic: Any) -> None:
        heading, _, plan = (diagnostic.message_primary or "").partition("plan:\n")
        if not self.watching or not plan:
            return
        explained = json.loads(plan)
        root = explained["Plan"]
        self.statements.append(
            Statement(
                text=explained["Query Text"],
                rows=sum(_rows_read(node) for node in _nodes(root)),
                pages=root.get("Shared Hit Blocks", 0) + root.get("Shared Read Blocks", 0),
                seconds=float(heading.split()[1]) / 1000,
                plan="\n".join(_outline(root)),
            )
        )

    def gather_statistics(self) -> None:
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in metadata.tables:
                connection.exec_driver_sql(f"VACUUM (ANALYZE) {table}")


def _outline(node: dict[str, Any], depth: int = 0) -> Iterator[str]:
    where = node.get("Relation Name") or node.get("CTE Name") or ""
    index = node.get("Index Name")
    yield (
        f"{'  ' * depth}{node['Node Type']} {where}{f' by {index}' if index else ''}: "
        f"{node['Actual Rows']} rows, {node.get('Rows Removed by Filter', 0)} dismissed, "
        f"{node['Actual Loops']} times (expected {node['Plan Rows']})"
    )
    for child in node.get("Plans", ()):
        yield from _outline(child, depth + 1)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _rows_read(node: dict[str, Any]) -> int:
    if "Relation Name" not in node and "Index Name" not in node:
        return 0
    if not node["Node Type"].endswith("Scan"):
        return 0
    a_loop = (
        node["Actual Rows"]
        + node.get("Rows Removed by Filter", 0)
        + node.get("Rows Removed by Index Recheck", 0)
    )
    return int(a_loop * node["Actual Loops"])


class _ByCursor(SQLMeter):
    """For databases that are asked before and after each statement."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "after_cursor_execute", self._after)

    def _before(
        self, connection: Connection, cursor: Any, text: str, parameters: Any, *_: Any
    ) -> None:
        if self.watching:
            self.begin(connection, Statement(text, 0, plan=repr(parameters)[:300]))

    def _after(self, connection: Connection, *_: Any) -> None:
        if self.watching:
            self.end(connection)

    @abstractmethod
    def begin(self, connection: Connection, statement: Statement) -> None: ...

    @abstractmethod
    def end(self, connection: Connection) -> None: ...


class MariaDBMeter(_ByCursor):
    """The session's ``Handler_read_*`` count each row that the storage engine has handed over, and
    ``Handler_icp_attempts`` each index entry that was only compared."""

    def connected(self, driver_connection: Any, record: Any) -> None:
        """Every session counts by itself."""

    def begin(self, connection: Connection, statement: Statement) -> None:
        self._read_before = self._read(connection)
        self._began = time.perf_counter()
        self.statements.append(statement)

    def end(self, connection: Connection) -> None:
        statement = self.statements[-1]
        statement.seconds = time.perf_counter() - self._began
        statement.rows = self._read(connection) - self._read_before

    def _read(self, connection: Connection) -> int:
        with connection.connection.driver_connection.cursor() as cursor:
            cursor.execute("SHOW SESSION STATUS WHERE Variable_name RLIKE 'handler_(read|icp_att)'")
            return sum(int(value) for _, value in cursor.fetchall())

    def gather_statistics(self) -> None:
        with self.engine.begin() as connection:
            for table in metadata.tables:
                connection.exec_driver_sql(f"ANALYZE TABLE {table}")

    def clear_away(self) -> None:
        """Index entries of rows that have changed stay until the server's purge comes to them, and
        it waits for every transaction on the server: here the tables are built anew."""
        with self.engine.begin() as connection:
            for table in metadata.tables:
                connection.exec_driver_sql(f"ALTER TABLE {table} FORCE")


class SQLiteMeter(_ByCursor):
    """SQLite counts no rows, but calls back after every so many steps of its virtual machine."""

    EVERY = 10
    # To find a row, compare it, change it in its indexes and answer its columns takes about so
    # many; to pass over one takes from five.
    STEPS_OF_A_ROW = 100

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._steps = 0

    def connected(self, driver_connection: Any, record: Any) -> None:
        driver_connection.set_progress_handler(self._stepped, self.EVERY)

    def _stepped(self) -> int:
        # Rows are fetched after the statement was executed: what is last is still at work.
        if self.watching and self.statements:
            last = self.statements[-1]
            last.pages += self.EVERY
            last.rows = last.pages // self.STEPS_OF_A_ROW
        return 0

    def begin(self, connection: Connection, statement: Statement) -> None:
        self._began = time.perf_counter()
        self.statements.append(statement)

    def end(self, connection: Connection) -> None:
        self.statements[-1].seconds = time.perf_counter() - self._began

    def gather_statistics(self) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")
