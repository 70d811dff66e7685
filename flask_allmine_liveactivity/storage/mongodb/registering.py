"""A registration where there are no transactions: writes to one document each, and what stands
where the process dies between two of them.

Most registrations are one write: they meet nobody, or renew a row of their own. Where others stand
in the way of the row's ``identity`` or activity, each of which is unique, the writes are these:

1. The row, with its own id in the place of what the others still have, as a row has that another
   user keeps from its activity. **From here on it is told.** Nothing has been taken from anybody.
2. Room, where the user has one row more: his rows that are over are deleted, one by one; where
   those are too few the row is taken back, and nothing has happened.
3. Those in the way give up the activity, and those that are superseded are deleted, one by one.
   They are of the same activity of the same phone: their successor stands.
4. The row gets its ``identity`` and the activity.

So whoever was to be told has at every moment a row that can be claimed: his own, his successor's,
or, after the first step, both; an activity that is ended twice has ended. A phone whose request was
cut off has had no answer and asks again. The row of the first step has its token, so that the
request meets it, renews it and takes the steps that were left: it comes to the same. Two things
differ, both about room. A process that dies before it has been made leaves one row too many, or a
running one that should have been refused: the repeated request finds its row, and counts nothing.
``room.py`` says what becomes of that. And until the phone asks again its activity is free for
another user to register, who then has it as whoever comes first.

One case is not so: a rule that deletes a row with the token that it writes to *another* row. A
token is one row's, so that the old one goes first. ``phones.registration`` renews the row that has
the token.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from pymongo.errors import DuplicateKeyError

from flask_allmine_liveactivity.model import Session
from flask_allmine_liveactivity.storage.mongodb.collections import Collections, contended
from flask_allmine_liveactivity.storage.mongodb.documents import (
    LOCK,
    Document,
    changes_of,
    document_of,
    session_as_read,
    session_of,
)
from flask_allmine_liveactivity.storage.mongodb.room import Room, room_of
from flask_allmine_liveactivity.storage.mongodb.uniqueness import IndexesAreGone, change, insert
from flask_allmine_liveactivity.storage.resolution import FULL, Resolution, Resolve
from flask_allmine_liveactivity.storage.retries import ATTEMPTS, wait_for_others


class Overtaken(Exception):
    """Another writer came in between: look again."""


class Met(NamedTuple):
    """A session that a registration has met, and the document that it was read from."""

    session: Session
    raw: Document


class Registering:
    """One registration.

    Args:
        collections: Where it is written.
        session: The row as it would be if nothing stood in its way.
        at_most: How many rows its user may have.
    """

    def __init__(self, collections: Collections, session: Session, at_most: int | None) -> None:
        self._collections = collections
        self._sessions = collections.sessions
        self._session = session
        self._room = room_of(collections.sessions, session, at_most)

    def by(self, resolve: Resolve) -> Resolution:
        """Decide by a rule, and write."""
        refusal: Resolution | None = None
        with self._collections.ready():
            for attempt in range(ATTEMPTS):
                if attempt > 1:
                    wait_for_others(attempt - 1)
                # Most registrations meet nobody: an insert decides those.
                has_looked = attempt > 0
                met = self._look() if has_looked else []
                rows = [each.session for each in met]
                resolution = resolve(rows)
                if not resolution.outcome.is_stored:
                    if has_looked:
                        return resolution
                    continue
                room = self._room_for(resolution, rows)
                if room is not None and has_looked and not room.can_be_made(resolution, rows):
                    return FULL
                try:
                    if self._write(resolution, met, room):
                        return resolution
                    refusal = FULL
                except (Overtaken, DuplicateKeyError):
                    continue
                except IndexesAreGone:
                    self._collections.look_again()
        if refusal is not None:
            return refusal
        raise contended()

    def _look(self) -> list[Met]:
        row = self._session
        shared = [{"token": row.token}, {"identity": row.identity}, {LOCK: row.activity_lock}]
        found = self._sessions.find({"$or": shared}).sort("_id", 1)
        return [Met(session_of(raw), raw) for raw in found]

    def _room_for(self, resolution: Resolution, met: Sequence[Session]) -> Room | None:
        room = self._room
        return room if room is not None and room.is_needed(resolution, met) else None

    def _write(self, resolution: Resolution, met: Iterable[Met], room: Room | None) -> bool:
        """Returns whether there was room; without it nothing has changed."""
        by_id = {each.session.session_id: each for each in met}
        superseded = [by_id[session_id] for session_id in resolution.delete]
        in_the_way = [by_id[session_id] for session_id in resolution.unlock]
        row = resolution.write
        if row is None:
            self._clear_away(in_the_way, superseded)
            return True
        self._clear_away([], [each for each in superseded if each.session.token == row.token])
        superseded = [each for each in superseded if each.session.token != row.token]
        before = by_id.get(row.session_id)
        free = _with_what_is_free(row, [each.session for each in (*superseded, *in_the_way)])
        stands = self._put(free, before)
        if room is not None and not room.make():
            self._take_back(stands, before)
            return False
        self._clear_away(in_the_way, superseded)
        if free is not row:
            self._change(stands, {"identity": row.identity, LOCK: row.activity_lock})
        return True

    def _put(self, row: Session, before: Met | None) -> Document:
        """Returns the document as it stands then."""
        if before is None:
            document = document_of(row)
            if not insert(self._sessions, document):
                raise Overtaken
            return document
        old = before.session
        if (row.token, row.registered_at) == (old.token, old.registered_at):
            changes = changes_of(old, row)
        else:
            # Another token or another life: what a worker has written meanwhile (his claim, his
            # wait) was of the old one.
            changes = document_of(row)
            del changes["_id"]
        return self._change(before.raw, changes)

    def _change(self, raw: Document, changes: Document) -> Document:
        if changes and not change(self._sessions, session_as_read(raw), changes):
            raise Overtaken
        return {**raw, **changes}

    def _take_back(self, stands: Document, before: Met | None) -> None:
        if before is None:
            self._sessions.delete_one(session_as_read(stands))
        else:
            self._sessions.replace_one(session_as_read(stands), before.raw)

    def _clear_away(self, in_the_way: Iterable[Met], superseded: Iterable[Met]) -> None:
        for each in in_the_way:
            self._change(each.raw, {LOCK: each.raw["_id"]})
        for each in superseded:
            if not self._sessions.delete_one(session_as_read(each.raw)).deleted_count:
                raise Overtaken


def _with_what_is_free(row: Session, others: Sequence[Session]) -> Session:
    """The row, with its own id in the place of what others still have."""
    if all(
        other.identity != row.identity and other.activity_lock != row.activity_lock
        for other in others
    ):
        return row
    return replace(row, identity=row.session_id, activity_lock=row.session_id)
