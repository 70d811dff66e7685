"""The parts of one app in each process: its storage, its push backend, delivery between them."""

from __future__ import annotations

import ctypes
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from flask_allmine_liveactivity.app.settings import Settings
from flask_allmine_liveactivity.delivery.policy import Policy
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model import Settlement
from flask_allmine_liveactivity.process.forking import call_if_alive
from flask_allmine_liveactivity.process.opened import Opened
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.push.from_settings import adopt_push, open_push
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.from_uri import open_storage

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parts:
    """What one process uses."""

    storage: Storage
    push: PushBackend
    delivery: Delivery


class ProcessParts:
    """Opens each part at its first use in a process.

    A preloading server forks after ``init_app``. What the parent has opened is kept, unused: to
    close it here would close it there.

    Args:
        settings: What to open.
        instance_path: Where a relative SQLite file is.
        storage: The host's own, or ``None``: as the settings say.
        push: The same.
        opened: Learns how to close what is opened here; what the host gave stays open.
        settled: Called with each batch that delivery has settled.
        opening: Called before anything is opened in a process.
    """

    def __init__(
        self,
        settings: Settings,
        instance_path: str,
        storage: Storage | None,
        push: PushBackend | None,
        opened: Opened,
        settled: Callable[[Sequence[Settlement]], object],
        opening: Callable[[], object],
    ) -> None:
        self._settings = settings
        self._instance_path = instance_path
        self._given_storage = storage
        self._given_push = push
        self._opened = opened
        self._settled = settled
        self._opening = opening
        self._lock = threading.Lock()
        self._storages: dict[int, Storage] = {}
        self._parts: dict[int, Parts] = {}
        if hasattr(os, "register_at_fork"):
            # Such hooks cannot be taken back: they must not keep what is not used any more.
            forked = weakref.WeakMethod(self._forked)
            os.register_at_fork(after_in_child=lambda: call_if_alive(forked))

    def _forked(self) -> None:
        """What the parent has opened must not be closed here, not even by the garbage collector:
        a driver would tell the server to end the parent's connection."""
        self._lock = threading.Lock()  # a thread of the parent may have held it
        if self._storages:
            # One reference more, for ever: at the end of the process all others are given up.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))

    @property
    def storage(self) -> Storage:
        """This process's storage: to look at what is stored nobody needs to be able to push."""
        return self._storages.get(os.getpid()) or self._open(self._open_storage)

    @property
    def parts(self) -> Parts:
        """All of this process's parts."""
        return self._parts.get(os.getpid()) or self._open(self._open_parts)

    def _open(self, opened: Callable[[int], T]) -> T:
        with self._lock:
            return opened(os.getpid())

    def _open_storage(self, pid: int) -> Storage:
        if pid not in self._storages:
            self._opening()
        storage = self._storages.get(pid) or self._given_storage
        if storage is None:
            settings = self._settings
            storage = open_storage(
                settings.storage_uri,
                settings.storage_options,
                self._instance_path,
                settings.prepare,
            )
            self._opened.add(storage.close)
        self._storages[pid] = storage
        return storage

    def _open_parts(self, pid: int) -> Parts:
        if pid not in self._parts:
            storage = self._open_storage(pid)
            if self._given_push is not None:
                push = adopt_push(self._given_push, self._settings.bundle_id)
            else:
                push = self._open_push()
                if push is not self._settings.push:
                    self._opened.add(push.close)
            self._parts[pid] = self.parts_of(storage, push)
        return self._parts[pid]

    def _open_push(self) -> PushBackend:
        settings = self._settings
        if settings.no_push is not None:
            raise ConfigurationError(settings.no_push)
        return open_push(settings.push, settings.apns)

    def parts_of(self, storage: Storage, push: PushBackend) -> Parts:
        """A storage and a push backend, and delivery between them as the settings say."""
        settings = self._settings
        policy = Policy(
            lease=settings.lease,
            batch_size=settings.batch_size,
            sweep_interval=settings.sweep_interval,
        )
        delivery = Delivery(
            storage,
            push,
            policy,
            # Looked up at each call: a host's tests may turn the clock.
            clock=lambda: time.time(),
            settled=self._settled,
        )
        return Parts(storage, push, delivery)

    def forget(self) -> None:
        """This process's were closed: the next use opens others."""
        self._parts.pop(os.getpid(), None)
        self._storages.pop(os.getpid(), None)
