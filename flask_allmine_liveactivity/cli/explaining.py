"""The command that says why a stream's phones show what they show: one line a phone."""

from __future__ import annotations

from typing import Any

import click

from flask_allmine_liveactivity.app import operations
from flask_allmine_liveactivity.app.installation import current
from flask_allmine_liveactivity.app.operations import Phone, PhonesOfStream
from flask_allmine_liveactivity.cli.group import as_json, command
from flask_allmine_liveactivity.cli.printing import echo_json, shown, table, utc, utc_of_next, when
from flask_allmine_liveactivity.cli.standing import NOTHING_KNOWN, headline, silence
from flask_allmine_liveactivity.model import SessionStatus

HEADINGS = ("TOKEN", "DEVICE", "USER", "STATUS", "REFUSED", "LAST ANSWER", "NEXT TRY")


@command("why")
@click.argument("stream")
@click.option("--user", help="Only of this user.")
@click.option(
    "--status",
    "wanted",
    type=click.Choice([status.value for status in SessionStatus]),
    help="Only these; active: those who are still to be told.",
)
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--after", default="", help="Only those behind this session, to list them in pages.")
@as_json
def why(
    stream: str, user: str | None, wanted: str | None, limit: int, after: str, as_json: bool
) -> None:
    """Say what each phone of STREAM was answered, and when it is tried again.

    Tokens are shown by their fingerprints. A page has --limit phones, whatever the audience.
    """
    found = operations.why(
        current(),
        stream,
        user_id=user,
        status=None if wanted is None else SessionStatus(wanted),
        limit=limit,
        after=after,
    )
    event = found.event
    if as_json:
        echo_json(_report(found))
        return
    if event is None and not found.phones and not (user or wanted or after):
        click.echo(NOTHING_KNOWN.format(found.stream_id))
        return
    click.echo(headline(found.stream_id, event))
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
    for line in table(HEADINGS, [_cells(phone, found.at) for phone in found.phones]):
        click.echo(line)
    if found.next_page_after is not None:
        click.echo(
            f"There may be more: --after {found.next_page_after}; "
            "--status active: who is still to be told"
        )


def _report(found: PhonesOfStream) -> dict[str, Any]:
    event = found.event
    return {
        "stream": found.stream_id,
        "event": None if event is None else event.event,
        "state": None if event is None or event.state is None else event.state.value,
        "revision": None if event is None else event.revision,
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
        "pending": phone.pending,
        "under_way": phone.under_way,
        "answer": phone.answer,
        "attempts": session.attempts,
        "rejections": session.rejections,
        "next_try": utc_of_next(phone.next_try, now),
        "expires_at": utc(session.expires_at),
    }


def _cells(phone: Phone, now: float) -> tuple[str, ...]:
    session = phone.session
    return (
        session.fingerprint,
        shown(session.device_id),
        shown(session.user_id),
        session.status.value,
        str(session.attempts),
        shown(phone.answer),
        _next_try(phone, now),
    )


def _next_try(phone: Phone, now: float) -> str:
    if phone.under_way:
        return "under way"
    if phone.pending:
        return when(phone.next_try, now)
    return "at the stream's end" if phone.follows else "-"
