"""``LiveActivity``: settings into parts, parts into the app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from flask import Flask

from flask_allmine_liveactivity.app import operations
from flask_allmine_liveactivity.app.callbacks import (
    AskAboutStreams,
    ContentState,
    Guard,
    HostCallbacks,
    UserIdLoader,
)
from flask_allmine_liveactivity.app.installation import (
    current,
)
from flask_allmine_liveactivity.app.settings import AS_SET
from flask_allmine_liveactivity.blueprint.routes import make_blueprint
from flask_allmine_liveactivity.extension.installing import install
from flask_allmine_liveactivity.model import DeliveryReport, StreamState
from flask_allmine_liveactivity.model.report import StreamReceipt, StreamReport
from flask_allmine_liveactivity.push.base import PushBackend
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.streams.announcement import stream_state

G = TypeVar("G", bound=Guard)
A = TypeVar("A", bound=AskAboutStreams)
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
        install(
            app,
            self._callbacks,
            self.blueprint,
            storage=storage or self._storage,
            push=push or self._push,
        )

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

    def streams(self, callback: A) -> A:
        """Register what the host's streams are. Optional; with it no end is ever lost on the host's
        side, and running countdowns follow what it says.

        ``callback(stream_ids)`` is given up to 500 ids, and returns a mapping: for each id a
        `Countdown`, the ``StreamState`` in which the stream is over (or its string), or ``None``:
        it is to come, and nothing is to be shown of it. Of an id that is left out nothing is known,
        and it is asked again later. An ``ObjectId`` is taken as a key.

        It is called by the minute (``LIVE_ACTIVITY_CHECK_INTERVAL``) for all streams that anybody
        follows, and by ``stream_changed``; in an app context, outside of requests. It must read
        committed data of the primary: what a replica says that lags behind may end a countdown.

        .. versionadded:: 0.1.0
        """
        self._callbacks.streams = callback
        return callback

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

    def stream_changed(
        self, stream_id: object, *, alert: Mapping[str, Any] | None = None
    ) -> StreamReceipt:
        """Something of a stream has changed: ask the ``streams`` callback about it now, and tell
        what differs. Acts on the current app.

        Call it **after** your own commit, whatever has changed: scheduled, moved, renamed, ready,
        cancelled. It is one small write, however large the audience is. Who forgets to call it is
        asked within a minute or two, once anybody follows the stream.

        Args:
            stream_id: A string, an ``ObjectId`` or a UUID.
            alert: ``{"title": ..., "body": ...}`` that is said aloud with what is new.

        Returns:
            What was written. Where the callback fails nothing is, and it is asked again.

        Raises:
            ValueError: No stream id.
            TypeError: ``alert`` is no mapping of JSON values.
            ConfigurationError: There is no ``streams`` callback.
            PayloadTooLarge: Over Apple's limit. Nothing was stored.
            StorageUnavailable: Nothing may have been stored; call it again.

        .. versionadded:: 0.1.0
        """
        installation = current()
        return installation.streams.changed(installation.stream_id(stream_id), alert)

    def stream_report(self, stream_id: object) -> StreamReport:
        """How one stream stands: for an operator's page. It costs a count of its sessions.

        Raises:
            ValueError: No stream id.
            StorageUnavailable: The storage does not answer.

        .. versionadded:: 0.1.0
        """
        return operations.report(current(), stream_id)

    def reopen_stream(self, stream_id: object) -> None:
        """Forget a stream's end: it is scheduled again. Where none stands nothing is forgotten.

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
