"""The app on one phone: who is logged in, and which registrations wait.

It talks to the backend, so it never holds the world's lock while it waits for an answer; meanwhile
anything may happen: a push, a rotated token, another user.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from flask_allmine_liveactivity.simulator.answers import NO_ANSWER
from flask_allmine_liveactivity.simulator.phones.activity import Activity
from flask_allmine_liveactivity.simulator.phones.backend import Backend, LogInFailed
from flask_allmine_liveactivity.simulator.phones.log import Journal
from flask_allmine_liveactivity.simulator.phones.registration import Registration
from flask_allmine_liveactivity.simulator.request import fingerprint

_OK = 200
_UNAUTHORIZED = 401
_TOO_MANY = 429
# RFC 6750, 2.1: what may stand after "Bearer".
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@dataclass(eq=False, slots=True)
class _User:
    """Who is logged in."""

    backend: Backend
    username: str
    password: str | None = field(repr=False)
    """``None``: there is an access token and nothing to get another one with."""
    access_token: str | None = field(repr=False)
    """``None`` after a 401: the app logs in again before its next call."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    user: _User
    access_token: str = field(repr=False)
    token: str = field(repr=False)


class App:
    """The app's side of a phone.

    Args:
        phone_id: The ``deviceId`` it tells.
        journal: Of the phone.
        turn: Opens a change of the phone: ``with turn() as now``.
        can_call: Whether the app runs and the phone is online.
    """

    def __init__(
        self,
        phone_id: str,
        journal: Journal,
        turn: Callable[[], AbstractContextManager[float]],
        can_call: Callable[[], bool],
    ) -> None:
        self._phone_id = phone_id
        self._journal = journal
        self._turn = turn
        self._can_call = can_call
        self._user: _User | None = None
        self._waiting: dict[str, Activity] = {}
        self._answers: dict[str, Registration] = {}
        """The latest, by the activity's id."""

    # With the lock held

    @property
    def username(self) -> str | None:
        """Who is logged in."""
        return self._user.username if self._user else None

    @property
    def waiting(self) -> int:
        """How many registrations wait, of activities that have not ended."""
        return sum(activity.is_active for activity in self._waiting.values())

    def awaits(self, activity: Activity) -> bool:
        """Whether its registration waits."""
        return activity.id in self._waiting and activity.is_active

    def answer_to(self, activity: Activity) -> Registration | None:
        """What the backend has answered to its latest registration; ``None``: there was none."""
        return self._answers.get(activity.id)

    def want(self, activity: Activity) -> None:
        """Register it when that is possible; one without a token needs no registration."""
        if activity.token is not None:
            self._waiting[activity.id] = activity

    def forget(self) -> None:
        """The app is deleted: user and registrations are gone."""
        self._user = None
        self._waiting.clear()
        self._answers.clear()

    # Without the lock: these call the backend

    def log_in(self, backend: Backend, username: str, password: str) -> None:
        """Log in.

        Raises:
            LogInFailed: The phone is offline, or the backend says no or does not answer.
        """
        with self._turn():
            if not self._can_call():
                raise LogInFailed("The phone is offline, or has no app.")
        try:
            access_token = backend.log_in(username, password)
        except OSError as error:
            raise LogInFailed(f"The backend does not answer: {error}") from error
        self._enter(_User(backend, username, password, access_token))

    def log_in_with_token(self, backend: Backend, access_token: str, username: str | None) -> None:
        """Log in with an access token that somebody else has fetched.

        Raises:
            LogInFailed: The phone is offline, or that cannot be an access token.
        """
        with self._turn():
            if not self._can_call():
                raise LogInFailed("The phone is offline, or has no app.")
        if not _BEARER.fullmatch(access_token):
            raise LogInFailed(
                "That is no access token: give what stands after `Bearer`, without spaces."
            )
        name = username or f"token <{fingerprint(access_token)}>"
        self._enter(_User(backend, name, None, access_token))

    def _enter(self, user: _User) -> None:
        with self._turn():
            self._user = user
            self._journal.changed = True

    def log_out(self) -> None:
        """Log out: the backend is told if it can be, and the app forgets its user anyhow."""
        with self._turn():
            user, self._user = self._user, None
            self._journal.changed |= user is not None
            can_call = self._can_call()
        if user is None or user.access_token is None or not can_call:
            return
        try:
            status = user.backend.log_out(user.access_token, self._phone_id)
        except OSError as error:
            why = f"To log out failed: {error}"
        else:
            if status == 200:
                return
            why = f"To log out was answered with {status}."
        with self._turn() as now:
            self._journal.note(now, "refused", why)

    def register_waiting(self) -> None:
        """Try each registration that waits, once."""
        with self._turn():
            can_register = self._user is not None and self._can_call()
            waiting = list(self._waiting.values()) if can_register else []
        for activity in waiting:
            # A token that was replaced while the old one was on its way is told as well, and last.
            while self._register(activity):
                pass

    def _register(self, activity: Activity) -> bool:
        """Try one. Whether it has to be done once more, for the token was replaced meanwhile."""
        user = self._authorized_user()
        if user is None:
            return False
        with self._turn():
            attempt = self._attempt(activity, user)
        if attempt is None:
            return False
        try:
            status, errors = user.backend.register(
                attempt.access_token,
                stream_id=activity.stream_id,
                device_id=self._phone_id,
                live_activity_token=attempt.token,
                activity_id=activity.id,
            )
        except OSError as error:
            with self._turn() as now:
                text = f"The backend does not answer: {error}"
                self._answers[activity.id] = Registration(now, NO_ANSWER, text)
                self._journal.note(now, "refused", text, activity.id)
            return False
        with self._turn() as now:
            return self._settle(activity, attempt, status, errors, now)

    def _authorized_user(self) -> _User | None:
        """Who is logged in, with an access token; ``None`` where nobody is, or can be now."""
        with self._turn():
            user = self._user
            if user is None or user.access_token is not None or not self._can_call():
                return user
            if user.password is None:
                return None
        try:
            access_token = user.backend.log_in(user.username, user.password)
        except (LogInFailed, OSError) as error:
            with self._turn() as now:
                self._journal.note(now, "refused", f"To log in again failed: {error}")
            return None
        with self._turn():
            user.access_token = access_token
        return user

    def _attempt(self, activity: Activity, user: _User) -> _Attempt | None:
        if activity.id not in self._waiting:
            return None
        if not activity.is_active or activity.token is None:
            # ActivityKit no longer lists it.
            del self._waiting[activity.id]
            return None
        if user is not self._user or user.access_token is None or not self._can_call():
            return None
        return _Attempt(user, user.access_token, activity.token)

    def _settle(
        self, activity: Activity, attempt: _Attempt, status: int, errors: str, now: float
    ) -> bool:
        """What an answer means; see `_register` for what is returned."""
        text = f"{status}: {errors}" if errors else f"{status}."
        self._answers[activity.id] = Registration(now, status, errors)
        if status == _OK and not errors:
            self._journal.note(now, "registered", "The backend has its token.", activity.id)
        elif status in (_UNAUTHORIZED, _TOO_MANY) or status >= 500:
            self._journal.note(now, "refused", f"{text} It waits.", activity.id)
            if status == _UNAUTHORIZED and attempt.user.access_token == attempt.access_token:
                self._drop_access_token(attempt.user)
            return False
        else:
            # With a 409 the stream is over: the activity is left to the end push.
            self._journal.note(now, "refused", f"{text} The app gives up.", activity.id)
        if self._user is not attempt.user:
            return False
        if activity.token != attempt.token:
            self._waiting[activity.id] = activity
            return True
        self._waiting.pop(activity.id, None)
        return False

    def _drop_access_token(self, user: _User) -> None:
        user.access_token = None
        if user.password is None and self._user is user:
            # Nobody can log in again for this user: the app shows its log-in.
            self._user = None
