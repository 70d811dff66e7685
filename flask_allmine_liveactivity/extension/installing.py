"""The extension is installed on an app: settings are checked, parts are made, all is registered."""

from __future__ import annotations

import logging
from collections.abc import Callable

import click
from flask import Blueprint, Flask, request_started

from flask_allmine_liveactivity.app.callbacks import HostCallbacks
from flask_allmine_liveactivity.app.installation import EXTENSION, Installation
from flask_allmine_liveactivity.app.settings import Settings, read_settings
from flask_allmine_liveactivity.cli import live_activity_commands
from flask_allmine_liveactivity.delivery.runner import Delivery
from flask_allmine_liveactivity.dispatch.asking import Asking
from flask_allmine_liveactivity.dispatch.base import Dispatch
from flask_allmine_liveactivity.errors import ConfigurationError
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

logger = logging.getLogger(__name__)


def install(
    app: Flask,
    callbacks: HostCallbacks,
    blueprint: Blueprint,
    *,
    storage: Storage | None,
    push: PushBackend | None,
) -> None:
    """Check the configuration of an app, and register what the extension has on it.

    Args:
        app: The host.
        callbacks: What it has registered, now or later.
        blueprint: The endpoint's.
        storage: The host's own, or ``None``: as the settings say.
        push: The same.

    Raises:
        ConfigurationError: A setting is missing or wrong, or the app has the extension already.
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
        callbacks,
        storage,
        push,
        lambda delivery, opened, asking: _dispatch(app, settings, delivery, opened, asking),
    )
    app.extensions[EXTENSION] = installation
    # By its name others know it later: CSRFProtect.exempt, Limiter.limit.
    blueprint.name = settings.blueprint_name
    app.register_blueprint(
        blueprint, name=settings.blueprint_name, url_prefix=settings.url_prefix or None
    )
    mount_reference(app, settings)
    app.cli.add_command(live_activity_commands)
    # Not a before_request function: one of the host's could answer before it is asked.
    request_started.connect(installation.on_request, app)


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
    app: Flask,
    settings: Settings,
    delivery: Callable[[], Delivery],
    opened: Opened,
    asking: Asking,
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
                app, delivery, settings.celery_queue, settings.sweep_interval, opened, asking
            )
        case "thread":
            from flask_allmine_liveactivity.dispatch.courtesy import Courtesy
            from flask_allmine_liveactivity.dispatch.thread import ThreadDispatch

            courtesy = Courtesy(app)
            return ThreadDispatch(
                delivery,
                settings.sweep_interval,
                opened=opened,
                on_result=courtesy.step_aside,
                asking=asking,
            )
