"""The pushes that a test has caught, and the phones that it has put there."""

from __future__ import annotations

import itertools
import json
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from flask_allmine_liveactivity.app.installation import Installation
from flask_allmine_liveactivity.model import Push, PushResult, Verdict, fingerprint
from flask_allmine_liveactivity.model.canonical import canonical_token, canonical_user_id
from flask_allmine_liveactivity.phones.registration import Answer, Claimant, register
from flask_allmine_liveactivity.push.memory import MemoryPush
from flask_allmine_liveactivity.storage.memory import MemoryStorage

# What Apple says with each verdict where a test gives no other reason: status and reason.
_AS_APPLE_SAYS_IT: dict[Verdict, tuple[int | None, str | None]] = {
    Verdict.DELIVERED: (200, None),
    Verdict.GONE: (410, "Unregistered"),
    Verdict.REJECTED: (400, "BadDeviceToken"),
    Verdict.RETRY: (503, "ServiceUnavailable"),
    Verdict.UNREACHABLE: (None, "no answer"),
    Verdict.ODD: (418, "HTTP 418"),
    Verdict.MISCONFIGURED: (403, "InvalidProviderToken"),
    Verdict.POSTPONED: (None, "no answer"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPush:
    """One push, as it would have gone to Apple. Its repr shows no token.

    .. versionadded:: 0.1.0
    """

    token: str = field(repr=False)
    """Of the Live Activity that is told."""
    payload: dict[str, Any]
    """What the phone gets: ``{"aps": {...}}``."""
    priority: int
    """``apns-priority``: 10 at once, 5 as the phone's battery allows."""
    expiration: int
    """``apns-expiration``: seconds since the epoch until when Apple keeps trying."""
    stream_id: str
    user_id: str | None
    """Who registered it; ``None`` where he had logged out before, or was forgotten."""
    device_id: str
    activity_id: str
    verdict: Verdict
    """What it was answered with."""

    @property
    def aps(self) -> dict[str, Any]:
        """Apple's part of the payload.

        .. versionadded:: 0.1.0
        """
        aps: dict[str, Any] = self.payload["aps"]
        return aps

    @property
    def event(self) -> str:
        """``end``, or ``update``: the countdown shows something new, and runs on.

        .. versionadded:: 0.1.0
        """
        event: str = self.aps["event"]
        return event

    @property
    def timestamp(self) -> int:
        """Seconds since the epoch; strictly rising per stream.

        .. versionadded:: 0.1.0
        """
        timestamp: int = self.aps["timestamp"]
        return timestamp

    @property
    def content_state(self) -> dict[str, Any] | None:
        """What the countdown shows from then on; ``None`` where the push carries none.

        .. versionadded:: 0.1.0
        """
        return self.aps.get("content-state")

    @property
    def alert(self) -> dict[str, Any] | None:
        """``title`` and ``body``; ``None`` where the phone stays quiet.

        .. versionadded:: 0.1.0
        """
        return self.aps.get("alert")

    @property
    def dismissal_date(self) -> int | None:
        """When it leaves the lock screen, in seconds since the epoch; ``None``: as iOS likes.

        .. versionadded:: 0.1.0
        """
        return self.aps.get("dismissal-date")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a push is to be answered with."""

    verdict: Verdict
    reason: str | None = None
    retry_after: float | None = None
    gone_since: float | None = None

    def answer(self, push: Push) -> PushResult:
        status, reason = _AS_APPLE_SAYS_IT[self.verdict]
        return PushResult(
            push,
            self.verdict,
            status=status,
            reason=self.reason or reason,
            retry_after=self.retry_after,
            gone_since=self.gone_since,
        )


_AS_USUAL = _Told(verdict=Verdict.DELIVERED)


class Outbox(Sequence[SentPush]):
    """The pushes that were sent, oldest first, also those that were answered with a refusal.

    Made by ``capture_pushes``; it can be read after the block too. Every push is delivered,
    unless ``answer`` or ``answer_always`` says otherwise.

    .. versionadded:: 0.1.0
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._sent: list[SentPush] = []
        self._next: defaultdict[str, deque[_Told]] = defaultdict(deque)
        self._always: dict[str, _Told] = {}
        self._numbers = itertools.count(1)
        self._push = MemoryPush(self._take)
        self.parts = installation.parts_of(MemoryStorage(), self._push)
        """What stands in for the app's own storage, push backend and delivery."""

    # --- what was sent -----------------------------------------------------------------------

    @overload
    def __getitem__(self, index: int) -> SentPush: ...
    @overload
    def __getitem__(self, index: slice) -> list[SentPush]: ...
    def __getitem__(self, index: int | slice) -> SentPush | list[SentPush]:
        return self._sent[index]

    def __len__(self) -> int:
        return len(self._sent)

    def __repr__(self) -> str:
        told = ", ".join(f"{push.event} to {fingerprint(push.token)}" for push in self._sent)
        return f"<Outbox: {told or 'nothing was sent'}>"

    def clear(self) -> None:
        """Forget what was sent. Who has registered, and what is to be answered, stays.

        .. versionadded:: 0.1.0
        """
        self._sent.clear()
        self._push.sent.clear()

    # --- what is answered --------------------------------------------------------------------

    def answer(
        self,
        token: str,
        verdict: Verdict | str,
        *,
        reason: str | None = None,
        retry_after: float | None = None,
        gone_since: float | None = None,
    ) -> None:
        """Answer the next push to `token` so. Called again, the push after that one, and so on.

        Args:
            token: Of the Live Activity.
            verdict: A ``Verdict`` or its string: ``"gone"``, ``"retry"``, ``"rejected"``,
                ``"unreachable"``, ``"misconfigured"``, ``"delivered"``.
            reason: In Apple's words; without it, one that Apple gives with this verdict.
            retry_after: Seconds after which Apple wants to be asked again, with ``"retry"``.
            gone_since: When the token died, in seconds since the epoch, with ``"gone"``. Without
                it the phone is believed to be gone whenever it has registered.

        Raises:
            ValueError: There is no such verdict.

        .. versionadded:: 0.1.0
        """
        told = _Told(
            verdict=_verdict(verdict),
            reason=reason,
            retry_after=retry_after,
            gone_since=gone_since,
        )
        self._next[canonical_token(token)].append(told)

    def answer_always(
        self, token: str, verdict: Verdict | str | None, *, reason: str | None = None
    ) -> None:
        """Answer every push to `token` so, after those that ``answer`` was told; ``None``: deliver
        again. Arguments and errors are those of ``answer``.

        .. versionadded:: 0.1.0
        """
        token = canonical_token(token)
        if verdict is None:
            self._always.pop(token, None)
        else:
            self._always[token] = _Told(verdict=_verdict(verdict), reason=reason)

    # --- who is there ------------------------------------------------------------------------

    def register(
        self,
        stream_id: object,
        *,
        user_id: object = "user",
        device_id: str | None = None,
        activity_id: str | None = None,
        token: str | None = None,
    ) -> str:
        """Let a phone follow a stream, without HTTP and without asking your stream guard.

        It is there as if it had registered: what you leave out is made up. The guard is for who
        may register, and is tested through the endpoint, which works within the block too. Where
        an end or an update was told before, the phone is told at once.

        Returns:
            The token.

        Raises:
            TypeError: ``user_id`` has no one form: a dictionary, a list.
            ValueError: It is no stream id, or the token or the activity is another user's or
                another stream's.

        .. versionadded:: 0.1.0
        """
        number = next(self._numbers)
        claimant = Claimant(
            user_id=canonical_user_id(user_id),
            device_id=device_id or f"device-{number}",
            activity_id=activity_id or f"activity-{number}",
            stream_id=self._installation.stream_id(stream_id),
            token=canonical_token(token or f"{number:0160x}"),
        )
        now, to_be_told = time.time(), []
        answer = register(
            self.parts.storage,
            claimant,
            now=now,
            lifetime=self._installation.settings.session_lifetime,
            max_per_user=None,
            ask_at=self._installation.next_question(now),
            to_be_told=lambda: to_be_told.append(True),
        )
        if answer in (Answer.CONFLICT, Answer.ELSEWHERE):
            raise ValueError(
                "another user holds this token or activity, or it follows another stream: the "
                "endpoint would answer 409"
            )
        if to_be_told:
            self.parts.delivery.run(claimant.stream_id)
        return claimant.token

    def _take(self, push: Push) -> PushResult:
        waiting = self._next.get(push.token)
        told = waiting.popleft() if waiting else self._always.get(push.token, _AS_USUAL)
        session = push.session
        self._sent.append(
            SentPush(
                token=push.token,
                payload=json.loads(push.payload),
                priority=push.priority,
                expiration=push.expiration,
                stream_id=session.stream_id,
                user_id=session.user_id,
                device_id=session.device_id,
                activity_id=session.activity_id,
                verdict=told.verdict,
            )
        )
        return told.answer(push)


def _verdict(verdict: Verdict | str) -> Verdict:
    try:
        return Verdict(verdict)
    except ValueError:
        raise ValueError(
            f"a verdict is one of {', '.join(map(repr, map(str, Verdict)))}, and not {verdict!r}"
        ) from None
