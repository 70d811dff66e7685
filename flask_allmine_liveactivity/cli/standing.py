"""The command that says how things stand: who waits, since when, and why."""

from __future__ import annotations

from typing import Any

import click

from flask_allmine_liveactivity.app import operations
from flask_allmine_liveactivity.app.installation import current
from flask_allmine_liveactivity.app.operations import Standing
from flask_allmine_liveactivity.cli.group import Seconds, as_json, command
from flask_allmine_liveactivity.cli.printing import echo_json, shown, utc, utc_of_next, when
from flask_allmine_liveactivity.model import StreamEvent

NOTHING_KNOWN = (
    "Nothing is known of stream {}: no phone has registered for it, no end was announced."
)


@command("status")
@click.argument("stream", required=False)
@click.option(
    "--fail-if-older",
    type=Seconds(),
    metavar="SECONDS",
    help="Exit 1 if anybody has been waiting for longer.",
)
@as_json
def status(stream: str | None, fail_if_older: float | None, as_json: bool) -> None:
    """Who is still to be told, since when, what is held and why, and who was given up."""
    standing = operations.status(current(), stream)
    if as_json:
        echo_json(_report(standing))
    elif standing.stream_id is not None and not standing.known:
        click.echo(NOTHING_KNOWN.format(standing.stream_id))
    else:
        if standing.stream_id is not None:
            click.echo(headline(standing.stream_id, standing.event))
        _echo_counts(standing)
        _echo_held(standing)
        _echo_alarm(standing)
    if fail_if_older is not None and standing.waits_longer_than(fail_if_older):
        raise SystemExit(1)


def headline(stream_id: str, event: StreamEvent | None) -> str:
    """What a stream's Live Activities must be told, in one line."""
    if event is None:
        return f"stream {stream_id}: to come, no end was announced"
    if event.is_a_newer_versions:
        kind = shown(event.event)
        return f"stream {stream_id}: {kind}, left to the newer version that has announced it"
    state = "to come" if event.state is None else event.state.value
    return f"stream {stream_id}: {state}, revision {event.revision}"


def silence(event: StreamEvent) -> str:
    """Why nothing is sent where the push service does not answer."""
    since = f"no answer from the push service since {utc(event.held_since)}"
    return f"{since} ({shown(event.seen_instead)}): tried again by itself"


def _report(standing: Standing) -> dict[str, Any]:
    counts, age = standing.counts, standing.oldest_pending_seconds
    report: dict[str, Any] = {
        "active": counts.active,
        "pending": counts.pending,
        "oldest_pending_seconds": None if age is None else round(age, 1),
        "held": [_of_held(event, standing.at) for event in standing.held],
        "more_held": standing.more_held,
        "waiting": dict(counts.waiting),
        "next_tries": {
            reason: utc_of_next(due_at, standing.at) for reason, due_at in counts.next_tries.items()
        },
        "ended": counts.ended,
        "dead": dict(counts.dead),
        "unknown": counts.unknown,
        "environment_alarm": standing.environment_alarm,
    }
    if standing.stream_id is not None:
        event = standing.event
        report["stream"] = standing.stream_id
        report["known"] = standing.known
        report["state"] = None if event is None or event.state is None else event.state.value
        report["revision"] = None if event is None else event.revision
    return report


def _of_held(event: StreamEvent, now: float) -> dict[str, Any]:
    return {
        "stream": event.stream_id,
        "reason": event.held_reason,
        "since": utc(event.held_since),
        "next_try": utc_of_next(event.due_at, now),
        "needs_a_person": event.needs_a_person,
    }


def _echo_counts(standing: Standing) -> None:
    counts, age = standing.counts, standing.oldest_pending_seconds
    waits = "" if age is None else f", the oldest for {age:.0f} s"
    click.echo(f"running  {counts.active}")
    click.echo(f"pending  {counts.pending}{waits}")
    for reason, count in counts.waiting.items():
        due_at = counts.next_tries.get(reason)
        next_try = "" if due_at is None else f", next try {when(due_at, standing.at)}"
        click.echo(f"           {count} refused before: {shown(reason)}{next_try}")
    if standing.not_refused:
        click.echo(
            f"           {standing.not_refused} not refused: not tried yet, under way, or held"
        )
    click.echo(f"told     {counts.ended}")
    click.echo(f"given up {sum(counts.dead.values())}")
    for reason, count in counts.dead.items():
        click.echo(f"           {count} {shown(reason)}")
    if counts.unknown:
        click.echo(f"unknown  {counts.unknown} of a status of a newer version, left alone")


def _echo_held(standing: Standing) -> None:
    for event in standing.held:
        if event.needs_a_person:
            why = f"{shown(event.held_reason)}, since {utc(event.held_since)}"
            line = f"held     {event.stream_id}: {why}, next try {when(event.due_at, standing.at)}"
            click.secho(line, fg="red")
        else:
            click.echo(f"silent   {event.stream_id}: {silence(event)}")
    if standing.more_held:
        click.secho(
            f"held     more than these {len(standing.held)}; name a stream to see its own", fg="red"
        )


def _echo_alarm(standing: Standing) -> None:
    if standing.environment_alarm:
        click.secho(
            "Most tokens are bad ones: LIVE_ACTIVITY_APNS_ENVIRONMENT is probably not the one the "
            "app was built for. Mend it, restart what delivers, then: flask live-activity resend",
            fg="red",
        )
