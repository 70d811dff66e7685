"""The command that says why a stream's phones show what they show: one line a phone."""

from __future__ import annotations

from typing import Any

import click

from flask_allmine_liveactivity.app import operations
from flask_allmine_liveactivity.app.installation import current
from flask_allmine_liveactivity.app.operations import Phone, PhonesOfStream
from flask_allmine_liveactivity.cli.group import as_json, command, listing
from flask_allmine_liveactivity.cli.printing import (
    echo_json,
    shown,
    table,
    told,
    utc,
    utc_of_next,
    when,
)
from flask_allmine_liveactivity.cli.streams import (
    NOTHING_KNOWN,
    fields_of,
    headline,
    known_lines,
    silence,
)
from flask_allmine_liveactivity.model import SessionStatus

HEADINGS = (
    "TOKEN",
    "ENVIRONMENT",
    "DEVICE",
    "USER",
    "STATUS",
    "TOLD",
    "REFUSED",
    "LAST ANSWER",
    "NEXT TRY",
)


@command("why")
@click.argument("stream")
@listing
@as_json
def why(
    stream: str,
    user: str | None,
    status: SessionStatus | None,
    limit: int,
    after: str,
    as_json: bool,
) -> None:
    """Say what each phone of STREAM was answered, and when it is tried again.

    Tokens are shown by their fingerprints. A page has --limit phones, whatever the audience.
    """
    found = operations.why(
        current(),
        stream,
        user_id=user,
        status=status,
        limit=limit,
        after=after,
    )
    event = found.event
    if as_json:
        echo_json(_report(found))
        return
    if event is None and not found.phones and not (user or status or after):
        click.echo(NOTHING_KNOWN.format(found.stream_id))
        return
    click.echo(headline(found.stream_id, event))
    for line in known_lines(event, found.next_question, found.at):
        click.echo(line)
    if event is not None and event.held_since is not None:
        if event.needs_a_person:
            click.secho(
                f"held: {shown(event.held_reason)}, since {utc(event.held_since)}", fg="red"
            )
        else:
            click.echo(f"silent: {silence(event)}")
    if found.next_look is not None:
        click.echo(f"looked at next: {when(found.next_look, found.at)}")
    if not found.phones:
        click.echo("No phones found.")
        return
    for line in table(HEADINGS, [_cells(phone, found) for phone in found.phones]):
        click.echo(line)
    if found.next_page_after is not None:
        click.echo(
            f"There may be more: --after {found.next_page_after}; "
            "--status active: only those that run"
        )


def _report(found: PhonesOfStream) -> dict[str, Any]:
    event = found.event
    return {
        "stream": found.stream_id,
        **fields_of(event, found.next_question, found.at),
        "held_reason": None if event is None else event.held_reason,
        "held_since": None if event is None else utc(event.held_since),
        "next_look": utc_of_next(found.next_look, found.at),
        "phones": [_row(phone, found.at) for phone in found.phones],
        "next_page_after": found.next_page_after,
    }


def _row(phone: Phone, now: float) -> dict[str, Any]:
    session = phone.session
    return {
        "session": session.session_id,
        "token_fingerprint": session.fingerprint,
        "device": session.device_id,
        "user": session.user_id,
        "activity": session.activity_id,
        "status": session.status.value,
        "delivered": session.delivered,
        "pending": phone.pending,
        "under_way": phone.under_way,
        "answer": phone.answer,
        "attempts": session.attempts,
        "rejections": session.rejections,
        "environment": session.environment,
        "next_try": utc_of_next(phone.next_try, now),
        "expires_at": utc(session.expires_at),
    }


def _cells(phone: Phone, found: PhonesOfStream) -> tuple[str, ...]:
    session = phone.session
    return (
        session.fingerprint,
        shown(session.environment),
        shown(session.device_id),
        shown(session.user_id),
        session.status.value,
        told(session),
        str(session.attempts),
        shown(phone.answer),
        _next_try(phone, found),
    )


def _next_try(phone: Phone, found: PhonesOfStream) -> str:
    if phone.under_way:
        return "under way"
    if phone.pending:
        return when(phone.next_try, found.at)
    if not phone.follows:
        return "-"
    return "at the next update or the end" if found.is_kept_up_to_date else "at the stream's end"
