"""Loggers that a host has disabled, most often without knowing."""

from __future__ import annotations

import subprocess
import sys

# What `flask db init` writes into migrations/alembic.ini, shortened.
SCRIPT = """
import io, logging, sys
from logging.config import fileConfig
from extension.apps import make_app

INI = '''
[loggers]
keys = root,alembic
[handlers]
keys = console
[formatters]
keys =
[logger_root]
level = WARN
handlers = console
[logger_alembic]
level = INFO
handlers =
qualname = alembic
[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
'''

app = make_app()
app.test_cli_runner().invoke(args=["live-activity", "status"])
fileConfig(io.StringIO(INI){argument})
print(app.test_cli_runner().invoke(args=["live-activity", "check"]).output)
"""


def checked_after_an_upgrade(argument: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.replace("{argument}", argument)],
        cwd="tests",
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_check_says_that_they_are_disabled_and_what_to_do() -> None:
    said = checked_after_an_upgrade("")
    assert "FAIL  logging: " in said
    assert "disable_existing_loggers=False" in said


def test_check_says_nothing_where_they_are_not() -> None:
    said = checked_after_an_upgrade(", disable_existing_loggers=False")
    assert "ok    jwt" in said
    assert "logging" not in said
