"""``app.config`` into one frozen object, checked whole.

Whatever is wrong is said here, with the key and the remedy, before the first request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from flask_allmine_liveactivity.app.apns_reader import (
    APNS_REQUIRED,
    NotAtHand,
    read_apns,
    read_bundle_id,
)
from flask_allmine_liveactivity.app.config_reader import PREFIX, ConfigReader, seconds_of
from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model import StreamState
from flask_allmine_liveactivity.model.canonical import STREAM_ID
from flask_allmine_liveactivity.push.apns_settings import ApnsSettings
from flask_allmine_liveactivity.storage.preparation import Prepare

# What is safe in a URL path, whatever pattern a host sets: a token becomes a part of one.
URL_SAFE = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~-]+")

_DELIVERIES = ("thread", "inline", "celery", "worker")
_PREPARES = ("auto", "command")
_QUEUE = re.compile(r"[A-Za-z0-9_.:-]{1,200}")


Delivery = Literal["thread", "inline", "celery", "worker"]


class AsSet:
    """The type of ``AS_SET``: take what the settings say."""


AS_SET: Final = AsSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. Durations are seconds."""

    storage_uri: str | None = field(repr=False)
    storage_options: Mapping[str, Any] = field(repr=False)
    prepare: Prepare
    push: Any
    """A name, or an object of the host's; ``None``: it was passed as one, or see ``no_push``."""
    no_push: str | None
    """Why nothing can be pushed from here, to be said where somebody wants to."""
    apns: ApnsSettings | None
    bundle_id: str | None
    delivery: Delivery
    celery_queue: str | None
    """Where the Celery tasks go; ``None``: where the host's routes send them."""
    lease: float
    sweep_interval: float
    check_interval: float
    """Between two questions to the host about a stream."""
    batch_size: int
    session_lifetime: float
    stream_ttl: float
    dismiss_after: Mapping[StreamState, float | None]
    url_prefix: str
    blueprint_name: str
    stream_id_pattern: re.Pattern[str]
    token_pattern: re.Pattern[str]
    max_sessions_per_user: int | None
    allow_any_stream: bool
    simulator_ui: bool
    api_servers: Mapping[str, str]
    """Base URLs by name, for the API's description."""
    api_reference: str | None
    """The path of the reference page; ``None``: there is none."""

    def dismissed_after(self, state: StreamState, said: object) -> float | None:
        """Seconds until an ended activity leaves the lock screen; ``None``: as iOS likes.

        Args:
            state: In which its stream has ended.
            said: What the host has said of this end; ``AS_SET``: nothing.

        Raises:
            ValueError: It is no duration.
        """
        if isinstance(said, AsSet):
            return self.dismiss_after[state]
        try:
            return dismiss_after_of(said, "dismiss_after")
        except ConfigurationError as error:
            raise ValueError(str(error)) from None


def read_settings(config: Mapping[str, Any], *, push_given: bool, lenient: bool) -> Settings:
    """Read and check every ``LIVE_ACTIVITY_`` key of a Flask configuration.

    Args:
        config: ``app.config``.
        push_given: A push backend was passed as an object: keys of another are not needed.
        lenient: Debugging or testing: without any APNs key the console will do, and whoever has
            set only some is there to read of it at once.

    Raises:
        ConfigurationError: A key is unknown, missing, of the wrong type or out of bounds.
    """
    reader = ConfigReader(config)
    simulator_ui = _read_simulator_ui(reader, push_given=push_given, lenient=lenient)
    apns, push, no_push = None, None, None
    try:
        apns = read_apns(reader, needed=not push_given)
        push = None if push_given else _read_push(reader, apns, lenient=lenient)
    except NotAtHand as error:
        # An image is built without secrets, and its commands need none: `flask db upgrade`.
        if lenient:
            raise
        no_push = str(error)
    lifetime = reader.duration("SESSION_LIFETIME", 12 * 3600.0, least=1.0)
    ttl = reader.duration("STREAM_TTL", max(24 * 3600.0, lifetime), least=1.0)
    if ttl < lifetime:
        raise ConfigurationError(
            "LIVE_ACTIVITY_STREAM_TTL is less than LIVE_ACTIVITY_SESSION_LIFETIME: a stream's end "
            "would be forgotten while its Live Activities still run. Make it at least as long."
        )
    settings = Settings(
        storage_uri=reader.text("STORAGE_URI"),
        storage_options=reader.mapping("STORAGE_OPTIONS"),
        prepare=reader.one_of("PREPARE", _PREPARES, "auto"),
        push=push,
        no_push=no_push,
        apns=apns,
        bundle_id=read_bundle_id(reader),
        delivery=reader.one_of("DELIVERY", _DELIVERIES, "thread"),
        celery_queue=_read_celery_queue(reader),
        lease=reader.duration("LEASE", 60.0, least=1.0),
        sweep_interval=reader.duration("SWEEP_INTERVAL", 15.0, least=0.05),
        check_interval=reader.duration("CHECK_INTERVAL", 60.0, least=0.05),
        batch_size=reader.count("BATCH_SIZE", 1000, most=10_000),
        session_lifetime=lifetime,
        stream_ttl=ttl,
        dismiss_after=_read_dismiss_after(reader),
        url_prefix=_read_url_prefix(reader),
        blueprint_name=_read_blueprint_name(reader),
        stream_id_pattern=reader.pattern("STREAM_ID_PATTERN", STREAM_ID),
        token_pattern=reader.pattern("TOKEN_PATTERN", URL_SAFE),
        max_sessions_per_user=(
            None
            if reader.get("MAX_SESSIONS_PER_USER", 100) is None
            else reader.count("MAX_SESSIONS_PER_USER", 100, most=1_000_000)
        ),
        allow_any_stream=reader.flag("ALLOW_ANY_STREAM"),
        simulator_ui=simulator_ui,
        api_servers=_read_api_servers(reader),
        api_reference=_read_api_reference(reader),
    )
    reader.refuse_unknown()
    return settings


def _read_simulator_ui(reader: ConfigReader, *, push_given: bool, lenient: bool) -> bool:
    name = PREFIX + "SIMULATOR_UI"
    if not reader.flag("SIMULATOR_UI"):
        return False
    if not lenient:
        raise ConfigurationError(
            f"{name} is for development only: it lets whoever is on this machine act as any user. "
            "Remove it here, or run in debug mode: `flask run --debug`, or FLASK_DEBUG=1."
        )
    ways = [PREFIX + key for key in ("PUSH", *APNS_REQUIRED) if reader.get(key, None) is not None]
    if push_given or ways:
        raise ConfigurationError(
            f"{name} pushes to the phones on its page, and {', '.join(ways) or 'push='} elsewhere: "
            "remove the one or the other."
        )
    if reader.get("DELIVERY", "thread") not in ("thread", "inline"):
        raise ConfigurationError(
            f"{name}: the phones are in the memory of the web process, so it must deliver itself. "
            f"Set {PREFIX}DELIVERY to 'thread' or 'inline'."
        )
    return True


def _read_celery_queue(reader: ConfigReader) -> str | None:
    queue = reader.text("CELERY_QUEUE")
    if queue is not None and not _QUEUE.fullmatch(queue):
        raise ConfigurationError(
            f"{PREFIX}CELERY_QUEUE must be the name of a queue: letters, digits, '_', '-', '.' and "
            "':', 200 at most. Remove it to use the queue of your own tasks."
        )
    return queue


def dismiss_after_of(value: Any, name: str) -> float | None:
    """Seconds until an ended activity leaves the lock screen; ``None``: as iOS likes."""
    return None if value is None else seconds_of(value, name, least=0.0)


def _read_push(reader: ConfigReader, apns: ApnsSettings | None, *, lenient: bool) -> Any:
    push = reader.get("PUSH", None)
    if push is None and apns is not None:
        return "apns"
    if push is None and lenient:
        return "console"
    if push is None:
        raise NotAtHand(
            "There is no way to push: set "
            f"{', '.join(PREFIX + name for name in APNS_REQUIRED)} to reach Apple, or "
            "LIVE_ACTIVITY_PUSH = 'console' to only log what would be sent, which is the default "
            "where DEBUG or TESTING is set before LiveActivity.init_app(app)."
        )
    return push


def _read_dismiss_after(reader: ConfigReader) -> Mapping[StreamState, float | None]:
    name = PREFIX + "DISMISS_AFTER"
    value = reader.get("DISMISS_AFTER", 0)
    if not isinstance(value, Mapping):
        return dict.fromkeys(StreamState, dismiss_after_of(value, name))
    by_state: dict[StreamState, float | None] = dict.fromkeys(StreamState, 0.0)
    for state, after in value.items():
        if state not in set(StreamState):
            raise ConfigurationError(
                f"{name} has the state {state!r}: the states are {', '.join(StreamState)}."
            )
        by_state[StreamState(state)] = dismiss_after_of(after, f"{name}[{state!r}]")
    return by_state


def _read_url_prefix(reader: ConfigReader) -> str:
    prefix = reader.text("URL_PREFIX")
    if prefix is None:
        return "/api/v1/notifications"
    if prefix and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", prefix):
        raise ConfigurationError(
            "LIVE_ACTIVITY_URL_PREFIX must begin with a slash and not end with one, such as "
            "'/api/v1/notifications'."
        )
    return prefix


def _read_blueprint_name(reader: ConfigReader) -> str:
    name = reader.text("BLUEPRINT_NAME")
    if name is None:
        return "live_activity"
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", name):
        raise ConfigurationError(
            f"{PREFIX}BLUEPRINT_NAME must be a name of letters, digits and '_', such as "
            "'live_activity_sessions'."
        )
    return name


def _read_api_servers(reader: ConfigReader) -> Mapping[str, str]:
    servers = reader.mapping("API_SERVERS")
    for name, url in servers.items():
        if not isinstance(name, str) or not name.strip() or not isinstance(url, str):
            raise ConfigurationError(
                f"{PREFIX}API_SERVERS must be names and their base URLs, such as "
                "{'Production': 'https://api.example.com', 'Development': 'https://dev.example.com'}."
            )
        if not re.fullmatch(r"https?://[^/?#\s@]+(/[A-Za-z0-9._~-]+)*/?|/", url):
            raise ConfigurationError(
                f"{PREFIX}API_SERVERS[{name!r}] must be a base URL such as "
                "'https://dev.example.com', or '/' for the server that is asked."
            )
    return {name: url if url == "/" else url.rstrip("/") for name, url in servers.items()}


def _read_api_reference(reader: ConfigReader) -> str | None:
    path = reader.text("API_REFERENCE")
    if path is not None and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", path):
        raise ConfigurationError(
            f"{PREFIX}API_REFERENCE must be the path of a page, such as '/api-reference'."
        )
    return path
