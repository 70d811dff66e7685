"""Commands that look: is everything set, and what is stored."""

from __future__ import annotations

from typing import Any

import click

from flask_allmine_liveactivity.app import operations
from flask_allmine_liveactivity.app.checks import Finding
from flask_allmine_liveactivity.app.installation import current
from flask_allmine_liveactivity.app.operations import ListedSession
from flask_allmine_liveactivity.cli.group import as_json, command, listing
from flask_allmine_liveactivity.cli.printing import echo_json, shown, table, told, utc
from flask_allmine_liveactivity.model import SessionStatus

HEADINGS = (
    "STATUS",
    "TOLD",
    "STREAM",
    "USER",
    "DEVICE",
    "ACTIVITY",
    "TOKEN",
    "ENVIRONMENT",
    "LAST ANSWER",
)


@command("check")
@click.option("--probe", "with_probe", is_flag=True, help="Send Apple a bogus token.")
@as_json
def check(with_probe: bool, as_json: bool) -> None:
    """See whether everything is set: keys, storage, callbacks and JWT. Exits with 1 if not."""
    checked = operations.check(current(), with_probe=with_probe)
    if as_json:
        echo_json([{"check": f.subject, "ok": f.ok, "detail": f.detail} for f in checked.findings])
    else:
        for finding in checked.findings:
            _echo_finding(finding)
    if not checked.ok:
        raise SystemExit(1)


def _echo_finding(finding: Finding) -> None:
    mark = click.style("ok  ", fg="green") if finding.ok else click.style("FAIL", fg="red")
    click.echo(f"{mark}  {finding.subject}: {shown(finding.detail)}")


@command("sessions")
@click.option("--stream", help="Only of this stream.")
@listing
@as_json
def sessions(
    stream: str | None,
    user: str | None,
    status: SessionStatus | None,
    limit: int,
    after: str,
    as_json: bool,
) -> None:
    """List sessions, by their ids. Tokens are shown by their fingerprints."""
    found = operations.pages_of_sessions(
        current(),
        stream=stream,
        user_id=user,
        status=status,
        limit=limit,
        after=after,
    )
    if as_json:
        echo_json([_row(session) for page in found for session in page.sessions])
        return
    page = None
    for page in found:
        for line in table(HEADINGS, [_cells(session) for session in page.sessions]):
            click.echo(line)
    if page is None:
        click.echo("No sessions found.")
    elif page.next_page_after is not None:
        click.echo(f"There may be more: --after {page.next_page_after}")


def _cells(session: ListedSession) -> tuple[str, ...]:
    return (
        session.status.value,
        told(session),
        session.stream_id,
        shown(session.user_id),
        shown(session.device_id),
        shown(session.activity_id),
        session.fingerprint,
        shown(session.environment),
        shown(session.reason),
    )


def _row(session: ListedSession) -> dict[str, Any]:
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
        "environment": session.environment,
        "registered_at": utc(session.registered_at),
        "token_seen_at": utc(session.token_seen_at),
        "expires_at": utc(session.expires_at),
        "due_at": utc(session.due_at),
    }
