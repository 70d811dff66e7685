"""``flask live-activity``: what an operator asks, and the worker."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

import click
from flask.cli import with_appcontext

from flask_allmine_liveactivity.announcement import stream_state
from flask_allmine_liveactivity.checks import Finding, check_installation, probe
from flask_allmine_liveactivity.dispatch.loop import deliver_until_stopped
from flask_allmine_liveactivity.errors import LiveActivityError
from flask_allmine_liveactivity.fanout import Tally
from flask_allmine_liveactivity.installation import Installation, current
from flask_allmine_liveactivity.model import Session, SessionStatus, StreamEvent, StreamState

# How often a worker looks for what is due, in seconds: one index scan.
WORKER_INTERVAL = 1.0
HELD_SHOWN = 20
PAGE = 500

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


def _command(name: str) -> Callable[[Callable[..., None]], click.Command]:
    def register(function: Callable[..., None]) -> click.Command:
        command = click.command(name)(with_appcontext(function))
        live_activity_commands.add_command(command)
        return command

    return register


@_command("prepare")
def prepare() -> None:
    """Make the tables and indexes. Safe to repeat."""
    current().storage.prepare()
    click.echo("The storage is ready.")


@_command("check")
@click.option("--probe", "with_probe", is_flag=True, help="Send Apple a bogus token.")
@as_json
def check(with_probe: bool, as_json: bool) -> None:
    """See whether everything is set: keys, storage, guard and JWT."""
    installation = current()
    findings = check_installation(installation)
    if with_probe:
        findings.append(probe(installation))
    if as_json:
        _echo_json([{"check": f.subject, "ok": f.ok, "detail": f.detail} for f in findings])
    else:
        for finding in findings:
            _echo_finding(finding)
    if not all(finding.ok for finding in findings):
        raise SystemExit(1)


def _echo_finding(finding: Finding) -> None:
    mark = click.style("ok  ", fg="green") if finding.ok else click.style("FAIL", fg="red")
    click.echo(f"{mark}  {finding.subject}: {finding.detail}")


@_command("status")
@click.argument("stream", required=False)
@click.option(
    "--fail-if-older",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Exit 1 if anybody has been waiting for longer.",
)
@as_json
def status(stream: str | None, fail_if_older: float | None, as_json: bool) -> None:
    """Who is still to be told, since when, what is held and why, and who was given up."""
    installation = current()
    stream_id = None if stream is None else installation.stream_id(stream)
    now = time.time()
    counts = installation.storage.counts(now, stream_id)
    since = counts.oldest_pending_since
    age = None if since is None else max(0.0, now - since)
    held = [
        {
            "stream": event.stream_id,
            "reason": event.held_reason,
            "since": _time(event.held_since),
            "next_try": _time(event.due_at),
        }
        for event in _held(installation, stream_id)
    ]
    answers = counts.ended + sum(counts.dead.values()) + sum(counts.waiting.values())
    bad = counts.dead.get("BadDeviceToken", 0) + counts.waiting.get("BadDeviceToken", 0)
    report: dict[str, Any] = {
        "active": counts.active,
        "pending": counts.pending,
        "oldest_pending_seconds": None if age is None else round(age, 1),
        "held": held,
        "waiting": dict(counts.waiting),
        "ended": counts.ended,
        "dead": dict(counts.dead),
        "environment_alarm": bad >= 5 and bad * 2 > answers,
    }
    if stream_id is not None:
        event = installation.storage.event(stream_id)
        report["stream"] = stream_id
        report["state"] = None if event is None or event.state is None else event.state.value
        report["revision"] = None if event is None else event.revision
    if as_json:
        _echo_json(report)
    else:
        _echo_status(report)
    if fail_if_older is not None and age is not None and age > fail_if_older:
        raise SystemExit(1)


def _held(installation: Installation, stream_id: str | None) -> list[StreamEvent]:
    if stream_id is None:
        return installation.storage.held_events(HELD_SHOWN)
    event = installation.storage.event(stream_id)
    return [] if event is None or event.held_since is None else [event]


def _echo_status(report: dict[str, Any]) -> None:
    if "stream" in report:
        state = report["state"] or "to come"
        click.echo(f"stream {report['stream']}: {state}, revision {report['revision'] or 0}")
    oldest = report["oldest_pending_seconds"]
    waits = "" if oldest is None else f", the oldest for {oldest:.0f} s"
    click.echo(f"running  {report['active']}")
    click.echo(f"pending  {report['pending']}{waits}")
    for reason, count in report["waiting"].items():
        click.echo(f"           {count} refused before: {reason}")
    click.echo(f"told     {report['ended']}")
    click.echo(f"given up {sum(report['dead'].values())}")
    for reason, count in report["dead"].items():
        click.echo(f"           {count} {reason}")
    for held in report["held"]:
        click.secho(
            f"held     {held['stream']}: {held['reason']}, since {held['since']}, "
            f"next try {held['next_try']}",
            fg="red",
        )
    if report["environment_alarm"]:
        click.secho(
            "Most tokens are bad ones: LIVE_ACTIVITY_APNS_ENVIRONMENT is probably not the one the "
            "app was built for. Mend it, then: flask live-activity resend",
            fg="red",
        )


@_command("sessions")
@click.option("--stream", help="Only of this stream.")
@click.option("--user", help="Only of this user.")
@click.option(
    "--status",
    "wanted",
    type=click.Choice([status.value for status in SessionStatus]),
    help="Only these.",
)
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@as_json
def sessions(
    stream: str | None, user: str | None, wanted: str | None, limit: int, as_json: bool
) -> None:
    """List sessions. Tokens are shown by their fingerprints."""
    installation = current()
    stream_id = None if stream is None else installation.stream_id(stream)
    after, left = "", limit
    rows: list[dict[str, Any]] = []
    while left:
        page = installation.storage.sessions(
            after=after,
            limit=min(PAGE, left),
            stream_id=stream_id,
            user_id=user,
            status=None if wanted is None else SessionStatus(wanted),
        )
        rows += [_row(session) for session in page]
        if len(page) < min(PAGE, left):
            break
        after, left = page[-1].session_id, left - len(page)
    if as_json:
        _echo_json(rows)
        return
    for row in rows:
        click.echo(
            f"{row['status']:6}  {row['stream']}  {row['user'] or '-'}  {row['activity']}  "
            f"token {row['token_fingerprint']}  {row['reason'] or ''}".rstrip()
        )


def _row(session: Session) -> dict[str, Any]:
    return {
        "session": session.session_id,
        "user": session.user_id,
        "device": session.device_id,
        "activity": session.activity_id,
        "stream": session.stream_id,
        "token_fingerprint": session.fingerprint,
        "status": session.status.value,
        "delivered": session.delivered,
        "attempts": session.attempts,
        "reason": session.reason,
        "registered_at": _time(session.registered_at),
        "token_seen_at": _time(session.token_seen_at),
        "expires_at": _time(session.expires_at),
        "due_at": _time(session.due_at),
    }


@_command("end")
@click.argument("stream")
@click.argument("state", type=click.Choice([state.value for state in StreamState]))
@as_json
def end(stream: str, state: str, as_json: bool) -> None:
    """End a stream's Live Activities, as your app's own code would, and deliver here and now."""
    installation = current()
    stream_id = installation.stream_id(stream)
    installation.announce(stream_id, stream_state(state))
    _deliver(installation, as_json, stream_id)


@_command("deliver")
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
        _echo_json(report)
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


@_command("worker")
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
    installation.storage.prepare()
    click.echo("Delivering. Stop with SIGTERM or Ctrl-C.", err=True)
    interval = min(WORKER_INTERVAL, installation.settings.sweep_interval)
    deliver_until_stopped(delivery, wake, stopped, interval)
    installation.close()
    click.echo("Stopped; what was unsent has been released.", err=True)


@_command("reopen")
@click.argument("stream")
def reopen(stream: str) -> None:
    """Forget a stream's end: it is scheduled again."""
    installation = current()
    installation.reopen(installation.stream_id(stream))
    click.echo("Reopened: nobody else is told of its end.")


@_command("resend")
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
        _echo_json(report)
    else:
        click.echo(
            f"{report['sessions']} sessions of {report['streams']} streams are due again, "
            f"{lifted} holds lifted."
        )
    for revived_id in revived or ([stream_id] if stream_id else []):
        installation.dispatch.wake(revived_id)


@_command("release")
@click.argument("user")
@click.argument("device")
def release(user: str, device: str) -> None:
    """A user has logged out of a device: its next user may register."""
    count = current().storage.release(user, device)
    click.echo(f"{count} running sessions released; their end is told all the same.")


@_command("forget")
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(user: str, yes: bool) -> None:
    """Erase a user; what still runs is kept without its owner until it has been ended."""
    if not yes and sys.stdin.isatty():
        click.confirm("Erase this user's sessions?", abort=True)
    click.echo(f"{current().storage.forget_user(user)} sessions forgotten.")


@_command("purge")
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


def _echo_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2))


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat("T", "seconds")


def _fail(message: str) -> NoReturn:
    click.secho(message, fg="red", err=True)
    raise SystemExit(1)
