"""The command that says how things stand: who waits, since when, and why."""

from __future__ import annotations

from typing import Any

import click

from flask_allmine_liveactivity.app import operations
from flask_allmine_liveactivity.app.installation import current
from flask_allmine_liveactivity.app.operations import Standing
from flask_allmine_liveactivity.cli.group import Seconds, as_json, command
from flask_allmine_liveactivity.cli.printing import echo_json, shown, utc, utc_of_next, when
from flask_allmine_liveactivity.cli.streams import (
    NOTHING_KNOWN,
    fields_of,
    headline,
    known_lines,
    silence,
)
from flask_allmine_liveactivity.model import StreamEvent


@command("status")
@click.argument("stream", required=False)
@click.option(
    "--fail-if-older",
    type=Seconds(),
    metavar="SECONDS",
    help="Exit 1 if anybody has been waiting for an end for longer.",
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
            for line in known_lines(standing.event, standing.next_question, standing.at):
                click.echo(line)
        _echo_counts(standing)
        _echo_held(standing)
        _echo_alarm(standing)
    if fail_if_older is not None and standing.waits_longer_than(fail_if_older):
        raise SystemExit(1)


def _report(standing: Standing) -> dict[str, Any]:
    counts = standing.counts
    report: dict[str, Any] = {
        "active": counts.active,
        "pending": counts.pending,
        "oldest_pending_seconds": _rounded(standing.oldest_pending_seconds),
        "updates_pending": counts.updates_pending,
        "oldest_update_seconds": _rounded(standing.oldest_update_seconds),
        "updated": counts.updated,
        "held": [_of_held(event, standing.at) for event in standing.held],
        "more_held": standing.more_held,
        "waiting": dict(counts.waiting),
        "next_tries": {
            reason: utc_of_next(due_at, standing.at) for reason, due_at in counts.next_tries.items()
        },
        "ended": counts.ended,
        "dead": dict(counts.dead),
        "unknown": counts.unknown,
        "ends_found": counts.ends_found,
        "environment_alarm": standing.environment_alarm,
    }
    if standing.stream_id is not None:
        report["stream"] = standing.stream_id
        report["known"] = standing.known
        report |= fields_of(standing.event, standing.next_question, standing.at)
    return report


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _of_held(event: StreamEvent, now: float) -> dict[str, Any]:
    return {
        "stream": event.stream_id,
        "reason": event.held_reason,
        "since": utc(event.held_since),
        "next_try": utc_of_next(event.due_at, now),
        "needs_a_person": event.needs_a_person,
    }


def _echo_counts(standing: Standing) -> None:
    counts = standing.counts
    click.echo(f"running  {counts.active}")
    click.echo(f"pending  {counts.pending}{_oldest(standing.oldest_pending_seconds)}")
    if counts.updates_pending or counts.updated:
        waits = _oldest(standing.oldest_update_seconds)
        click.echo(f"updates  {counts.updates_pending} pending{waits}; {counts.updated} told")
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
    if counts.ends_found:
        click.echo(
            f"found    {counts.ends_found} streams had ended, and the app had not said so: does it "
            "call stream_changed() or notify_stream_state()?"
        )
    if counts.unknown:
        click.echo(f"unknown  {counts.unknown} of a status of a newer version, left alone")


def _oldest(seconds: float | None) -> str:
    return "" if seconds is None else f", the oldest for {seconds:.0f} s"


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
        cause = (
            "Most tokens are bad ones in both environments: LIVE_ACTIVITY_APNS_BUNDLE_ID is "
            "probably not that of the app."
            if standing.tried_in_both
            else "Most tokens are bad ones: LIVE_ACTIVITY_APNS_ENVIRONMENT is probably not the one "
            "the app was built for."
        )
        click.secho(
            f"{cause} Mend it, restart what delivers, then: flask live-activity resend", fg="red"
        )
