"""Commands that look: is everything set, who waits, what is stored."""

from __future__ import annotations

import time
from typing import Any

import click

from flask_allmine_liveactivity.checks import Finding, check_installation, probe
from flask_allmine_liveactivity.cli.group import as_json, command, echo_json, utc
from flask_allmine_liveactivity.installation import Installation, current
from flask_allmine_liveactivity.model import Session, SessionStatus, StreamEvent

HELD_SHOWN = 20
PAGE = 500


@command("check")
@click.option("--probe", "with_probe", is_flag=True, help="Send Apple a bogus token.")
@as_json
def check(with_probe: bool, as_json: bool) -> None:
    """See whether everything is set: keys, storage, guard and JWT."""
    installation = current()
    findings = check_installation(installation)
    if with_probe:
        findings.append(probe(installation))
    if as_json:
        echo_json([{"check": f.subject, "ok": f.ok, "detail": f.detail} for f in findings])
    else:
        for finding in findings:
            _echo_finding(finding)
    if not all(finding.ok for finding in findings):
        raise SystemExit(1)


def _echo_finding(finding: Finding) -> None:
    mark = click.style("ok  ", fg="green") if finding.ok else click.style("FAIL", fg="red")
    click.echo(f"{mark}  {finding.subject}: {finding.detail}")


@command("status")
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
            "since": utc(event.held_since),
            "next_try": utc(event.due_at),
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
        echo_json(report)
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


@command("sessions")
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
        echo_json(rows)
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
        "registered_at": utc(session.registered_at),
        "token_seen_at": utc(session.token_seen_at),
        "expires_at": utc(session.expires_at),
        "due_at": utc(session.due_at),
    }
