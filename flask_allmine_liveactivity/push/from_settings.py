"""``LIVE_ACTIVITY_PUSH`` into a push backend.

``check_push`` sees at start-up what can be seen without connecting; ``open_push`` builds, at first
use. What is not used is not imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_allmine_liveactivity.errors import ConfigurationError
from flask_allmine_liveactivity.process.extras import host_factory, made_by_host
from flask_allmine_liveactivity.push.apns_settings import AUTO, ApnsSettings
from flask_allmine_liveactivity.push.base import PushBackend

KEY = "LIVE_ACTIVITY_PUSH"


def check_signing_key(pem: str) -> None:
    """Raise ``ConfigurationError`` where this is no key that Apple gives out."""
    from flask_allmine_liveactivity.push.apns.provider_token import read_signing_key

    read_signing_key(pem)


def check_push(push: Any, apns: ApnsSettings | None) -> None:
    """Raise ``ConfigurationError`` where ``open_push`` could not succeed."""
    if push in ("memory", "console"):
        return
    if push == "apns":
        from flask_allmine_liveactivity.push.apns.client import require_libcurl
        from flask_allmine_liveactivity.push.apns.proxy import require_proxy

        require_libcurl()
        require_proxy(apns.proxy if apns else None)
    elif push == "apns2":
        open_push(push, apns).close()
    elif isinstance(push, str) and ":" in push:
        host_factory(push, KEY)
    elif not isinstance(push, PushBackend):
        raise ConfigurationError(
            "LIVE_ACTIVITY_PUSH must be 'apns', 'apns2', 'console', 'memory', 'module:factory' or "
            f"a PushBackend, and is {push if isinstance(push, str) else type(push).__name__!r}."
        )


def adopt_push(push: PushBackend, bundle_id: str | None) -> PushBackend:
    """A push backend of the host's, given what only the settings know."""
    from flask_allmine_liveactivity.push.apns2 import Apns2Push

    if isinstance(push, Apns2Push):
        push.use_bundle_id(bundle_id)
    return push


def open_push(push: Any, apns: ApnsSettings | None) -> PushBackend:
    """The push backend that ``LIVE_ACTIVITY_PUSH`` names.

    Args:
        push: Its name, or an object of the host's.
        apns: Needed for ``apns`` and ``apns2``.

    Raises:
        ConfigurationError: What it needs is not at hand.
    """
    if isinstance(push, PushBackend):
        return push
    if push == "memory":
        from flask_allmine_liveactivity.push.memory import MemoryPush

        return MemoryPush()
    if push == "console":
        from flask_allmine_liveactivity.push.console import ConsolePush

        return ConsolePush()
    if push in ("apns", "apns2"):
        assert apns is not None  # whoever read the settings has seen to it
        return _OPEN_APNS[push](apns)
    made: PushBackend = made_by_host(host_factory(push, KEY), PushBackend, KEY)
    return made


def _open_apns(apns: ApnsSettings) -> PushBackend:
    from flask_allmine_liveactivity.push.apns.client import SERVERS, ApnsPush, topic_of
    from flask_allmine_liveactivity.push.apns.endpoint import Endpoint
    from flask_allmine_liveactivity.push.apns.environments import ApnsEnvironments
    from flask_allmine_liveactivity.push.apns.provider_token import (
        ProviderToken,
        read_signing_key,
    )

    endpoints = {
        environment: Endpoint(
            url=apns.server or apns.servers.get(environment, url),
            topic=topic_of(apns.bundle_id),
            ca=apns.ca,
            proxy=apns.proxy,
            environment=environment,
        )
        for environment, url in SERVERS.items()
    }
    token = ProviderToken(read_signing_key(apns.key), apns.key_id, apns.team_id)
    if apns.environment == AUTO:
        return ApnsEnvironments(endpoints, token, apns.connections)
    return ApnsPush(endpoints[apns.environment], token, apns.connections)


def _open_apns2(apns: ApnsSettings) -> PushBackend:
    from flask_allmine_liveactivity.push.apns2 import open_apns2

    return open_apns2(apns)


_OPEN_APNS: dict[str, Callable[[ApnsSettings], PushBackend]] = {
    "apns": _open_apns,
    "apns2": _open_apns2,
}
