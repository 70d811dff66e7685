"""One warm HTTP/2 connection to Apple, and the pushes in flight on it.

libcurl does the protocol: multiplexing, flow control, GOAWAY, reconnecting. What is left to do
here is to keep the right number of requests in flight and to read the answers.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace

import pycurl

from flask_allmine_liveactivity.model import Push, PushResult, Verdict
from flask_allmine_liveactivity.push.answers import read_refusal, verdict_of
from flask_allmine_liveactivity.push.apns.curl_errors import CUT, HTTP2_STREAM, UNTRUSTED, meaning
from flask_allmine_liveactivity.push.apns.endpoint import Endpoint
from flask_allmine_liveactivity.push.apns.multi import Multi
from flask_allmine_liveactivity.push.apns.provider_token import ProviderToken
from flask_allmine_liveactivity.push.apns.proxy import failure_at_proxy
from flask_allmine_liveactivity.push.apns.seat import Seat, new_handle
from flask_allmine_liveactivity.push.source import later_of, let_go

# Apple allows 500 to 1,500 streams once a connection is authenticated.
MAX_IN_FLIGHT = 1000
# A server that answers within so many seconds needs no more in flight than so many.
NEAR = 0.02
NEAR_IN_FLIGHT = 100
# How many looks at what has been answered make a habit: one slow answer, of a machine that was
# busy for a moment, is no reason to take the memory for a thousand.
HABIT = 8
# So many results are taken before their places are filled again: the server works on the new
# pushes while the next results are taken, instead of both waiting for each other.
AT_A_TIME = 64
# Who is slow to bring more pushes does not keep those in flight waiting longer than so many
# seconds: libcurl's time to have an answer runs also while nobody lets it work.
FILL_FOR = 0.05
# How long answers are waited for before more pushes are asked for, in seconds.
ASK_AGAIN = 0.5
# Seconds to connect, and to have an answer. Where nothing is answered all wait for it, since Apple
# allows a new connection one stream until it has answered on it.
CONNECT_TIMEOUT = 10
ANSWER_TIMEOUT = 15
# An answer that took longer, in seconds, says that too much waits in line.
SLOW_ANSWER = 5.0
# Who has waited longer than ``SLOW_ANSWER`` takes no place from the others, for so many of them:
# a few that are never answered must not keep a connection with little room to themselves.
PASSED_OVER = 8
# So many streams that are reset one after the other, and none answered, tell of Apple and not of
# the pushes on them.
FEW_RESETS = 3
# Who answers so stands between Apple and us.
NOT_HTTP2 = "answered in HTTP/1, and Apple speaks HTTP/2 only"


class Connection:
    """Opens one connection and keeps it. Used by one thread at a time."""

    def __init__(self, endpoint: Endpoint, provider_token: ProviderToken) -> None:
        self._endpoint = endpoint
        self._provider_token = provider_token
        self._multi = Multi(MAX_IN_FLIGHT)
        self._free: list[Seat] = []
        self._flights: dict[pycurl.Curl, Seat] = {}
        self._again: deque[tuple[Push, int]] = deque()
        self._bearer = ""
        self._headers: list[str] = []
        self._fresh_connection_wanted = False
        self._silent = False
        # On this connection; 0: nothing yet.
        self._answered_at = 0.0
        self._resets = 0
        # What came last was no answer: the next run is better off at another of Apple's servers.
        self._in_doubt = False
        # Seconds that an answer takes here; 0: not known yet.
        self._usual = 0.0
        # Before the first push that Apple has authenticated a connection may carry one stream.
        self._room = 1

    def send(self, pushes: Iterable[Push]) -> Iterator[PushResult]:
        """Send `pushes` and yield their results as they come; see ``PushBackend.send``."""
        with contextlib.closing(self.steps(pushes)) as steps:
            for result in steps:
                if result is None:
                    self._multi.work(ASK_AGAIN)
                else:
                    yield result

    @property
    def multi(self) -> Multi:
        """What is to be waited for; another one after each new connection."""
        return self._multi

    def steps(self, pushes: Iterable[Push]) -> Generator[PushResult | None, None, None]:
        """As ``send``, but whoever calls it does the waiting: ``None`` where nothing is to be done
        until something happens on the sockets, or ``ASK_AGAIN`` seconds have passed."""
        source = iter(pushes)
        finished: deque[tuple[Seat, int | None]] = deque()
        self._fresh_connection_wanted = self._fresh_connection_wanted or self._in_doubt
        try:
            while True:
                if not finished:
                    let_go(pushes, self._unsent)
                if self._fresh_connection_wanted and not self._flights:
                    self._reconnect()
                self._authorize()
                filling_until = time.monotonic() + FILL_FOR
                hurried = False
                room = min(MAX_IN_FLIGHT, self._room + self._passed_over())
                while len(self._flights) < room and not self._fresh_connection_wanted:
                    hurried = bool(self._flights) and time.monotonic() > filling_until
                    if hurried:
                        break
                    if self._again:
                        self._start(*self._again.popleft())
                        continue
                    push = next(source, None)
                    if push is None:
                        source = later_of(pushes)
                        break
                    self._start(push, 1)
                if not self._flights:
                    return
                if finished or hurried:
                    self._multi.work(0.0)
                else:
                    yield None
                finished.extend(self._finished())
                for _ in range(min(len(finished), AT_A_TIME)):
                    seat, error = finished.popleft()
                    result = self._result(seat, error)
                    self._land(seat)
                    if result is not None:
                        result.environment = self._endpoint.environment
                        yield result
                        yield from self._as_unreachable_as(result)
                if self._silent and not finished:
                    self._leave_behind()
        finally:
            self._abandon()

    def close(self) -> None:
        """Close the connection."""
        self._abandon()
        for seat in self._free:
            seat.handle.close()
        self._free.clear()
        self._multi.close()

    # --- in flight ---------------------------------------------------------------------------

    def _authorize(self) -> None:
        token = self._provider_token.current()
        if token != self._bearer:
            self._bearer = token
            self._headers = [
                f"authorization: bearer {token}",
                "apns-push-type: liveactivity",
                f"apns-topic: {self._endpoint.topic}",
                "content-type: application/json",
            ]

    def _start(self, push: Push, tries: int) -> None:
        seat = self._free.pop() if self._free else self._new_seat(push)
        seat.push, seat.tries, seat.provider_token = push, tries, self._bearer
        seat.started_at = time.monotonic()
        handle = seat.handle
        handle.setopt(pycurl.URL, f"{self._endpoint.url}/3/device/{push.token}")
        handle.setopt(
            pycurl.HTTPHEADER,
            [
                *self._headers,
                f"apns-priority: {push.priority}",
                f"apns-expiration: {push.expiration}",
                f"apns-id: {push.apns_id}",
            ],
        )
        if seat.payload is not push.payload:  # all pushes of an event share one
            handle.setopt(pycurl.POSTFIELDS, push.payload)
            seat.payload = push.payload
        self._multi.add_handle(handle)
        self._flights[handle] = seat

    def _new_seat(self, push: Push) -> Seat:
        return Seat(new_handle(self._endpoint, CONNECT_TIMEOUT, ANSWER_TIMEOUT), push)

    def _passed_over(self) -> int:
        """How many of those in flight take no place from others; they stand first.

        None where nothing has been answered yet: Apple then allows no more than one.
        """
        if not self._answered_at:
            return 0
        before = time.monotonic() - SLOW_ANSWER
        longest = itertools.islice(self._flights.values(), PASSED_OVER)
        return sum(1 for _ in itertools.takewhile(lambda seat: seat.started_at < before, longest))

    def _finished(self) -> list[tuple[Seat, int | None]]:
        finished: list[tuple[Seat, int | None]] = []
        more = 1
        while more:
            more, good, bad = self._multi.info_read()
            if good:
                self._answered_at, self._resets = time.monotonic(), 0
                if any(handle.getinfo(pycurl.NUM_CONNECTS) for handle in good):
                    # libcurl has opened another connection by itself, and it begins like the
                    # first: what one has answered before it went says how much the next will.
                    self._room = 1
                self._pace(len(good), good[-1].getinfo(pycurl.TOTAL_TIME))
            finished += [(self._flights[handle], None) for handle in good]
            finished += [(self._flights[handle], code) for handle, code, _ in bad]
        return finished

    def _land(self, seat: Seat) -> None:
        self._multi.remove_handle(seat.handle)
        del self._flights[seat.handle]
        seat.body.clear()
        self._free.append(seat)

    def _unsent(self) -> list[Push]:
        """Let those go that are not on their way: what is more than Apple allows at a time waits in
        libcurl, until those before it are answered."""
        unsent = [push for push, _ in self._again]
        self._again.clear()
        for seat in list(self._flights.values()):
            if not seat.handle.getinfo(pycurl.PRETRANSFER_TIME):
                unsent.append(seat.push)
                self._land(seat)
        return unsent

    def _leave_behind(self) -> None:
        """Send what is in flight again, on another connection: nothing comes on this one any more,
        and each would wait for that to be seen."""
        self._silent = False
        for seat in [seat for seat in self._flights.values() if seat.tries == 1]:
            self._again.append((seat.push, 2))
            self._land(seat)

    def _as_unreachable_as(self, result: PushResult) -> Iterator[PushResult]:
        """Those that were to go again, where a new connection brings no answer either: one after
        the other would find that out by itself."""
        if result.verdict is Verdict.UNREACHABLE and not self._answered_at:
            while self._again:
                yield replace(result, push=self._again.popleft()[0])

    def _abandon(self) -> None:
        for seat in list(self._flights.values()):
            self._land(seat)
        self._again.clear()

    # --- answers -----------------------------------------------------------------------------

    def _result(self, seat: Seat, error: int | None) -> PushResult | None:
        """What became of a push; ``None``: it is sent again."""
        self._in_doubt = error is not None
        if error is not None:
            reason = f"libcurl {error}: {meaning(error)}"
            at_proxy = failure_at_proxy(seat.handle, error, reason)
            if at_proxy is not None:
                self._room = 1
                return PushResult(seat.push, at_proxy.verdict, reason=at_proxy.reason)
            if error == HTTP2_STREAM and seat.handle.getinfo(pycurl.NUM_CONNECTS):
                self._answered_at = 0.0  # it was another connection that was answered
            if error == HTTP2_STREAM and seat.tries == 1 and self._answered_at:
                # Apple allows fewer streams now and then, and resets what is too much.
                self._again.append((seat.push, 2))
                return None
            if self._is_of_this_push(seat, error):
                return PushResult(seat.push, Verdict.RETRY, reason=reason)
            self._room = max(1, self._room // 2)
            if error == pycurl.E_OPERATION_TIMEDOUT:
                # It may be half open, and libcurl would use it again and again.
                self._fresh_connection_wanted = self._silent = True
            reused = not seat.handle.getinfo(pycurl.NUM_CONNECTS)
            if seat.tries == 1 and reused and error in CUT:
                self._again.append((seat.push, 2))
                return None
            verdict = Verdict.MISCONFIGURED if error in UNTRUSTED else Verdict.UNREACHABLE
            return PushResult(seat.push, verdict, reason=reason)
        if seat.handle.getinfo(pycurl.INFO_HTTP_VERSION) != pycurl.CURL_HTTP_VERSION_2_0:
            # A proxy on the way that opens TLS: its 200 is not Apple's, and tells no phone.
            self._fresh_connection_wanted = True
            return PushResult(seat.push, Verdict.UNREACHABLE, reason=NOT_HTTP2)
        status = seat.handle.getinfo(pycurl.RESPONSE_CODE)
        if status == 200:
            return PushResult(seat.push, Verdict.DELIVERED, status=200)
        refusal, since = read_refusal(bytes(seat.body))
        if seat.tries == 1 and self._may_go_again(seat, refusal):
            self._again.append((seat.push, 2))
            return None
        retry_after = seat.handle.getinfo(pycurl.RETRY_AFTER)
        return PushResult(
            seat.push,
            verdict_of(status, refusal),
            status=status,
            reason=refusal or f"HTTP {status}",
            retry_after=float(retry_after) if retry_after > 0 else None,
            gone_since=since,
        )

    def _is_of_this_push(self, seat: Seat, error: int) -> bool:
        """Whether the others on the connection are answered: then it tells nothing of Apple, and
        is no reason to let the others wait."""
        if error == pycurl.E_OPERATION_TIMEDOUT:
            # Earlier than that, it has waited for a connection and was not sent.
            sent = time.monotonic() - seat.started_at >= ANSWER_TIMEOUT
            return sent and self._answered_at - seat.started_at > ANSWER_TIMEOUT / 2
        self._resets += error == HTTP2_STREAM
        return error == HTTP2_STREAM and self._resets <= FEW_RESETS and self._answered_at > 0

    def _may_go_again(self, seat: Seat, reason: str | None) -> bool:
        if reason == "ExpiredProviderToken":
            return self._provider_token.after_expiry(seat.provider_token) is not None
        if reason in ("UnrelatedKeyIdInToken", "IdleTimeout"):
            # A connection is bound to the team and key of its first push.
            self._fresh_connection_wanted = True
            return True
        if reason == "Shutdown":
            self._fresh_connection_wanted = True
        return False

    def _pace(self, answers: int, seconds: float) -> None:
        """Room in flight doubles with each round trip while answers are quick, as TCP does it."""
        self._usual += (seconds - self._usual) / HABIT if self._usual else seconds
        if seconds < SLOW_ANSWER:
            most = NEAR_IN_FLIGHT if self._usual < NEAR else MAX_IN_FLIGHT
            self._room = max(self._room, min(most, self._room + answers))
        else:
            self._room = max(1, self._room // 2)

    # --- libcurl -----------------------------------------------------------------------------

    def _reconnect(self) -> None:
        self._multi.close()
        self._multi = Multi(MAX_IN_FLIGHT)
        self._fresh_connection_wanted = self._in_doubt = self._silent = False
        self._answered_at, self._resets = 0.0, 0
        self._room = 1
