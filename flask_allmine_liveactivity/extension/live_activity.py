"""``LiveActivity``: settings into parts, parts into the app."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
from flask import Flask, request_started

from flask_allmine_liveactivity.app import operations
from flask_allmine_liveactivity.app.callbacks import (
    ContentState,
    Guard,
    HostCallbacks,
    UserIdLoader,
)
from flask_allmine_liveactivity.app.installation import (
    EXTENSION,
    Installation,
    current,
)
from flask_allmine_liveactivity.app.settings import AS_SET, Settings, read_settings
from flask_allmine_liveactivity.blueprint.routes import make_blueprint
from flask_allmine_liveactivity.cli import live_activity_commands
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.dispatch.base import Dispatch
from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model import DeliveryReport, StreamState
from flask_allmine_liveactivity.openapi.page import mount_reference
from flask_allmine_liveactivity.process.opened import Opened
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.push.from_settings import adopt_push, check_push
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.from_uri import (
    PREPARED_BY_THE_HOST,
    check_storage,
    why_on_one_machine,
)
from flask_allmine_liveactivity.streams.announcement import stream_state

logger = logging.getLogger(__name__)

G = TypeVar("G", bound=Guard)
C = TypeVar("C", bound=ContentState)
U = TypeVar("U", bound=UserIdLoader)


class LiveActivity:
    """The extension.

    Args:
        app: Installs it on this app at once; else call ``init_app``.
        storage: A ``Storage`` of the host's, instead of ``LIVE_ACTIVITY_STORAGE_URI``.
        push: A ``PushBackend`` of the host's, instead of ``LIVE_ACTIVITY_PUSH``.

    Example::

        live_activity = LiveActivity()
        live_activity.init_app(app)

        @live_activity.stream_guard
        def guard(stream_id, user_id):
            if not Stream.exists(stream_id):
                raise StreamNotFound

    .. versionadded:: 0.1.0
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        storage: Storage | None = None,
        push: PushBackend | None = None,
    ) -> None:
        self._callbacks = HostCallbacks()
        self._storage = storage
        self._push = push
        self.blueprint = make_blueprint()
        """For CSRF exemption and rate limits."""
        if app is not None:
            self.init_app(app)

    def init_app(
        self,
        app: Flask,
        *,
        storage: Storage | None = None,
        push: PushBackend | None = None,
    ) -> None:
        """Check the configuration and register the endpoint and the command line on `app`.

        Nothing is connected: storage and push are opened at first use in each process. APNs keys
        that are not at hand are missed there, too, and by whoever serves: a command that pushes
        nothing, such as ``flask db upgrade``, runs without them.

        Raises:
            ConfigurationError: A setting is missing or wrong, or the app has the extension
                already. The message names the key and the remedy.

        .. versionadded:: 0.1.0
        """
        if EXTENSION in app.extensions:
            theirs = app.extensions[EXTENSION]
            if not isinstance(theirs, Installation):
                raise ConfigurationError(
                    f'app.extensions["{EXTENSION}"] is ours, and holds a {type(theirs).__name__} '
                    "of yours: keep that under another name."
                )
            raise ConfigurationError(
                "LiveActivity is installed on this app already: call init_app once for each app."
            )
        storage = storage or self._storage
        push = push or self._push
        _check_kind("storage", storage, Storage)
        _check_kind("push", push, PushBackend)
        settings = read_settings(
            app.config,
            push_given=push is not None,
            lenient=app.debug or app.testing,
        )
        if settings.blueprint_name in app.blueprints:
            raise ConfigurationError(
                f"This app has a blueprint named {settings.blueprint_name!r} already, as ours is "
                "called: set LIVE_ACTIVITY_BLUEPRINT_NAME to another name for ours, such as "
                "'live_activity_sessions'."
            )
        _check_storage(app, settings, storage)
        _check_push(settings, push)
        if settings.no_push is not None and click.get_current_context(silent=True) is None:
            # No command has made this app, but most likely a server.
            logger.error("%s Until then each request fails.", settings.no_push)
        if settings.simulator_ui:
            # Here, for the simulator is nothing that a production server should load.
            from flask_allmine_liveactivity.extension.simulator_ui import mount_simulator

            push = mount_simulator(app, settings)
        installation = Installation(
            app,
            settings,
            self._callbacks,
            storage,
            push,
            lambda delivery, opened: _dispatch(app, settings, delivery, opened),
        )
        app.extensions[EXTENSION] = installation
        # By its name others know it later: CSRFProtect.exempt, Limiter.limit.
        self.blueprint.name = settings.blueprint_name
        app.register_blueprint(
            self.blueprint, name=settings.blueprint_name, url_prefix=settings.url_prefix or None
        )
        mount_reference(app, settings)
        app.cli.add_command(live_activity_commands)
        # Not a before_request function: one of the host's could answer before it is asked.
        request_started.connect(installation.on_request, app)

    # --- what the host tells us --------------------------------------------------------------

    def stream_guard(self, guard: G) -> G:
        """Register who may follow which stream. Required, unless
        ``LIVE_ACTIVITY_ALLOW_ANY_STREAM`` is set.

        ``guard(stream_id, user_id)`` raises ``StreamNotFound`` or ``StreamForbidden``, returns
        ``None`` where the stream is still to come, or the ``StreamState`` in which it has ended.

        .. versionadded:: 0.1.0
        """
        self._callbacks.guard = guard
        return guard

    def content_state(self, callback: C) -> C:
        """Register what a Live Activity shows at the end, in the keys of the app's
        ``ContentState``. Without it iOS ends the activity with what it shows last.

        ``callback(stream_id, state)`` returns a mapping of JSON values, or ``None``.

        .. versionadded:: 0.1.0
        """
        self._callbacks.content_state = callback
        return callback

    def user_id_loader(self, loader: U) -> U:
        """Register how a user id is read from the claims of a verified token; the default is its
        subject. ``loader(jwt_data)`` returns the id: a string, a number, a UUID or an
        ``ObjectId``; ``None`` is a 401.

        .. versionadded:: 0.1.0
        """
        self._callbacks.user_id_loader = loader
        return loader

    # --- what the host asks of us, on the current app ----------------------------------------

    def reopen_stream(self, stream_id: object) -> None:
        """Forget a stream's end: it is scheduled again.

        Activities that were told of the end are over; those not told yet run on.

        Raises:
            ValueError: It is no stream id.
            StorageUnavailable: Nothing may have been stored.

        .. versionadded:: 0.1.0
        """
        installation = current()
        installation.reopen(installation.stream_id(stream_id))

    def release(self, user_id: object, device_id: str) -> int:
        """A user has logged out of a device: its next user may register what still runs there.

        Returns how many running sessions were released; their end is told all the same.

        Raises:
            TypeError: ``user_id`` is neither a string nor a number, UUID or ``ObjectId``.

        .. versionadded:: 0.1.0
        """
        return operations.release(current(), user_id, device_id).sessions

    def forget_user(self, user_id: object) -> int:
        """Erase a user. What still runs is kept without its owner until it has been ended.

        Returns how many sessions there were.

        Raises:
            TypeError: ``user_id`` is neither a string nor a number, UUID or ``ObjectId``.

        .. versionadded:: 0.1.0
        """
        return operations.forget(current(), user_id).sessions


def notify_stream_state(
    stream_id: object,
    state: StreamState | str,
    *,
    content_state: Mapping[str, Any] | None = None,
    alert: Mapping[str, Any] | None = None,
    dismiss_after: object = AS_SET,
) -> DeliveryReport:
    """Tell every Live Activity of a stream that it is over. Acts on the current app.

    Call it **after** your own commit: a push that was sent cannot be taken back, and if you roll
    back, the activities have ended all the same. It is one small write, however large the audience
    is. To say the same state twice sends nothing twice.

    Args:
        stream_id: A string, an ``ObjectId`` or a UUID.
        state: A ``StreamState`` or its string.
        content_state: The final content, in the keys of the app's ``ContentState``; ``None``: as
            the ``content_state`` callback says.
        alert: ``{"title": ..., "body": ...}``, with ``sound`` if it shall be heard.
        dismiss_after: Seconds (or a ``timedelta``) that the ended activity stays on the lock
            screen, four hours at most; ``0``: off at once; ``None``: as iOS likes. Without it,
            ``LIVE_ACTIVITY_DISMISS_AFTER``.

    Returns:
        What was done; the four counts are ``None`` where the background delivers.

    Raises:
        ValueError: No stream id, or none of the four states.
        TypeError: ``content_state`` or ``alert`` is no mapping of JSON values.
        PayloadTooLarge: Over Apple's limit. Nothing was stored.
        StorageUnavailable: Nothing may have been stored; call it again.

    .. versionadded:: 0.1.0
    """
    installation = current()
    return installation.notify(
        installation.stream_id(stream_id),
        stream_state(state),
        content_state=content_state,
        alert=alert,
        dismiss_after=dismiss_after,
    )


def _check_kind(name: str, given: object, kind: type[object]) -> None:
    if given is not None and not isinstance(given, kind):
        raise ConfigurationError(
            f"{name}= must be a {kind.__name__}, and is a {type(given).__name__}."
        )


def _check_storage(app: Flask, settings: Settings, given: Storage | None) -> None:
    why = why_on_one_machine(settings.storage_uri, given)
    if settings.delivery == "celery" and why is not None:
        raise ConfigurationError(
            f"LIVE_ACTIVITY_DELIVERY = 'celery' spreads over machines, and {why}: "
            "set LIVE_ACTIVITY_STORAGE_URI, for example 'mongodb://host/db'."
        )
    if given is None:
        check_storage(
            settings.storage_uri, settings.storage_options, app.instance_path, settings.prepare
        )
    elif settings.prepare == "command":
        raise ConfigurationError(PREPARED_BY_THE_HOST)


def _check_push(settings: Settings, given: PushBackend | None) -> None:
    push = given or settings.push
    if isinstance(push, PushBackend):
        adopt_push(push, settings.bundle_id)
    elif settings.no_push is None:
        check_push(push, settings.apns)


def _dispatch(
    app: Flask, settings: Settings, delivery: Callable[[], Delivery], opened: Opened
) -> Dispatch:
    match settings.delivery:
        case "inline":
            from flask_allmine_liveactivity.dispatch.inline import InlineDispatch

            return InlineDispatch(delivery)
        case "worker":
            from flask_allmine_liveactivity.dispatch.worker import WorkerDispatch

            return WorkerDispatch()
        case "celery":
            from flask_allmine_liveactivity.dispatch.celery import CeleryDispatch

            return CeleryDispatch(
                app, delivery, settings.celery_queue, settings.sweep_interval, opened
            )
        case "thread":
            from flask_allmine_liveactivity.dispatch.courtesy import Courtesy
            from flask_allmine_liveactivity.dispatch.thread import ThreadDispatch

            courtesy = Courtesy(app)
            return ThreadDispatch(
                delivery, settings.sweep_interval, opened=opened, on_result=courtesy.step_aside
            )
