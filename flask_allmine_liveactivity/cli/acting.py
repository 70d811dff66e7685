"""Commands that act: prepare, end, deliver, bring back, erase."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import Any, NoReturn

import click

from flask_allmine_liveactivity.announcement import stream_state
from flask_allmine_liveactivity.cli.group import as_json, command, echo_json
from flask_allmine_liveactivity.dispatch.loop import deliver_until_stopped
from flask_allmine_liveactivity.installation import Installation, current
from flask_allmine_liveactivity.model import StreamState
from flask_allmine_liveactivity.tally import Tally

# How often a worker looks for what is due, in seconds: one index scan.
WORKER_INTERVAL = 1.0


@command("prepare")
def prepare() -> None:
    """Make the tables and indexes. Safe to repeat."""
    current().storage.prepare()
    click.echo("The storage is ready.")


@command("end")
@click.argument("stream")
@click.argument("state", type=click.Choice([state.value for state in StreamState]))
@as_json
def end(stream: str, state: str, as_json: bool) -> None:
    """End a stream's Live Activities, as your app's own code would, and deliver here and now."""
    installation = current()
    stream_id = installation.stream_id(stream)
    installation.announce(stream_id, stream_state(state))
    _deliver(installation, as_json, stream_id)


@command("deliver")
@as_json
def deliver(as_json: bool) -> None:
    """Deliver all that is due, once. For cron, or after a repair."""
    _deliver(current(), as_json, None)


def _deliver(installation: Installation, as_json: bool, stream_id: str | None) -> None:
    storage, delivery = installation.storage, installation.parts.delivery
    pending = storage.counts(time.time(), stream_id).pending
    watched = not as_json and sys.stderr.isatty()
    with click.progressbar(
        length=max(1, pending),
        label="Telling",
        file=sys.stderr,
        hidden=not watched,
    ) as bar:
        run = delivery.run(stream_id, on_result=lambda: bar.update(1))
    tally = run.tally
    left = storage.counts(time.time(), stream_id).pending
    report = {**_tally(tally), "pending": left, "obstacle": run.obstacle}
    if as_json:
        echo_json(report)
    else:
        click.echo(
            f"delivered {tally.delivered}, gone {tally.gone}, rejected {tally.rejected}, "
            f"to be tried again {tally.retrying}; still pending {left}"
        )
    if run.obstacle:
        _fail(f"Not all could be told: {run.obstacle}. Nothing is lost; run it again later.")


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "delivered": tally.delivered,
        "gone": tally.gone,
        "retrying": tally.retrying,
        "rejected": tally.rejected,
        "reasons": dict(tally.reasons),
    }


@command("worker")
def worker() -> None:
    """Deliver until told to stop. At SIGTERM or SIGINT what is in flight is settled first."""
    installation = current()
    delivery = installation.parts.delivery
    wake, stopped = threading.Event(), threading.Event()

    def stop(*_: object) -> None:
        stopped.set()
        delivery.stop()
        wake.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    click.echo("Delivering. Stop with SIGTERM or Ctrl-C.", err=True)
    interval = min(WORKER_INTERVAL, installation.settings.sweep_interval)
    deliver_until_stopped(delivery, wake, stopped, interval)
    installation.close()
    click.echo("Stopped; what was unsent has been released.", err=True)


@command("reopen")
@click.argument("stream")
def reopen(stream: str) -> None:
    """Forget a stream's end: it is scheduled again."""
    installation = current()
    installation.reopen(installation.stream_id(stream))
    click.echo("Reopened: nobody else is told of its end.")


@command("resend")
@click.argument("stream", required=False)
@as_json
def resend(stream: str | None, as_json: bool) -> None:
    """Try those given up again, of STREAM or of all, and lift holds.

    For after a wrong key or environment was mended.
    """
    installation = current()
    stream_id = None if stream is None else installation.stream_id(stream)
    now, storage = time.time(), installation.storage
    revived = storage.revive(stream_id, now)
    for revived_id in revived:
        storage.touch(revived_id, now, now)
    lifted = storage.lift(stream_id, now)
    report = {"sessions": sum(revived.values()), "streams": len(revived), "holds_lifted": lifted}
    if as_json:
        echo_json(report)
    else:
        click.echo(
            f"{report['sessions']} sessions of {report['streams']} streams are due again, "
            f"{lifted} holds lifted."
        )
    for revived_id in revived or ([stream_id] if stream_id else []):
        installation.dispatch.wake(revived_id)


@command("release")
@click.argument("user")
@click.argument("device")
def release(user: str, device: str) -> None:
    """A user has logged out of a device: its next user may register."""
    count = current().storage.release(user, device)
    click.echo(f"{count} running sessions released; their end is told all the same.")


@command("forget")
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(user: str, yes: bool) -> None:
    """Erase a user; what still runs is kept without its owner until it has been ended."""
    if not yes and sys.stdin.isatty():
        click.confirm("Erase this user's sessions?", abort=True)
    click.echo(f"{current().storage.forget_user(user)} sessions forgotten.")


@command("purge")
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    default=24 * 3600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long they have been over.",
)
def purge(older_than: float) -> None:
    """Delete sessions and events that are over. Delivery does it by itself once an hour."""
    click.echo(f"{current().storage.purge(time.time() - older_than)} rows deleted.")


def _fail(message: str) -> NoReturn:
    click.secho(message, fg="red", err=True)
    raise SystemExit(1)
