"""Apple, the phones and the page, as one thing to hold."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask

from flask_allmine_liveactivity.simulator.apns import LocalApns
from flask_allmine_liveactivity.simulator.page.answers import AS_USUAL, CHOICES
from flask_allmine_liveactivity.simulator.page.console import Console
from flask_allmine_liveactivity.simulator.page.feed import Feed
from flask_allmine_liveactivity.simulator.page.outlook import Outlook, Outlooks, Resend
from flask_allmine_liveactivity.simulator.page.routes import make_blueprint
from flask_allmine_liveactivity.simulator.page.user import User
from flask_allmine_liveactivity.simulator.page.view import (
    Owners,
    outlook_view,
    phone_view,
    push_view,
)
from flask_allmine_liveactivity.simulator.phones import (
    Backend,
    ContentState,
    LogInFailed,
    Phone,
    Phones,
)
from flask_allmine_liveactivity.simulator.received import Received

URL_PREFIX = "/live-activity-simulator"

MODELS = ("iPhone 17", "iPhone 17 Pro", "iPhone Air")


class Simulator:
    """A local APNs, the phones behind it, and the page that shows them.

        simulator = Simulator(console=HttpConsole("ada", "lovelace"))
        simulator.start()
        app.config.update(simulator.settings)
        simulator.mount(app)

    Args:
        console: What the page's console acts through; ``None``: it has none.
        content_state: The app's ``ContentState``; ``None``: anything decodes.
        bundle_id: Of the app.
        on_push: Called with each push, as ``LocalApns`` does.
    """

    def __init__(
        self,
        *,
        console: Console | None = None,
        content_state: ContentState | None = None,
        bundle_id: str = "com.example.allmine",
        on_push: Callable[[Received], None] | None = None,
    ) -> None:
        self.console = console
        self.feed = Feed()
        self.phones = Phones(bundle_id=bundle_id, content_state=content_state)
        self.phones.on_change = self._on_change
        self.apns = LocalApns(
            bundle_id=bundle_id, devices=self.phones, on_push=self._on_push, keep=1000
        )
        self.answer = AS_USUAL
        """The name of what Apple answers."""
        self._also = on_push
        self._owners = Owners(self.phones)
        self._outlooks: Outlooks | None = None
        self.resend: Resend | None = None
        """As it was given to ``mount``."""
        self._users: dict[str, User] = {}
        self._backends: dict[str, Backend] = {}
        self._lock = threading.Lock()
        self._started = False

    # Its life

    def start(self) -> None:
        """Let Apple listen. To start what runs does nothing."""
        with self._lock:
            if not self._started:
                self.apns.start()
                self._started = True

    def stop(self) -> None:
        """Let Apple go, and all who watch."""
        with self._lock:
            self.feed.close()
            self.apns.stop()
            self._started = False

    @property
    def settings(self) -> dict[str, str]:
        """For ``app.config.update(...)``: push to the local APNs, which must have been started."""
        return self.apns.settings

    def mount(
        self, app: Flask, outlooks: Outlooks | None = None, resend: Resend | None = None
    ) -> Blueprint:
        """Serve the page on an app, at ``/live-activity-simulator/``.

        Args:
            app: The host.
            outlooks: Tells what the host means to do for a stream's Live Activities; ``None``: it
                does not say, and the page then does not either.
            resend: Lets the host try again at once; ``None``: the page cannot.

        Raises:
            RuntimeError: The app neither is in debug or testing mode, nor pushes to this
                simulator: it may be in production.
        """
        if not self.may_serve(app):
            raise RuntimeError(
                "The simulator is mounted only in development: set FLASK_DEBUG=1 (or "
                "`flask run --debug`), or let the app push to it: app.config.update("
                "simulator.settings)."
            )
        self._outlooks = outlooks
        self.resend = resend
        blueprint = make_blueprint(self)
        app.register_blueprint(blueprint, url_prefix=URL_PREFIX)
        return blueprint

    def may_serve(self, app: Flask) -> bool:
        """Whether an app is surely not in production.

        It is in debug or testing mode, or pushes to this very simulator, which no phone of a
        customer's is behind.
        """
        if app.debug or app.testing:
            return True
        return self._started and app.config.get("LIVE_ACTIVITY_APNS_SERVER") == self.apns.url

    # Phones

    def add_phone(self, name: str, backend: Backend, user: User | None = None) -> Phone:
        """Put another phone on the desk, and log its user in.

        Args:
            name: Such as ``"Ada's iPhone"``.
            backend: The host, as the phone reaches it.
            user: ``None``: nobody has logged in yet.
        """
        number = len(self.phones.all)
        phone = self.phones.add(
            name, model=MODELS[number % len(MODELS)], phone_id=f"iphone-{number + 1}"
        )
        self._backends[phone.id] = backend
        if user is not None:
            self.log_in(phone, user)
        self.feed.changed()
        return phone

    def log_in(self, phone: Phone, user: User) -> None:
        """Log a user in on a phone.

        Raises:
            LogInFailed: The phone is offline, or the host says no.
            OSError: The host does not answer.
        """
        backend = self._backends[phone.id]
        if user.access_token is None:
            phone.log_in(backend, user.username, user.password)
        else:
            phone.log_in_with_token(backend, user.access_token, user.username)
        self._users[phone.id] = user
        self.feed.changed()

    def log_in_again(self, phone: Phone) -> None:
        """Who was logged in last logs in again, where the phone can reach the host."""
        user = self._users.get(phone.id)
        if user is not None:
            with contextlib.suppress(LogInFailed, OSError):
                self.log_in(phone, user)

    # Apple

    def set_apple_up(self, up: bool) -> None:
        """Let Apple be gone, or be there again: connections cut and refused, and served again."""
        if up:
            self.apns.come_back()
        else:
            self.start()
            self.apns.go_down()
        self.feed.changed()

    def tell_apple(self, name: str) -> None:
        """Answer every push so from now on.

        Args:
            name: One of ``CHOICES``.
        """
        self.apns.answer_all(CHOICES[name].answer())
        self.answer = name
        self.feed.changed()

    # What is seen

    def view(self) -> dict[str, Any]:
        """The state of everything but the pushes, as JSON."""
        # Read first: what changes while this is built is told once more.
        version = self.feed.version
        return {
            "version": version,
            "oldestPush": self.feed.oldest,
            "apple": {"up": not self.apns.is_down, "answer": self.answer},
            "phones": [phone_view(phone, self._owners.latest) for phone in self.phones.all],
            "outlooks": self._all_outlooks(),
        }

    def _all_outlooks(self) -> dict[str, dict[str, Any]] | None:
        """By activity, of those that run; ``None`` where the host does not say, or cannot now."""
        if self._outlooks is None:
            return None
        running = [
            activity
            for phone in self.phones.all
            for activity in phone.lock_screen
            if activity.is_active
        ]
        found: dict[str, Outlook] = {}
        for stream_id in {activity.stream_id for activity in running}:
            of_stream = self._outlooks(stream_id)
            if of_stream is None:
                return None
            found.update(of_stream)
        return {
            activity.id: outlook_view(found[activity.id])
            for activity in running
            if activity.id in found
        }

    def _on_change(self, phone: Phone) -> None:
        self._owners.learn(phone)
        self.feed.changed()

    def note(self, push: Received) -> None:
        """Show a push, and what was answered."""
        self._owners.note(push)
        self.feed.add(push_view(push, self._owners.of(push.token)))

    def _on_push(self, push: Received) -> None:
        self.note(push)
        if self._also is not None:
            self._also(push)
