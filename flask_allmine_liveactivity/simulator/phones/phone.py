"""One iPhone with the app on it: what a person does with it, and what can be seen on it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask_allmine_liveactivity.simulator.phones.activity import Activity, Content
from flask_allmine_liveactivity.simulator.phones.activity_kit import ActivityKit
from flask_allmine_liveactivity.simulator.phones.app import App
from flask_allmine_liveactivity.simulator.phones.backend import Backend
from flask_allmine_liveactivity.simulator.phones.delivery import Delivery
from flask_allmine_liveactivity.simulator.phones.log import Event, Journal
from flask_allmine_liveactivity.simulator.phones.registration import Registration
from flask_allmine_liveactivity.simulator.phones.world import World
from flask_allmine_liveactivity.simulator.received import Received


class Phone:
    """An iPhone. Made by `Phones.add`, which says what is what; safe to use from any thread."""

    def __init__(
        self,
        world: World,
        on_change: Callable[[Phone], None],
        *,
        phone_id: str,
        name: str,
        model: str,
        os_version: tuple[int, ...],
        environment: str,
    ) -> None:
        self.id = phone_id
        self.name = name
        self.model = model
        self.os_version = os_version
        self.environment = environment
        self.registers_at_once = True
        """Whether the app registers a token as soon as it has it. If not, registrations wait in
        `missed_registrations` for `register_now` or `open_app`: after a remote start the system
        wakes the app for a short while, and the token may come late or never (Apple)."""
        self._world = world
        self._on_change = on_change
        self._journal = Journal()
        self._kit = ActivityKit(world, phone_id, os_version, self._journal)
        self._app = App(
            phone_id, self._journal, self._turn, lambda: self.is_online and self.has_app
        )
        self._delivery = Delivery(world, self._kit, self._journal)
        self._has_app = True
        self._is_on, self._flight_mode = True, False
        self._woken = False
        self._kit.install(world.clock())

    def __repr__(self) -> str:
        return f"Phone({self.id!r}, {self.name!r})"

    # What can be seen

    @property
    def activities(self) -> list[Activity]:
        """All that were ever there, oldest first."""
        with self._world.lock:
            return list(self._kit.activities)

    @property
    def lock_screen(self) -> list[Activity]:
        """Those shown now, the most relevant first, then the oldest.

        They stand there too while the phone is switched off: `is_on` says whether anybody sees it.
        """
        with self._world.lock:
            return self._kit.lock_screen()

    @property
    def log(self) -> list[Event]:
        """What it has seen, newest last: the latest thousand."""
        with self._world.lock:
            return self._journal.events()

    @property
    def push_to_start_token(self) -> str | None:
        """To start activities remotely; ``None`` below iOS 17.2, or without the app."""
        return self._kit.push_to_start_token

    @property
    def username(self) -> str | None:
        """Who is logged in to the app."""
        return self._app.username

    @property
    def missed_registrations(self) -> int:
        """How many registrations wait: offline, refused for a while, or not yet made."""
        with self._world.lock:
            return self._app.waiting

    def registration(self, activity: Activity) -> Registration | None:
        """What the backend has answered to its latest registration; ``None``: there was none."""
        with self._world.lock:
            return self._app.answer_to(activity)

    def awaits_registration(self, activity: Activity) -> bool:
        """Whether the app has a token of it that the backend has not taken yet."""
        with self._world.lock:
            return self._app.awaits(activity)

    def has_stored_push(self, activity: Activity) -> bool:
        """Whether Apple keeps a push to it until this phone is online."""
        with self._world.lock:
            return self._delivery.has_stored(activity)

    @property
    def is_on(self) -> bool:
        """Whether it is switched on."""
        return self._is_on

    @property
    def is_online(self) -> bool:
        """Whether it is switched on, and not in flight mode."""
        return self._is_on and not self._flight_mode

    @property
    def has_app(self) -> bool:
        """Whether the app is installed."""
        return self._has_app

    # What its owner does

    def log_in(self, backend: Backend, username: str, password: str) -> None:
        """Log in to the app; what waits is then registered.

        Raises:
            LogInFailed: The phone is offline, or the backend says no or does not answer.
        """
        self._app.log_in(backend, username, password)
        self._app_acts()

    def log_in_with_token(
        self, backend: Backend, access_token: str, username: str | None = None
    ) -> None:
        """Log in with a ready-made access token, whatever the backend's log-in looks like.

        After a 401 nobody is logged in: there is nothing to get another token with.

        Args:
            backend: What is registered at.
            access_token: As it stands after ``Bearer``.
            username: Whose it is, for people who look on.

        Raises:
            LogInFailed: The phone is offline, or that cannot be an access token.
        """
        self._app.log_in_with_token(backend, access_token, username)
        self._app_acts()

    def log_out(self) -> None:
        """Log out of the app. Offline, the backend learns nothing of it."""
        self._app.log_out()

    def follow(
        self,
        stream_id: str,
        content_state: Mapping[str, Any] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Activity:
        """Follow a stream in the app, which starts a Live Activity and registers its token.

        Args:
            stream_id: The stream.
            content_state: What it shows at first.
            attributes: Of the activity; the ``streamId`` is added.

        Raises:
            RuntimeError: The phone is switched off, or has no app.
            Undecodable: The content-state is not what the app has declared (a `ValueError`).
        """
        with self._turn() as now:
            if not self._app_runs():
                raise RuntimeError(f"{self.name} is switched off, or has no app.")
            activity = self._kit.start(
                now,
                stream_id=str(stream_id),
                content=Content(self._world.decode(content_state)),
                attributes={"streamId": str(stream_id), **(attributes or {})},
            )
            self._kit.hand_out_token(activity, now)
            self._app.want(activity)
        self._app_acts()
        return activity

    def open_app(self) -> None:
        """Open the app, if it can be: it registers each activity that ActivityKit lists again."""
        with self._turn():
            for activity in self._kit.activities:
                if self._app_runs() and activity.is_active:
                    self._app.want(activity)
        self._app.register_waiting()

    def swipe_away(self, activity: Activity) -> None:
        """Remove an activity: its token is dead, and the app is not told."""
        with self._turn() as now:
            self._require(activity)
            self._kit.swipe_away(activity, now)

    def delete_app(self) -> None:
        """Delete the app, and its activities with it. Twice is like once.

        Apple learns of it only by the next push, which it still accepts; to all later ones the
        answer is ``Unregistered``.
        """
        with self._turn() as now:
            if self._has_app:
                self._has_app = False
                self._kit.delete_app(now)
                self._app.forget()
                self._journal.changed = True

    def install_app(self) -> None:
        """Install the app again: new tokens, nobody logged in. Twice is like once."""
        with self._turn() as now:
            if not self._has_app:
                self._has_app = True
                self._kit.install(now)
                self._journal.changed = True

    @property
    def flight_mode(self) -> bool:
        """Whether it is in flight mode. Set to ``False`` it goes online: Apple's one stored
        notification arrives if it has not expired, then the app registers what waits."""
        return self._flight_mode

    @flight_mode.setter
    def flight_mode(self, value: bool) -> None:
        self._connect(flight_mode=value, is_on=self._is_on)

    def switch_off(self) -> None:
        """Switch it off: offline, and no app runs."""
        self._connect(flight_mode=self._flight_mode, is_on=False)

    def switch_on(self) -> None:
        """Switch it on."""
        self._connect(flight_mode=self._flight_mode, is_on=True)

    def _connect(self, *, flight_mode: bool, is_on: bool) -> None:
        with self._turn() as now:
            if (flight_mode, is_on) == (self._flight_mode, self._is_on):
                return
            self._flight_mode, self._is_on = flight_mode, is_on
            self._journal.changed = True
            if not self.is_online:
                return
            for started in self._delivery.bring_stored(now):
                self._app.want(started)
        self._app_acts()

    # What the system and the app do by themselves

    def rotate_token(self, activity: Activity) -> str:
        """Replace a runtime token: the old one is dead, and the app registers the new one.

        Raises:
            ValueError: The activity has ended, or has no token.
        """
        with self._turn() as now:
            self._require(activity)
            if not activity.is_active or activity.token is None:
                raise ValueError(f"{activity!r} has no token to replace.")
            token = self._kit.hand_out_token(activity, now)
            self._app.want(activity)
        self._app_acts()
        return token

    def rotate_push_to_start_token(self) -> str:
        """Replace the push-to-start token: the old one is dead.

        Raises:
            ValueError: There is none, below iOS 17.2 or without the app.
        """
        with self._turn() as now:
            if self._kit.push_to_start_token is None:
                raise ValueError(f"{self.name} has no push-to-start token to replace.")
            return self._kit.hand_out_push_to_start_token(now)

    def register_now(self) -> None:
        """The app makes the registrations that wait, if the phone is online and it can."""
        self._app.register_waiting()

    def tick(self) -> None:
        """Let everything happen that has become due; see `Phones.tick`."""
        with self._turn() as now:
            self._delivery.give_up_expired(now)
        self._wake_app()

    # What Apple does

    def receive(
        self, push: Received, channel_id: str | None = None, *, app_may_call: bool = True
    ) -> None:
        """Take a push that Apple has accepted: now, or when the phone is online.

        Args:
            push: To one of this phone's tokens, or a broadcast to `channel_id`.
            app_may_call: Whether an app that is woken by it registers now, or at the next `tick`.
        """
        with self._turn() as now:
            if not self.is_online:
                self._delivery.store(push, channel_id, now)
                return
            started = self._delivery.bring(push, channel_id, now)
            if started is not None:
                self._app.want(started)
                self._woken = True
        if app_may_call:
            self._wake_app()

    # Its workings

    def _wake_app(self) -> None:
        with self._world.lock:
            woken, self._woken = self._woken, False
        if woken:
            self._app_acts()

    def _app_acts(self) -> None:
        if self.registers_at_once:
            self._app.register_waiting()

    def _app_runs(self) -> bool:
        return self._is_on and self._has_app

    def _require(self, activity: Activity) -> None:
        if activity not in self._kit.activities:
            raise ValueError(f"{activity!r} is not on {self.name}.")

    @contextlib.contextmanager
    def _turn(self) -> Iterator[float]:
        """One change, at one time; who looks on is told when it is over and the lock is free."""
        with self._world.lock:
            now = self._world.clock()
            self._kit.catch_up(now)
            yield now
            self._kit.catch_up(now)
            changed = self._journal.take_changed()
        if changed:
            self._on_change(self)
