"""All the iPhones, as the local APNs and a developer see them."""

from __future__ import annotations

import asyncio
import logging
import random as random_module
import time
from collections.abc import Callable

from flask_allmine_liveactivity.model.content_state import ContentState
from flask_allmine_liveactivity.simulator.answers import Answer
from flask_allmine_liveactivity.simulator.phones.phone import Phone
from flask_allmine_liveactivity.simulator.phones.world import World
from flask_allmine_liveactivity.simulator.received import Received

log = logging.getLogger("flask_allmine_liveactivity.simulator")


class Phones:
    """iPhones with one app on them: the `Devices` of a `LocalApns`.

        phones = Phones(content_state=ContentState({"status": str}))
        with LocalApns(devices=phones) as apns:
            phone = phones.add("Ada's iPhone")
            activity = phone.follow("65f000000000000000000001", {"status": "soon"})
            ...                                      # an end push comes to activity.token
            assert activity.state == "ended"

    Safe to use from any thread. Nothing happens by itself: states follow from the clock when they
    are looked at, and `tick` makes events of what has become due.

    Args:
        bundle_id: Of the app.
        environment: ``sandbox`` or ``production``: of their tokens.
        clock: Seconds since the epoch; what it says is the time at Apple, too.
        content_state: The app's ``ContentState``; ``None``: any JSON object decodes.
        attributes_type: The app's ``ActivityAttributes`` type; ``None``: any.
        budget: Pushes of priority 10 per activity and hour; ``None``: no limit, for Apple
            publishes no figure.
        random: Where tokens and ids come from, to have the same ones again; ``None``: the
            system's source.
    """

    def __init__(
        self,
        bundle_id: str = "com.example.allmine",
        environment: str = "sandbox",
        clock: Callable[[], float] = time.time,
        content_state: ContentState | None = None,
        budget: int | None = None,
        *,
        attributes_type: str | None = None,
        random: random_module.Random | None = None,
    ) -> None:
        self.bundle_id = bundle_id
        self.environment = environment
        self.on_change: Callable[[Phone], None] | None = None
        """Called after each visible change of a phone, perhaps in the local APNs' thread: it must
        not block."""
        self._world = World(
            clock=clock,
            source=random,
            content_state=content_state,
            attributes_type=attributes_type,
            budget=budget,
        )
        self._by_id: dict[str, Phone] = {}

    @property
    def all(self) -> list[Phone]:
        """Every phone, in the order in which they were added."""
        with self._world.lock:
            return list(self._by_id.values())

    def phone(self, phone_id: str) -> Phone:
        """The phone with this id.

        Raises:
            KeyError: There is none.
        """
        return self._by_id[phone_id]

    def add(
        self,
        name: str = "iPhone",
        *,
        model: str = "iPhone 17",
        phone_id: str | None = None,
        os_version: tuple[int, ...] = (26, 0),
        environment: str | None = None,
    ) -> Phone:
        """A new phone with the app on it: switched on, online, nobody logged in.

        Args:
            name: What its owner calls it.
            model: Of the phone.
            phone_id: The ``deviceId``; ``None``: ``iphone-1`` and so on.
            os_version: Of iOS.
            environment: Of its tokens, where it is not that of all.

        Raises:
            ValueError: The id is taken.
        """
        with self._world.lock:
            phone_id = phone_id or self._free_id()
            if phone_id in self._by_id:
                raise ValueError(f"There is a phone {phone_id!r} already.")
            phone = self._by_id[phone_id] = Phone(
                self._world,
                self._tell,
                phone_id=phone_id,
                name=name,
                model=model,
                os_version=os_version,
                environment=environment or self.environment,
            )
        self._tell(phone)
        return phone

    def tick(self) -> None:
        """Let everything happen that has become due.

        Activities end and leave the lock screen, Apple gives up what it has stored, and apps that
        were woken by the local APNs register.
        """
        for phone in self.all:
            phone.tick()

    # As the local APNs sees them: Devices

    def refusal(self, token: str, *, bundle_id: str, environment: str, at: float) -> Answer | None:
        """Why Apple refuses a push to this token; ``None``: it does not, or it is a stranger's.

        Args:
            token: Of the device.
            bundle_id: The app that the topic names.
            environment: Of the server.
            at: Not looked at: the time is what the phones' own clock says.
        """
        with self._world.lock:
            known = self._world.token(token)
            if known is None:
                return None
            # Apple, "Handling notification responses from APNs".
            if self._by_id[known.phone_id].environment != environment:
                return Answer.bad_device_token()
            if bundle_id != self.bundle_id:
                return Answer.device_token_not_for_topic()
            return known.refusal()

    def receive(self, push: Received) -> None:
        """Take a push that Apple has accepted; one to a stranger's token is nobody's.

        An app that is woken by it registers at once. In the thread of an event loop, as the local
        APNs' is, that would keep Apple from answering: there it registers at the next `tick`.
        """
        with self._world.lock:
            known = self._world.token(push.token)
        if known is not None:
            phone = self._by_id[known.phone_id]
            phone.receive(push, app_may_call=not _in_event_loop())

    def broadcast(self, channel_id: str, push: Received) -> None:
        """Take a push to all activities that are subscribed to a channel."""
        for phone in self.all:
            phone.receive(push, channel_id)

    def _free_id(self) -> str:
        number = len(self._by_id) + 1
        while f"iphone-{number}" in self._by_id:
            number += 1
        return f"iphone-{number}"

    def _tell(self, phone: Phone) -> None:
        on_change = self.on_change
        if on_change is None:
            return
        try:
            on_change(phone)
        except Exception:
            # It is the onlooker's fault: the phone goes on, and Apple answers.
            log.exception("on_change failed")


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
