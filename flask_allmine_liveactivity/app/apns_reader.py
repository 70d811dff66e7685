"""The settings with which Apple is reached, read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from flask_allmine_liveactivity.app.config_reader import PREFIX, ConfigReader
from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.model.environments import ENVIRONMENTS
from flask_allmine_liveactivity.push.apns_settings import AUTO, ApnsSettings
from flask_allmine_liveactivity.push.from_settings import check_signing_key

APNS_REQUIRED = ("APNS_KEY", "APNS_KEY_ID", "APNS_TEAM_ID", "APNS_BUNDLE_ID", "APNS_ENVIRONMENT")
_SERVER = re.compile(r"https://[^/?#\s@]+/?")
_TEN_CHARACTERS = re.compile(r"[A-Za-z0-9]{10}")


class NotAtHand(ConfigurationError):
    """What only those who serve have is not here: a key, or a file that is mounted."""


def read_apns(reader: ConfigReader, *, needed: bool) -> ApnsSettings | None:
    """How Apple is reached; ``None``: it is not.

    Raises:
        NotAtHand: What only those who serve have is not here.
        ConfigurationError: A setting is wrong.
    """
    push = reader.get("PUSH", None)
    given = [name for name in APNS_REQUIRED if reader.get(name, None) is not None]
    connections = reader.count("APNS_CONNECTIONS", 1, most=100)
    server, servers = _read_servers(reader)
    ca = reader.text("APNS_CA")
    proxy = reader.proxy("APNS_PROXY")
    by_name = push in ("apns", "apns2")
    if not needed or not (by_name or (push is None and given)):
        return None
    _check_servers(server, servers)
    # What is wrong is said before what is missing: it stays wrong where nothing is missing.
    key_id = _ten_characters(reader, "APNS_KEY_ID", "the key's id")
    team_id = _ten_characters(reader, "APNS_TEAM_ID", "the team's id")
    bundle_id = read_bundle_id(reader)
    environment = (
        reader.one_of("APNS_ENVIRONMENT", (*ENVIRONMENTS, AUTO), None)
        if "APNS_ENVIRONMENT" in given
        else ""
    )
    key = reader.text("APNS_KEY")
    missing = [PREFIX + name for name in APNS_REQUIRED if name not in given]
    if missing:
        raise NotAtHand(
            f"Pushing to Apple needs {', '.join(missing)} too. All five of "
            f"{', '.join(PREFIX + name for name in APNS_REQUIRED)} are found in the Apple "
            "developer account; set LIVE_ACTIVITY_PUSH = 'console' to do without for now."
        )
    key = _read_key(key or "")
    check_signing_key(key)
    if ca is not None and not Path(ca).is_file():
        raise NotAtHand(f"LIVE_ACTIVITY_APNS_CA: there is no file {ca!r}.")
    return ApnsSettings(
        key=key,
        key_id=key_id or "",
        team_id=team_id or "",
        bundle_id=bundle_id or "",
        environment=environment,
        server=None if server is None else server.rstrip("/"),
        servers={environment: url.rstrip("/") for environment, url in servers.items()},
        ca=ca,
        proxy=proxy,
        connections=connections,
    )


def _read_servers(reader: ConfigReader) -> tuple[str | None, Mapping[str, str]]:
    """One server for whatever is sent, or those of environments by name."""
    if isinstance(reader.get("APNS_SERVER", None), Mapping):
        return None, reader.mapping("APNS_SERVER")
    return reader.text("APNS_SERVER"), {}


def _check_servers(server: str | None, servers: Mapping[str, str]) -> None:
    name = PREFIX + "APNS_SERVER"
    if server is not None and not _SERVER.fullmatch(server):
        raise ConfigurationError(f"{name} must be a base URL such as 'https://127.0.0.1:2197'.")
    for environment, url in servers.items():
        if environment not in ENVIRONMENTS:
            raise ConfigurationError(
                f"{name} has the environment {environment!r}: there are "
                f"{' and '.join(map(repr, ENVIRONMENTS))}."
            )
        if not isinstance(url, str) or not _SERVER.fullmatch(url):
            raise ConfigurationError(
                f"{name}[{environment!r}] must be a base URL such as 'https://127.0.0.1:2197'."
            )


def _read_key(value: str) -> str:
    if "-----BEGIN" in value:
        return value.replace("\\n", "\n")
    try:
        return Path(value).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        # Not the value itself: it may be a key whose first line was lost.
        raise NotAtHand(
            "LIVE_ACTIVITY_APNS_KEY is neither the text of a .p8 file nor the path of one that "
            f"can be read ({type(error).__name__})."
        ) from None


def read_bundle_id(reader: ConfigReader) -> str | None:
    """The app's bundle id."""
    bundle_id = reader.text("APNS_BUNDLE_ID")
    if bundle_id is not None and not re.fullmatch(r"[A-Za-z0-9.-]{1,200}", bundle_id):
        raise ConfigurationError(
            "LIVE_ACTIVITY_APNS_BUNDLE_ID must be the app's bundle id, such as 'com.example.app'."
        )
    return bundle_id


def _ten_characters(reader: ConfigReader, name: str, what: str) -> str | None:
    value = reader.text(name)
    if value is not None and not _TEN_CHARACTERS.fullmatch(value):
        raise ConfigurationError(
            f"{PREFIX}{name} must be {what}: ten letters and digits, as the Apple developer "
            f"account shows it. It has {len(value)} characters."
        )
    return value
