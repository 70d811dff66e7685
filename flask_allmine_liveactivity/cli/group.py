"""The group of commands, and how they speak."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
from flask.cli import with_appcontext

from flask_allmine_liveactivity.errors import LiveActivityError

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")


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


def echo_json(value: object) -> None:
    """Print a value for other programs."""
    click.echo(json.dumps(value, indent=2))


def utc(seconds: float | None) -> str | None:
    """A time as ISO 8601, or ``None`` where there is none."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat("T", "seconds")
