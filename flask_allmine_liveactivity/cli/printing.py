"""How commands print: one form of a time, tables, and nothing that a terminal would obey."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence

import click

from flask_allmine_liveactivity.app.operations import ListedSession
from flask_allmine_liveactivity.model import NEVER
from flask_allmine_liveactivity.model.utc import FORM
from flask_allmine_liveactivity.model.utc import utc as in_utc


def utc(seconds: float | None) -> str | None:
    """A time for people and programs; ``None`` where there is none, or where it never comes."""
    return None if seconds is None or seconds >= NEVER else in_utc(seconds)


def utc_of_next(seconds: float | None, now: float) -> str | None:
    """When something happens next, for programs: what is due, however long, is due now."""
    return None if seconds is None else utc(max(seconds, now))


def when(seconds: float | None, now: float) -> str:
    """When something happens next, for people."""
    if seconds is not None and seconds <= now:
        return "now"
    return utc(seconds) or "never"


def with_the_time(message: str) -> logging.Formatter:
    """How a log is written to a terminal: each line after its time, in the one form."""
    formatter = logging.Formatter(f"%(asctime)s  {message}", FORM)
    formatter.converter = time.gmtime
    return formatter


def shown(text: str | None) -> str:
    """Text from elsewhere on one line of a terminal: what cannot be printed is escaped."""
    if not text:
        return "-"
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def told(session: ListedSession) -> str:
    """The revision that a session has been told, in a table."""
    return str(session.delivered) if session.delivered else "-"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table: headings, then rows, in columns as wide as they must be."""
    lines = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()


def echo_json(value: object) -> None:
    """Print a value for other programs."""
    click.echo(json.dumps(value, indent=2))
