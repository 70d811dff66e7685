"""Host, extension, Apple and phones in one thread and one clock, to be driven by a model test.

Everything is the real thing but the wire: the endpoint over WSGI, delivery, storage, and the phones
of the simulator.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask_jwt_extended import create_access_token

from flask_allmine_liveactivity import StreamState, notify_stream_state
from flask_allmine_liveactivity.model import (
    Push,
    PushResult,
    StreamEvent,
    Verdict,
)
from flask_allmine_liveactivity.push.answers import read_refusal, verdict_of
from flask_allmine_liveactivity.simulator import Answer, Received
from flask_allmine_liveactivity.simulator.phones import Activity, Backend, Phone, Phones
from flask_allmine_liveactivity.storage.base import Storage
from model.process import Crash, Process, Violation

BUNDLE = "com.example.allmine"
STREAMS = tuple(f"65f00000000000000000000{number}" for number in range(2))
USERS = ("ada", "grace")
# The longest back-off and hold, and a little.
PATIENCE = 20 * 60.0
BEGINNING = 1_800_000_000.0


class World:
    """All of it.

    Args:
        storage: Empty; shared by all processes.
        seed: Of tokens and of the order of answers.
    """

    is_asked = False
    """Whether the host has said how it is asked what its streams are."""

    def __init__(self, storage: Storage, seed: int = 0) -> None:
        self.now = BEGINNING
        self.random = random.Random(seed)
        self.storage = storage
        self.phones = Phones(
            bundle_id=BUNDLE,
            environment="sandbox",
            clock=lambda: self.now,
            random=random.Random(seed),
        )
        self.faults: list[str] = []
        """What happens to the next pushes, one each."""
        self.apple_is_up = True
        self.over: dict[str, StreamState] = {}
        """The host's truth: streams whose countdown has ended."""
        self.opened_at: dict[str, float] = {}
        """When a stream was last scheduled again, by the count of happenings."""
        self.happened = 0
        """How much has happened in the middle of something."""
        self.happenings = 0
        self.begun: dict[str, int] = {}
        """When an activity was begun, by the same count."""
        self.unsaid: dict[str, Callable[[], None]] = {}
        """What the host still has to tell the extension, because it crashed as it did."""
        self.in_transition: set[str] = set()
        self.dated: dict[str, tuple[int, int]] = {}
        """Revision and timestamp of each stream's latest end."""
        self.told_while_away: set[str] = set()
        """Phones to which a push was accepted that may have overwritten another."""
        self.stale_410: set[str] = set()
        self._processes: list[Process] = []
        self.elsewhere = self._start_process()
        self.process = self._start_process()

    # --- the host ----------------------------------------------------------------------------

    def guard(self, stream_id: str, user_id: str) -> StreamState | None:
        """What it says to who registers."""
        return self.over.get(stream_id)

    def answers(self, process: Process, stream_ids: Sequence[str]) -> Mapping[Any, Any]:
        """What the host says where it is asked about its streams."""
        raise NotImplementedError

    def has_ended(self, stream_id: str) -> bool:
        """Whether a stream's countdowns are to be ended."""
        return stream_id in self.over

    def end(self, process: Process, stream_id: str, state: StreamState) -> None:
        """The host commits, then tells the extension."""

        def tell(process: Process) -> None:
            with process.app.app_context():
                notify_stream_state(stream_id, state)

        self._change(process, stream_id, lambda: self.over.update({stream_id: state}), tell)

    def reopen(self, process: Process, stream_id: str) -> None:
        """The stream is scheduled again."""

        def tell(process: Process) -> None:
            with process.app.app_context():
                process.live_activity.reopen_stream(stream_id)
            self.happenings += 1
            self.opened_at[stream_id] = self.happenings

        self._change(process, stream_id, lambda: self.over.pop(stream_id, None), tell)

    def _change(
        self,
        process: Process,
        stream_id: str,
        commit: Callable[[], object],
        tell: Callable[[Process], None],
    ) -> None:
        # A host does not change the state of one stream twice at once.
        if stream_id in self.in_transition:
            return
        self.in_transition.add(stream_id)
        commit()
        # Whoever sees an error says it again; until then it is not settled.
        self.unsaid[stream_id] = lambda: tell(self.process)
        try:
            tell(process)
            del self.unsaid[stream_id]
        finally:
            self.in_transition.discard(stream_id)

    def log_out(self, process: Process, phone: Phone, user: str) -> None:
        with process.app.app_context():
            process.live_activity.release(user, phone.id)

    def restart(self) -> None:
        """A new process takes the place of the dead one."""
        self.process = self._start_process()

    def close(self) -> None:
        """Its end."""
        for process in self._processes:
            process.close()

    def _start_process(self) -> Process:
        process = Process(self)
        self._processes.append(process)
        return process

    def backend(self) -> Backend:
        """What the app on a phone talks to: whichever process there is."""
        return Backend(self._request)

    def _request(self, method: str, path: str, body: Any, token: str | None) -> tuple[int, Any]:
        process = self.process
        if path.endswith("/login"):
            with process.app.app_context():
                return 200, {"accessToken": create_access_token(body["username"])}
        if path.endswith("/logout"):
            return 200, {"success": True}
        headers = {"Authorization": f"Bearer {token}"}
        try:
            answer = process.app.test_client().open(path, method=method, json=body, headers=headers)
        except Crash:
            self.restart()
            raise ConnectionError("the server has gone") from None
        return answer.status_code, answer.get_json()

    # --- phones ------------------------------------------------------------------------------

    def follow(self, phone: Phone, stream_id: str) -> Activity:
        self.happenings += 1
        # Before the app registers it, since the end may come as it does.
        number = self.happenings
        activity = phone.follow(stream_id, content_state={"status": "scheduled"})
        self.begun[activity.id] = number
        return activity

    def holder(self, token: str) -> tuple[Phone, Activity] | None:
        for phone in self.phones.all:
            for activity in phone.activities:
                if activity.token == token:
                    return phone, activity
        return None

    # --- Apple -------------------------------------------------------------------------------

    def apple(self, push: Push) -> PushResult:
        """Judge a push as Apple does, and hand it to its phone."""
        if not self.apple_is_up:
            return PushResult(push, Verdict.UNREACHABLE, reason="no answer")
        self._keep_watch(push)
        fault = self.faults.pop(0) if self.faults else "none"
        match fault:
            case "503":
                return self._refused(push, Answer.unavailable(retry_after=30), retry_after=30.0)
            case "429":
                return self._refused(push, Answer.too_many_requests())
            case "500":
                return self._refused(push, Answer.internal_server_error())
            case "403":
                return self._refused(push, Answer.invalid_provider_token())
            case "400":
                return self._refused(push, Answer.bad_device_token())
            case "reset":
                return PushResult(push, Verdict.UNREACHABLE, reason="reset")
            case "stale 410" if push.token not in self.stale_410:
                self.stale_410.add(push.token)
                return self._refused(push, Answer.gone(push.session.token_seen_at - 3600))
        refusal = self.phones.refusal(
            push.token, bundle_id=BUNDLE, environment="sandbox", at=self.now
        )
        if refusal is not None:
            return self._refused(push, refusal)
        self._hand_over(push)
        if fault == "answer lost":
            return PushResult(push, Verdict.UNREACHABLE, reason="no answer")
        return PushResult(push, Verdict.DELIVERED, status=200)

    def _hand_over(self, push: Push) -> None:
        held = self.holder(push.token)
        if held is not None and held[0].flight_mode:
            self.told_while_away.add(held[0].id)
        self.phones.receive(
            Received(
                token=push.token,
                path=f"/3/device/{push.token}",
                headers={
                    "apns-priority": str(push.priority),
                    "apns-expiration": str(push.expiration),
                    "apns-topic": f"{BUNDLE}.push-type.liveactivity",
                    "apns-push-type": "liveactivity",
                },
                payload=json.loads(push.payload),
                body=push.payload,
                status=200,
                reason=None,
                apns_id=push.apns_id,
                provider_token=None,
                at=self.now,
            )
        )

    @staticmethod
    def _refused(push: Push, answer: Answer, retry_after: float | None = None) -> PushResult:
        refusal = read_refusal(answer.body)
        return PushResult(
            push,
            verdict_of(answer.status, refusal.reason),
            status=answer.status,
            reason=refusal.reason,
            retry_after=retry_after,
            gone_since=refusal.since,
        )

    # --- what must hold of every push --------------------------------------------------------

    def _keep_watch(self, push: Push) -> None:
        session = push.session
        held = self.holder(push.token)
        if held is not None:
            _, activity = held
            if activity.stream_id != session.stream_id or activity.id != session.activity_id:
                raise Violation("A token is pushed to for another activity.")
            scheduled_again = self.opened_at.get(session.stream_id, -1)
            if (
                tells_of_an_end(push)
                and not self.has_ended(session.stream_id)
                and session.stream_id not in self.unsaid
                and self.begun.get(activity.id, 0) > scheduled_again
            ):
                raise Violation("An activity is ended whose stream has not.")

    def written(self, before: StreamEvent | None, stands: StreamEvent) -> None:
        """A stream's row was written."""

    def check_timestamps(self) -> None:
        """iOS drops what is older than what it has seen: each new end is dated later."""
        for stream_id in STREAMS:
            event = self.storage.streams.read(stream_id)
            if event is None or event.event is None:
                continue
            revision, timestamp = self.dated.get(stream_id, (0, 0))
            if event.revision > revision and event.timestamp <= timestamp:
                raise Violation("Timestamps do not rise: iOS would drop the newer push.")
            self.dated[stream_id] = (event.revision, event.timestamp)

    # --- coming to rest ----------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """Apple answers, phones are on, nobody fails: soon no countdown may be left over."""
        self.wake_up()
        for repeat in list(self.unsaid.values()):
            repeat()
        self.unsaid.clear()
        self.open_phones()
        deadline = self.now + PATIENCE
        while True:
            self.process.deliver()
            self.phones.tick()
            if not (left := self.left_over()) or self.now >= deadline:
                break
            self.now += 20.0
        self.complain_of(left)

    def wake_up(self) -> None:
        """Apple answers, and nobody fails any more."""
        self.apple_is_up, self.faults = True, []
        self.process.interrupts.clear()

    def open_phones(self) -> None:
        """All are on, and their apps tell what they have to."""
        for phone in self.phones.all:
            phone.flight_mode = False
            # Only an app with somebody logged in can tell of a token, or that it still shows what
            # Apple was told to end: of the pushes that wait for a phone Apple keeps the last.
            if phone.id in self.told_while_away or phone.missed_registrations:
                if phone.username is None:
                    phone.log_in(self.backend(), USERS[0], "password")
                phone.open_app()

    @staticmethod
    def complain_of(left: list[Activity]) -> None:
        """No countdown may be left over."""
        if left:
            shown = ", ".join(f"{activity.id} of {activity.stream_id}" for activity in left)
            raise Violation(f"Dead countdowns on lock screens: {shown}")

    def left_over(self) -> list[Activity]:
        """Activities that run although their stream has ended."""
        return [
            activity
            for phone in self.phones.all
            for activity in phone.activities
            if activity.is_active and self.has_ended(activity.stream_id)
        ]


def tells_of_an_end(push: Push) -> bool:
    """Whether a push ends an activity."""
    return bool(json.loads(push.payload)["aps"]["event"] == "end")
