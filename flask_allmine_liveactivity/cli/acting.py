"""Commands that act: prepare, end, deliver, bring back, erase."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn

import click

from flask_allmine_liveactivity.app import operations
from flask_allmine_liveactivity.app.installation import current
from flask_allmine_liveactivity.app.operations import DeliveryRun, Progress
from flask_allmine_liveactivity.cli.group import Seconds, as_json, command
from flask_allmine_liveactivity.cli.printing import echo_json
from flask_allmine_liveactivity.model import StreamState


@command("prepare")
def prepare() -> None:
    """Make the tables and indexes. Safe to repeat."""
    operations.prepare(current())
    click.echo("The storage is ready.")


@command("end")
@click.argument("stream")
@click.argument("state", type=click.Choice([state.value for state in StreamState]))
@as_json
def end(stream: str, state: str, as_json: bool) -> None:
    """End a stream's Live Activities, as your app's own code would, and deliver here and now.

    It asks nobody: what has ended on a phone does not come back.
    """
    installation = current()
    with _progress(as_json) as progress:
        run = operations.end(installation, stream, state, progress=progress)
    _echo_run(run, as_json, installation.stream_id(stream))


@command("deliver")
@as_json
def deliver(as_json: bool) -> None:
    """Deliver all that is due, once. For cron, or after a repair."""
    with _progress(as_json) as progress:
        run = operations.deliver(current(), progress=progress)
    _echo_run(run, as_json, None)


@contextlib.contextmanager
def _progress(as_json: bool) -> Iterator[Progress | None]:
    """A bar at a terminal, for people."""
    if as_json or not sys.stderr.isatty():
        yield None
        return
    with contextlib.ExitStack() as shown:
        advance: Callable[[int], None] | None = None

        def show(_pushes: int, pending: int) -> None:
            nonlocal advance
            if advance is not None:
                advance(1)
                return
            bar = click.progressbar(length=max(1, pending), label="Telling", file=sys.stderr)
            advance = shown.enter_context(bar).update

        yield show


def _echo_run(run: DeliveryRun, as_json: bool, stream_id: str | None) -> None:
    if as_json:
        echo_json(
            {
                "delivered": run.delivered,
                "gone": run.gone,
                "retrying": run.retrying,
                "rejected": run.rejected,
                "reasons": run.reasons,
                "pending": run.pending,
                "obstacle": run.obstacle,
            }
        )
    else:
        click.echo(
            f"delivered {run.delivered}, gone {run.gone}, rejected {run.rejected}, "
            f"to be tried again {run.retrying}; still pending {run.pending}"
        )
        if not run.answered:
            click.echo("Nobody was due." if run.pending else "Nobody is waiting to be told.")
        if run.pending and not run.obstacle:
            of = "" if stream_id is None else f" {stream_id}"
            click.echo(f"Why, and when they are tried again: flask live-activity status{of}")
    if run.obstacle:
        _fail(f"Not all could be told: {run.obstacle}. Nothing is lost; run it again later.")


@command("reopen")
@click.argument("stream")
def reopen(stream: str) -> None:
    """Forget a stream's end: it is scheduled again."""
    if operations.reopen(current(), stream).had_ended:
        click.echo("Reopened: nobody else is told of its end.")
    else:
        click.echo("It had not ended: there was nothing to forget.")


@command("resend")
@click.argument("stream", required=False)
@as_json
def resend(stream: str | None, as_json: bool) -> None:
    """Try at once whoever was refused, of STREAM or of all: those who wait and those given up.

    For after a wrong key or environment was mended. Lifts holds, too. Restart what delivers
    first, so that it knows what was mended. A push that is under way is left alone.
    """
    resent = operations.resend(current(), stream)
    if as_json:
        echo_json(
            {
                "sessions": resent.sessions,
                "streams": resent.streams,
                "holds_lifted": resent.holds_lifted,
            }
        )
    else:
        click.echo(
            f"{resent.sessions} sessions of {resent.streams} streams are due again, "
            f"{resent.holds_lifted} holds lifted."
        )
        if not resent.streams and not resent.holds_lifted:
            click.echo("Nobody has been refused, and nothing was held.")
    if resent.not_delivered is not None:
        raise click.ClickException(resent.not_delivered)


@command("release")
@click.argument("user")
@click.argument("device")
def release(user: str, device: str) -> None:
    """A user has logged out of a device: its next user may register."""
    count = operations.release(current(), user, device).sessions
    if count:
        click.echo(f"{count} running sessions released; their end is told all the same.")
    else:
        click.echo("This user has no running session on this device: nothing was released.")


@command("forget")
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
def forget(user: str, yes: bool) -> None:
    """Erase a user; what still runs is kept without its owner until it has been ended."""
    if not yes:
        _ask("Erase this user's sessions?")
    count = operations.forget(current(), user).sessions
    click.echo(f"{count} sessions forgotten." if count else "Nothing is known of this user.")


@command("purge")
@click.option(
    "--older-than",
    type=Seconds(),
    default=24 * 3600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long they have been over.",
)
def purge(older_than: float) -> None:
    """Delete sessions and events that are over. Delivery does it by itself once an hour."""
    click.echo(f"{operations.purge(current(), older_than).rows} rows deleted.")


def _ask(question: str) -> None:
    """Go on only where a person at a terminal says yes."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.ClickException("Nobody can be asked without a terminal. Say --yes to go on.")
    click.confirm(question, abort=True)


def _fail(message: str) -> NoReturn:
    click.secho(message, fg="red", err=True)
    raise SystemExit(1)
