"""``app.config`` into one frozen object, checked whole.

Whatever is wrong is said here, with the key and the remedy, before the first request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from flask_allmine_liveactivity.config_reader import PREFIX, ConfigReader, seconds_of
from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model import StreamState
from flask_allmine_liveactivity.push.apns.provider_token import read_signing_key

# What is safe in a URL path, whatever pattern a host sets: a token becomes a part of one.
URL_SAFE = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~-]+")
STREAM_ID = re.compile(r"[0-9a-fA-F]{24}")

_APNS_REQUIRED = ("APNS_KEY", "APNS_KEY_ID", "APNS_TEAM_ID", "APNS_BUNDLE_ID", "APNS_ENVIRONMENT")
_DELIVERIES = ("thread", "inline", "celery", "worker")
_ENVIRONMENTS = ("production", "sandbox")
_QUEUE = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
_TEN_CHARACTERS = re.compile(r"[A-Za-z0-9]{10}")

Delivery = Literal["thread", "inline", "celery", "worker"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApnsSettings:
    """How Apple knows us, and where it is."""

    key: str = field(repr=False)
    """The signing key, as PEM text."""
    key_id: str
    team_id: str
    bundle_id: str
    environment: str
    server: str | None
    ca: str | None
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. Durations are seconds."""

    storage_uri: str | None = field(repr=False)
    storage_options: Mapping[str, Any] = field(repr=False)
    push: Any
    """A name, or an object of the host's; ``None``: nothing fits, see ``push_from``."""
    apns: ApnsSettings | None
    bundle_id: str | None
    delivery: Delivery
    celery_queue: str | None
    """Where the Celery tasks go; ``None``: where the host's routes send them."""
    lease: float
    sweep_interval: float
    batch_size: int
    session_lifetime: float
    stream_ttl: float
    dismiss_after: Mapping[StreamState, float | None]
    url_prefix: str
    stream_id_pattern: re.Pattern[str]
    token_pattern: re.Pattern[str]
    max_sessions_per_user: int | None
    allow_any_stream: bool
    simulator_ui: bool
    api_servers: Mapping[str, str]
    """Base URLs by name, for the API's description."""
    api_reference: str | None
    """The path of the reference page; ``None``: there is none."""


def read_settings(config: Mapping[str, Any], *, push_given: bool, lenient: bool) -> Settings:
    """Read and check every ``LIVE_ACTIVITY_`` key of a Flask configuration.

    Args:
        config: ``app.config``.
        push_given: A push backend was passed as an object: keys of another are not needed.
        lenient: Debugging or testing: without any APNs key the console will do.

    Raises:
        ConfigurationError: A key is unknown, missing, of the wrong type or out of bounds.
    """
    reader = ConfigReader(config)
    simulator_ui = _read_simulator_ui(reader, push_given=push_given, lenient=lenient)
    apns = _read_apns(reader, needed=not push_given)
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
        push=None if push_given else _read_push(reader, apns, lenient=lenient),
        apns=apns,
        bundle_id=_read_bundle_id(reader),
        delivery=reader.one_of("DELIVERY", _DELIVERIES, "thread"),
        celery_queue=_read_celery_queue(reader),
        lease=reader.duration("LEASE", 60.0, least=1.0),
        sweep_interval=reader.duration("SWEEP_INTERVAL", 15.0, least=0.05),
        batch_size=reader.count("BATCH_SIZE", 1000, most=10_000),
        session_lifetime=lifetime,
        stream_ttl=ttl,
        dismiss_after=_read_dismiss_after(reader),
        url_prefix=_read_url_prefix(reader),
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
    ways = [PREFIX + key for key in ("PUSH", *_APNS_REQUIRED) if reader.get(key, None) is not None]
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


def _read_apns(reader: ConfigReader, *, needed: bool) -> ApnsSettings | None:
    push = reader.get("PUSH", None)
    given = [name for name in _APNS_REQUIRED if reader.get(name, None) is not None]
    connections = reader.count("APNS_CONNECTIONS", 1, most=100)
    server, ca = reader.text("APNS_SERVER"), reader.text("APNS_CA")
    by_name = push in ("apns", "apns2")
    if not needed or not (by_name or (push is None and given)):
        return None
    missing = [PREFIX + name for name in _APNS_REQUIRED if name not in given]
    if missing:
        raise ConfigurationError(
            f"Pushing to Apple needs {', '.join(missing)} too. All five of "
            f"{', '.join(PREFIX + name for name in _APNS_REQUIRED)} are found in the Apple "
            "developer account; set LIVE_ACTIVITY_PUSH = 'console' to do without for now."
        )
    key = _read_key(reader.text("APNS_KEY") or "")
    read_signing_key(key)
    if server is not None and not re.fullmatch(r"https://[^/?#\s@]+/?", server):
        raise ConfigurationError(
            "LIVE_ACTIVITY_APNS_SERVER must be a base URL such as 'https://127.0.0.1:2197'."
        )
    if ca is not None and not Path(ca).is_file():
        raise ConfigurationError(f"LIVE_ACTIVITY_APNS_CA: there is no file {ca!r}.")
    return ApnsSettings(
        key=key,
        key_id=_ten_characters(reader, "APNS_KEY_ID", "the key's id"),
        team_id=_ten_characters(reader, "APNS_TEAM_ID", "the team's id"),
        bundle_id=_read_bundle_id(reader) or "",
        environment=reader.one_of("APNS_ENVIRONMENT", _ENVIRONMENTS, None),
        server=None if server is None else server.rstrip("/"),
        ca=ca,
        connections=connections,
    )


def _read_key(value: str) -> str:
    if "-----BEGIN" in value:
        return value.replace("\\n", "\n")
    try:
        return Path(value).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        # Not the value itself: it may be a key whose first line was lost.
        raise ConfigurationError(
            "LIVE_ACTIVITY_APNS_KEY is neither the text of a .p8 file nor the path of one that "
            f"can be read ({type(error).__name__})."
        ) from None


def _read_bundle_id(reader: ConfigReader) -> str | None:
    bundle_id = reader.text("APNS_BUNDLE_ID")
    if bundle_id is not None and not re.fullmatch(r"[A-Za-z0-9.-]{1,200}", bundle_id):
        raise ConfigurationError(
            "LIVE_ACTIVITY_APNS_BUNDLE_ID must be the app's bundle id, such as 'com.example.app'."
        )
    return bundle_id


def _ten_characters(reader: ConfigReader, name: str, what: str) -> str:
    value = reader.text(name) or ""
    if not _TEN_CHARACTERS.fullmatch(value):
        raise ConfigurationError(
            f"{PREFIX}{name} must be {what}: ten letters and digits, as the Apple developer "
            f"account shows it. It has {len(value)} characters."
        )
    return value


def _read_push(reader: ConfigReader, apns: ApnsSettings | None, *, lenient: bool) -> Any:
    push = reader.get("PUSH", None)
    if push is None and apns is not None:
        return "apns"
    if push is None and lenient:
        return "console"
    if push is None:
        raise ConfigurationError(
            "There is no way to push: set "
            f"{', '.join(PREFIX + name for name in _APNS_REQUIRED)} to reach Apple, or "
            "LIVE_ACTIVITY_PUSH = 'console' to only log what would be sent."
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
