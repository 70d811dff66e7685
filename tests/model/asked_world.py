"""A world whose host is asked what its streams are, and whose countdowns are kept up to date."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flask_allmine_liveactivity import StreamState, notify_stream_state
from flask_allmine_liveactivity.model import Push, Session, SessionStatus, StreamEvent
from flask_allmine_liveactivity.simulator.phones import Activity, Phone
from flask_allmine_liveactivity.storage.base import Storage
from model.process import LEASE, Process, Violation
from model.truth import EXPIRES_AFTER, INTERVAL, Plan, Truth, Truths, Watch
from model.world import PATIENCE, STREAMS, World, tells_of_an_end

# Seconds from one look to the next while it comes to rest.
STEP = 30.0
# How long an end may wait for what was under way as it was announced, and for no more.
PROMPTLY = LEASE + 2 * STEP
# By then two answers in a row have told of an end that nobody has announced.
FOUND_WITHIN = 2 * INTERVAL + 2 * STEP


class AskedWorld(World):
    """It knows what is true, and may forget to say so."""

    is_asked = True

    def __init__(self, storage: Storage, seed: int = 0) -> None:
        self.truths = Truths(STREAMS)
        self.watch = Watch()
        self.ended_since: dict[str, float] = {}
        """Since when a stream is over, as the host knows."""
        self.to_reopen: set[str] = set()
        """Streams of which an end may stand that is not true any more: a host that schedules one
        again repeats that until it has said so."""
        self.missed: set[str] = set()
        """Activities of which Apple has overwritten the latest push, as long as no other comes."""
        self.ends: set[tuple[str, int]] = set()
        """Streams and revisions that were ends."""
        self._stored: dict[str, str] = {}
        """By phone, the activity of which Apple keeps a push until it is online."""
        super().__init__(storage, seed)

    def _start_process(self) -> Process:
        process = super()._start_process()
        process.measure_by(lambda: self.now)
        return process

    # --- the host ----------------------------------------------------------------------------

    def answers(self, process: Process, stream_ids: Sequence[str]) -> Mapping[Any, Any]:
        if process.is_checking:
            for stream_id in stream_ids:
                row = self.storage.streams.read(stream_id)
                expiry = None if row is None else row.countdown_expires_at
                if not self.watch.note(stream_id, process.round, expiry, self.now):
                    # Raised in the host's callback it would be a callback that fails.
                    process.broken = "Of a question that hangs the host is asked again at once."
        return self.truths.answers(stream_ids, self.now, process.fault)

    def has_ended(self, stream_id: str) -> bool:
        truth = self.truths.read(stream_id)
        return stream_id in self.over or (
            isinstance(truth, Plan) and truth.starts_at + EXPIRES_AFTER <= self.now
        )

    def end(self, process: Process, stream_id: str, state: StreamState) -> None:
        def tell(process: Process) -> None:
            with process.app.app_context():
                notify_stream_state(stream_id, state)

        self._change(process, stream_id, lambda: self._commit(stream_id, state), tell)

    def end_and_have_it_asked(
        self, process: Process, stream_id: str, state: StreamState, fault: str = "none"
    ) -> None:
        """It says only that something has changed."""
        self._say(process, stream_id, state, fault)

    def end_unsaid(self, stream_id: str, state: StreamState) -> None:
        """It commits that, and dies."""
        if stream_id not in self.in_transition:
            self._commit(stream_id, state)
            self.unsaid[stream_id] = lambda: None

    def plan(self, process: Process, stream_id: str, what: str, fault: str = "none") -> None:
        """A stream is scheduled, and shown; where it is already it is renamed or moved."""
        plan = self.truths.read(stream_id)
        if not isinstance(plan, Plan) or self.has_ended(stream_id):
            truth = self.truths.new_plan(self.now + 900)
        elif what == "rename":
            truth = self.truths.renamed(plan)
        elif what == "move":
            truth = Plan(plan.title, self.now + 1200)
        else:
            truth = self.truths.new_plan(self.now + 600)
        self._say(process, stream_id, truth, fault)

    def hide(self, process: Process, stream_id: str, fault: str = "none") -> None:
        """It is to come, and no longer shown."""
        self._say(process, stream_id, None, fault)

    def reopen(self, process: Process, stream_id: str) -> None:
        """It is scheduled again; where it was shown before it may be shown once more."""
        self.reopen_alone(process, stream_id)
        again = self.random.random() < 0.5
        self._say(process, stream_id, self.truths.new_plan(self.now + 900) if again else None)

    def reopen_alone(self, process: Process, stream_id: str) -> None:
        """It is scheduled again, and what it shows is left to the next check."""

        def tell(process: Process) -> None:
            with process.app.app_context():
                self._reopen(process, stream_id)

        def commit() -> None:
            self.to_reopen.add(stream_id)
            self._commit(stream_id, self.truths.new_plan(self.now + 900))

        self._change(process, stream_id, commit, tell)

    def _reopen(self, process: Process, stream_id: str) -> None:
        process.live_activity.reopen_stream(stream_id)
        self.to_reopen.discard(stream_id)
        self.happenings += 1
        self.opened_at[stream_id] = self.happenings

    def _say(self, process: Process, stream_id: str, truth: Truth, fault: str = "none") -> None:
        def commit() -> None:
            if self.has_ended(stream_id):
                self.to_reopen.add(stream_id)
            self._commit(stream_id, truth)

        def tell(process: Process) -> None:
            process.fault = fault
            try:
                self._tell(process, stream_id)
            finally:
                process.fault = "none"

        self._change(process, stream_id, commit, tell)
        if fault != "none":  # it was not heard
            self.unsaid[stream_id] = lambda: None

    def _tell(self, process: Process, stream_id: str) -> None:
        """It learns from the row where an end stands that is not true (any more)."""
        with process.app.app_context():
            for _ in range(2):
                row = self.storage.streams.read(stream_id)
                truth = self.truths.read(stream_id)
                # Where no end stands, and something new is shown, it need not.
                stands = truth is None or (row is not None and row.is_end)
                if stream_id in self.to_reopen and not self.has_ended(stream_id) and stands:
                    self._reopen(process, stream_id)
                self.to_reopen.discard(stream_id)
                process.live_activity.stream_changed(stream_id)
                row = self.storage.streams.read(stream_id)
                if row is not None and row.is_end and not self.has_ended(stream_id):
                    self.to_reopen.add(stream_id)

    def _commit(self, stream_id: str, truth: Truth) -> None:
        self.truths.commit(stream_id, truth, self.now)
        if isinstance(truth, StreamState):
            self.over[stream_id] = truth
        else:
            self.over.pop(stream_id, None)

    def keep_house(self) -> None:
        """Rows that have expired go; what anything hangs on stays."""
        self.storage.purge(self.now)
        for session in self._running():
            row = self.storage.streams.read(session.stream_id)
            if row is None or row.revision < session.delivered:
                raise Violation("A stream's row has gone, and somebody still hangs on it.")

    # --- what must hold of every write, answer and push --------------------------------------

    def written(self, before: StreamEvent | None, stands: StreamEvent) -> None:
        if stands.is_end:
            self.ends.add((stands.stream_id, stands.revision))
        if before is None:
            return
        if stands.revision < before.revision:
            raise Violation("A revision has begun again.")
        was_lifted = before.needs_a_person and stands.held_since is None
        if was_lifted and before.is_update and stands.is_update:
            raise Violation("An update has lifted a hold: it will knock with a wrong key.")
        is_new = stands.is_end and stands.revision > before.revision
        stream_id = stands.stream_id
        if is_new and not self.has_ended(stream_id) and stream_id not in self.unsaid:
            raise Violation("An end is announced of a stream that has not ended.")

    def check_registration(self, phone: Phone, activity: Activity) -> None:
        """An app has just registered, and nothing came in between."""
        answer = phone.registration(activity)
        row = self.storage.streams.read(activity.stream_id)
        if answer is None or row is None:
            return
        if answer.status == 200 and activity.stream_id in self.over and not row.is_end:
            raise Violation("The guard knew of an end, and it was not announced.")
        if answer.status == 409 and "ended" in answer.said and not row.is_end:
            raise Violation("An app is told that a stream has ended that has not.")

    def _keep_watch(self, push: Push) -> None:
        super()._keep_watch(push)
        session = push.session
        if tells_of_an_end(push):
            return
        shown = json.loads(push.payload)["aps"]["content-state"]
        if shown["of"] != session.stream_id:
            raise Violation("A phone is told what another stream is.")
        if session.user_id is None:
            raise Violation("Whoever has this phone by now is told what was for another.")

    def _hand_over(self, push: Push) -> None:
        held = self.holder(push.token)
        if held is not None:
            phone, activity = held
            self.missed.discard(activity.id)
            if not phone.is_online:
                overwritten = self._stored.get(phone.id)
                if overwritten not in (None, activity.id):
                    self.missed.add(str(overwritten))
                self._stored[phone.id] = activity.id
        super()._hand_over(push)

    def go_online(self, phone: Phone) -> None:
        """Apple hands it what it has kept."""
        phone.flight_mode = False
        self._stored.pop(phone.id, None)

    # --- coming to rest ----------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """Hosts die and forget what they had to say, but for streams that are scheduled again."""
        self.wake_up()
        for stream_id in STREAMS:
            row = self.storage.streams.read(stream_id)
            ended = self.has_ended(stream_id)
            if not ended and (stream_id in self.to_reopen or (row is not None and row.is_end)):
                self.to_reopen.add(stream_id)
                self._tell(self.process, stream_id)
        self.unsaid.clear()
        self.open_phones()
        began = self.now
        while True:
            self.process.ask()
            self.process.deliver()
            self.phones.tick()
            self._check_promptness(self.now - began)
            left = self.left_over()
            quiet = not left and not self._outdated()
            if self.now - began >= PATIENCE or (quiet and self.now - began >= FOUND_WITHIN):
                break
            self.now += STEP
        self.complain_of(left)
        if outdated := self._outdated():
            raise Violation(f"Phones show what is not so any more: {outdated}")

    def open_phones(self) -> None:
        for phone in self.phones.all:
            self.go_online(phone)
        super().open_phones()

    def left_over(self) -> list[Activity]:
        # A stream that has just expired is found at its expiry, and told.
        return [each for each in super().left_over() if self._ended_for(each.stream_id) > STEP]

    def _ended_for(self, stream_id: str) -> float:
        truth = self.truths.read(stream_id)
        if not isinstance(truth, Plan):
            return PATIENCE
        return self.now - truth.starts_at - EXPIRES_AFTER

    def _check_promptness(self, passed: float) -> None:
        rows = {stream_id: self.storage.streams.read(stream_id) for stream_id in STREAMS}
        for session in self._running():
            row = rows[session.stream_id]
            known_for = min(passed, self._ended_for(session.stream_id))
            is_over = self.has_ended(session.stream_id) and known_for > FOUND_WITHIN
            if is_over and (row is None or not row.is_end):
                raise Violation("An end that nobody has announced is not found.")
        if passed < PROMPTLY:
            return
        for session in self._running():
            row = rows[session.stream_id]
            if row is None or not row.is_end or row.announced_at is None:
                continue
            waits_for_the_end = (session.stream_id, session.refused) in self.ends or (
                row.held_since is not None and row.held_since > row.announced_at
            )
            told_for = min(passed, self.now - row.announced_at)
            if told_for >= PROMPTLY and not waits_for_the_end:
                raise Violation("An end waits for what an update has caused.")

    def _running(self) -> list[Session]:
        rows = self.storage.sessions.page(limit=1000)
        return [
            row for row in rows if row.status is SessionStatus.ACTIVE and row.expires_at > self.now
        ]

    def _outdated(self) -> list[str]:
        """What runs, has registered, and does not show what the host says last."""
        registered = {
            row.token
            for row in self._running()
            # Who refuses what he is told is left alone for an hour.
            if row.user_id is not None and not (row.rejections and row.due_at > self.now)
        }
        return [
            f"{activity.id} shows {activity.content_state}, and not {truth.title}"
            for phone in self.phones.all
            for activity in phone.activities
            if activity.is_active and activity.token in registered
            if activity.id not in self.missed
            if isinstance(truth := self.truths.read(activity.stream_id), Plan)
            if not self.has_ended(activity.stream_id)
            if activity.content_state.get("title") != truth.title
        ]
