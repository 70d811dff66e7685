"""The group of commands, and what their options have in common."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click
from flask.cli import with_appcontext

from flask_allmine_liveactivity.errors import LiveActivityError
from flask_allmine_liveactivity.model import SessionStatus

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")


class Seconds(click.FloatRange):
    """A duration on the command line: not less than zero, and a number that can be reckoned with.

    ``nan`` is neither less nor more than anything: on PostgreSQL all rows are older.
    """

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return seconds


class _Group(click.Group):
    """Turns our errors and bad values into one line on stderr, not a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (LiveActivityError, ValueError) as error:
            raise click.ClickException(str(error)) from None


@click.group("live-activity", cls=_Group)
def live_activity_commands() -> None:
    """Live Activities: what is stored, what is stuck, and the worker."""


def command(name: str) -> Callable[[Callable[..., None]], click.Command]:
    """Make a function a command of the group, run with the app at hand."""

    def register(function: Callable[..., None]) -> click.Command:
        made = click.command(name)(with_appcontext(function))
        live_activity_commands.add_command(made)
        return made

    return register


def _session_status(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> SessionStatus | None:
    return None if value is None else SessionStatus(value)


def listing(function: Callable[..., None]) -> Callable[..., None]:
    """Options of a command that lists sessions: which ones, and how many.

    It gives the function ``user``, ``status``, ``limit`` and ``after``.
    """
    options = (
        click.option("--user", help="Only of this user."),
        click.option(
            "--status",
            type=click.Choice([status.value for status in SessionStatus]),
            callback=_session_status,
            help="Only these; active: those that run.",
        ),
        click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True),
        click.option(
            "--after", default="", help="Only those behind this session, to list them in pages."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function
