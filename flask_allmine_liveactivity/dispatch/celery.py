"""Delivery by the host's own Celery workers, on as many machines as it has.

A message only says that there is something to look for; what it is stands in the storage. So a
message that is lost, doubled or late does no harm, and none is retried or acknowledged late.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from flask import Flask

from flask_allmine_liveactivity.delivery.report import Run
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.dispatch.asking import Asking
from flask_allmine_liveactivity.dispatch.base import Dispatch
from flask_allmine_liveactivity.dispatch.green import refuse_green_threads
from flask_allmine_liveactivity.dispatch.outbox import Outbox, Send
from flask_allmine_liveactivity.dispatch.uwsgi import refuse_still_threads
from flask_allmine_liveactivity.errors import (
    ConfigurationError,
    LiveActivityError,
    StorageUnavailable,
)
from flask_allmine_liveactivity.process.opened import Opened

if TYPE_CHECKING:
    from celery import Celery

logger = logging.getLogger(__name__)

DELIVER = "flask_allmine_liveactivity.deliver"
SWEEP = "flask_allmine_liveactivity.sweep"

# A task works so long, in seconds, and then queues up again: a worker's other tasks have their
# turn, and a worker that is asked to end need not wait longer.
SLICE = 10.0
# What is not told after so many seconds is a large audience, and one more worker is asked to help.
ASK_FOR_HELP_AFTER = 1.0
# So many at the most: more would wait for each other in the storage.
MOST_HELPERS = 31
# A worker keeps a message in mind that is to be worked on later: only what is due soon.
LONGEST_COUNTDOWN = 10.0
# How long `check` waits for workers to answer, in seconds.
WORKERS_ANSWER_WITHIN = 2.0

# Where a Celery app keeps what its tasks run: it lives as long as they do.
_KEPT_AS = "live_activity_dispatch"
_HEARS_BEAT = "live_activity_adds_sweep"


class CeleryDispatch(Dispatch):
    """Tasks on the host's Celery app, and the beat entry that sweeps.

    Nothing of Celery's configuration is read before a message is sent: a host may still set it.

    Args:
        app: The host, with its Celery app as ``app.extensions["celery"]``.
        delivery: This process's.
        queue: Where the tasks go; ``None``: where the host's own routes send them.
        sweep_interval: Between two sweeps, in seconds.
        opened: Learns how to end the thread that sends messages.
        asking: How the host is asked what its streams are, by each sweep.

    Raises:
        ConfigurationError: Celery is not installed, or the host has no Celery app yet; or this is
            a process of uWSGI without threads.
    """

    def __init__(
        self,
        app: Flask,
        delivery: Callable[[], Delivery],
        queue: str | None,
        sweep_interval: float,
        opened: Opened,
        asking: Asking,
    ) -> None:
        refuse_still_threads("the messages")
        self._app = app
        self._opened = opened
        self._delivery = delivery
        self._celery = _celery_of(app)
        self._options = {} if queue is None else {"queue": queue}
        self._sweep_interval = sweep_interval
        self._asking = asking
        self._outboxes: dict[int, Outbox] = {}
        if not hasattr(self._celery, _KEPT_AS):
            _register_tasks(self._celery)
        # The app that was made last: a factory is called many times over one Celery app in tests.
        setattr(self._celery, _KEPT_AS, self)
        self._celery.add_periodic_task(
            sweep_interval, self._celery.signature(SWEEP), name=SWEEP, **self._sweep_options
        )

    @property
    def _sweep_options(self) -> dict[str, Any]:
        # While no worker runs, or all are busy, sweeps must not pile up.
        return {**self._options, "expires": max(1.0, self._sweep_interval)}

    def start(self) -> None:
        """Nothing to start: a web process only sends messages."""

    def wake(self, stream_id: str) -> Run | None:
        if self._celery.conf.task_always_eager:
            return self._delivery().run(stream_id)
        self._outbox.put(stream_id)
        return None

    def check(self) -> str:
        """See whether the broker is there, and whether a worker knows the tasks."""
        try:
            with self._celery.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1)
                hears_all = connection.supports_exchange_type("fanout")
        except Exception as error:  # each broker's client has its own; they may quote its URL
            raise LiveActivityError(
                f"the Celery broker does not answer ({type(error).__name__}): see broker_url"
            ) from None
        # As Celery's workers decide on it (celery.worker.consumer.control).
        if not self._celery.conf.worker_enable_remote_control:
            return _not_known("remote control is off (worker_enable_remote_control)")
        if not hears_all:
            return _not_known("this broker has no remote control")
        try:
            registered = self._celery.control.inspect(timeout=WORKERS_ANSWER_WITHIN).registered()
        except Exception as error:  # a broker may let us send tasks, and no more
            return _not_known(f"workers cannot be asked ({type(error).__name__})")
        knowing = [name for name, tasks in (registered or {}).items() if DELIVER in str(tasks)]
        if not knowing:
            raise LiveActivityError(
                f"no Celery worker knows the task {DELIVER!r}: start one with `celery -A ... "
                "worker --beat`, on the app that is in app.extensions['celery']. (One that was "
                "started with remote control off cannot answer.)"
            )
        return f"{len(knowing)} Celery worker(s) know {DELIVER!r}"

    def close(self) -> None:
        outbox = self._outboxes.pop(os.getpid(), None)
        if outbox is not None:
            outbox.close()

    # --- messages ----------------------------------------------------------------------------

    @property
    def _outbox(self) -> Outbox:
        outbox = self._outboxes.get(os.getpid())
        if outbox is None:
            outbox = self._outboxes.setdefault(os.getpid(), Outbox(self._connect))
            self._opened.add(outbox.close)
        return outbox

    @contextlib.contextmanager
    def _connect(self) -> Iterator[Send]:
        with self._celery.connection_for_write() as connection:
            # Or the first message would wait in a loop of Kombu's for as long as it takes.
            connection.ensure_connection(max_retries=1)
            yield lambda stream_id: self._send(stream_id, connection=connection)

    def _send(self, stream_id: str, *more: object, **options: Any) -> None:
        self._celery.send_task(
            DELIVER,
            (stream_id, *more),
            retry=False,
            ignore_result=True,
            **{**self._options, **options},
        )

    def _send_if_possible(self, stream_id: str, *more: object, **options: Any) -> None:
        try:
            self._send(stream_id, *more, **options)
        except Exception as error:  # the broker is away: the sweep goes on with it
            logger.info("The Celery broker took no message (%s)", type(error).__name__)

    # --- what the tasks do -------------------------------------------------------------------

    def deliver(self, stream_id: str, helpers: int) -> str:
        """Tell all that is due for a while, and queue up again for what is left.

        Args:
            stream_id: What the message is about; more may be due, and is told as well.
            helpers: How many more workers may be asked to help.
        """
        refuse_green_threads("a task")
        with self._app.app_context():
            delivery = self._delivery()
            if delivery.pause():
                return "waits for the push service to answer"
            began = time.monotonic()
            asks = helpers > 0

            def ask_for_help() -> None:
                nonlocal asks
                if asks and time.monotonic() - began >= ASK_FOR_HELP_AFTER:
                    asks = False
                    self._send_if_possible(stream_id, helpers - 1)

            try:
                run = delivery.run(until=began + SLICE, on_result=ask_for_help)
            except StorageUnavailable as error:
                logger.warning("Live Activity delivery waits for the next sweep: %s", error)
                return "waits for the storage"
            if run.cut_short and not run.obstacle:
                self._send_if_possible(stream_id, 0)
            elif helpers == MOST_HELPERS and stream_id:  # of each change one message, and no more
                self._come_back(stream_id)
            return _summary(run)

    def _come_back(self, stream_id: str) -> None:
        """Queue up for an update that keeps its distance and is due before the next sweep."""
        due_at = None
        with contextlib.suppress(StorageUnavailable):  # the next sweep sees to it
            due_at = self._delivery().update_due_at(stream_id)
        wait = 0.0 if due_at is None else due_at - time.time()
        if 0 < wait < min(self._sweep_interval, LONGEST_COUNTDOWN):
            self._send_if_possible(stream_id, 0, countdown=wait)

    def sweep(self) -> str:
        """Tell what was left behind, ask the host what its streams are, and now and then delete
        what is long over."""
        done = self.deliver("", MOST_HELPERS)
        try:
            self._asking.ask_due(lambda: False)
        except StorageUnavailable as error:
            logger.warning("The host is asked about its streams by a later sweep: %s", error)
        with self._app.app_context():
            try:
                self._delivery().look_after_the_storage()
            except StorageUnavailable as error:
                logger.warning("Old Live Activity records are deleted by a later sweep: %s", error)
        return done

    def schedule_sweep(self, scheduler: Any) -> None:
        """Put the sweep into a beat that has lost it: a host may set ``beat_schedule`` late."""
        if SWEEP not in scheduler.schedule:
            scheduler.add(
                name=SWEEP,
                task=SWEEP,
                schedule=self._sweep_interval,
                options=self._sweep_options,
            )


def _celery_of(app: Flask) -> Celery:
    try:
        import celery
    except ImportError:
        raise ConfigurationError(
            "LIVE_ACTIVITY_DELIVERY = 'celery' needs Celery: "
            'pip install "flask-allmine-liveactivity[celery]"'
        ) from None
    found = app.extensions.get("celery")
    if found is None:
        raise ConfigurationError(
            "LIVE_ACTIVITY_DELIVERY = 'celery' uses your own Celery app, and there is none in "
            'app.extensions["celery"]. Put it there before LiveActivity.init_app(app): '
            'app.extensions["celery"] = celery_app.'
        )
    if not isinstance(found, celery.Celery):
        raise ConfigurationError(
            f'app.extensions["celery"] must be a celery.Celery, and is a {type(found).__name__}.'
        )
    return found


def _register_tasks(celery: Celery) -> None:
    """Once for each Celery app."""
    from celery import signals

    of_signals = weakref.ref(celery)  # they live as long as the process

    # Registered by calls, for Celery's decorators are untyped.
    options = {"ignore_result": True, "acks_late": False, "shared": False}

    def deliver(stream_id: str, helpers: int = MOST_HELPERS) -> str:
        return _kept_by(celery).deliver(stream_id, helpers)

    def sweep() -> str:
        return _kept_by(celery).sweep()

    def add_sweep(sender: Any = None, **_: object) -> None:
        celery = of_signals()
        if celery is not None and sender is not None and sender.app is celery:
            _kept_by(celery).schedule_sweep(sender.scheduler)

    celery.task(deliver, name=DELIVER, **options)
    celery.task(sweep, name=SWEEP, **options)
    signals.beat_init.connect(add_sweep)
    setattr(celery, _HEARS_BEAT, add_sweep)  # Celery's signals hold their receivers weakly


def _kept_by(celery: Celery) -> CeleryDispatch:
    dispatch = getattr(celery, _KEPT_AS)
    assert isinstance(dispatch, CeleryDispatch)
    return dispatch


def _not_known(why: str) -> str:
    return (
        f"the Celery broker answers. Whether a worker knows the task {DELIVER!r} is not known, for "
        f"{why}: a worker's log lists its tasks when it starts"
    )


def _summary(run: Run) -> str:
    """For the worker's log."""
    tally = run.tally
    said = (
        f"delivered {tally.delivered}, gone {tally.gone}, rejected {tally.rejected}, "
        f"to be tried again {tally.retrying}"
    )
    return f"{said}; {run.obstacle}" if run.obstacle else said
