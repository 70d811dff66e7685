"""How long a database server is waited for, where the host says nothing of it.

Drivers wait for ever: a server whose machine has vanished, or that a broken proxy stands before,
would hold a worker until somebody restarts it. Each time here is longer than what it takes a
healthy server, for what is given up is done again.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any

from sqlalchemy import URL, Engine, event

# To connect, in seconds.
CONNECT_WITHIN = 10
# A machine that acknowledges no packet for so long is gone, in seconds: however long a statement
# takes, its kernel would.
GONE_AFTER = 30
# Between the questions whether it is still there, and before the first, in seconds.
ASK_AGAIN = 5
ASK_AFTER = 15
# One that is there may take so long for its next word, in seconds. MariaDB deletes a million
# sessions in two to three minutes.
ANSWERS_WITHIN = 300
# And so long may a server wait for us within a transaction, in seconds: a machine of ours that has
# vanished would keep its rows locked until the server's keepalive finds out, after two hours.
WAITS_FOR_US = 60


# MariaDB tells a transaction that waits for us from a connection that waits in the pool. MySQL does
# not, and takes the part in between for a comment.
_ENDS_IDLE_TRANSACTIONS = (
    "SET SESSION wait_timeout = /*M! @@GLOBAL.wait_timeout, idle_transaction_timeout = */ {}"
)

# By the names of the constants: not every system has them all.
_SOCKET_OPTIONS = {
    "TCP_USER_TIMEOUT": GONE_AFTER * 1000,
    "TCP_KEEPIDLE": ASK_AFTER,
    "TCP_KEEPINTVL": ASK_AGAIN,
    "TCP_KEEPCNT": (GONE_AFTER - ASK_AFTER) // ASK_AGAIN,
}


def connect_args(url: URL) -> dict[str, Any]:
    """What to connect with: what the URL says itself is left to it."""
    driver = url.get_driver_name()
    known: dict[str, Any] = {}
    if driver in ("psycopg", "psycopg2"):
        known = {
            "connect_timeout": CONNECT_WITHIN,
            "tcp_user_timeout": GONE_AFTER * 1000,
            "keepalives_idle": ASK_AFTER,
            "keepalives_interval": ASK_AGAIN,
            "keepalives_count": (GONE_AFTER - ASK_AFTER) // ASK_AGAIN,
        }
    if driver == "psycopg":
        known["read_timeout"] = ANSWERS_WITHIN
    if driver in ("pymysql", "mysqldb"):
        known = {
            "connect_timeout": CONNECT_WITHIN,
            "read_timeout": ANSWERS_WITHIN,
            "write_timeout": ANSWERS_WITHIN,
            "init_command": _ENDS_IDLE_TRANSACTIONS.format(WAITS_FOR_US),
        }
    return {name: value for name, value in known.items() if name not in url.query}


def wait_no_longer(engine: Engine) -> None:
    """Set up an engine of our own for what its driver has no arguments for."""
    if engine.driver == "psycopg":
        event.listen(engine, "do_connect", _connect_with_psycopg)
    elif engine.driver in ("pymysql", "mysqldb"):
        event.listen(engine, "connect", _notice_a_vanished_machine)


def _connect_with_psycopg(
    _dialect: object, _record: object, arguments: list[Any], keywords: dict[str, Any]
) -> object:
    from flask_allmine_liveactivity.storage.sql.psycopg_connection import ImpatientConnection

    return ImpatientConnection.connect(*arguments, **keywords)


def _notice_a_vanished_machine(driver_connection: Any, _record: object) -> None:
    # PyMySQL has a socket, mysqlclient has its number.
    connected = getattr(driver_connection, "_sock", driver_connection)
    with socket.socket(fileno=os.dup(connected.fileno())) as same:
        if same.family not in (socket.AF_INET, socket.AF_INET6):
            return
        for name, value in _SOCKET_OPTIONS.items():
            with contextlib.suppress(AttributeError, OSError):
                same.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
