"""Apple's two environments on this machine: each refuses the tokens of the other."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flask_allmine_liveactivity.push.apns.client import topic_of
from flask_allmine_liveactivity.push.apns.endpoint import Endpoint
from flask_allmine_liveactivity.push.apns.environments import ApnsEnvironments
from flask_allmine_liveactivity.push.apns.provider_token import ProviderToken, read_signing_key
from flask_allmine_liveactivity.simulator import LocalApns


@dataclass(frozen=True)
class Apples:
    """Both, with one signing key and one certificate authority."""

    production: LocalApns
    sandbox: LocalApns

    def made_for(self, environment: str, *tokens: str) -> None:
        """Hand out tokens of an environment."""
        other = self.sandbox if environment == "production" else self.production
        other.tokens_of_other_environment.update(tokens)

    def asked(self, environment: str) -> list[str]:
        """The tokens of all pushes that an environment has had, in their order."""
        apple: LocalApns = getattr(self, environment)
        return [received.token for received in apple.received]

    def told(self, environment: str) -> set[str]:
        """The tokens that an environment has accepted a push for."""
        apple: LocalApns = getattr(self, environment)
        return {received.token for received in apple.accepted}

    @property
    def settings(self) -> dict[str, Any]:
        """For ``app.config``."""
        return {
            **self.production.settings,
            "LIVE_ACTIVITY_APNS_ENVIRONMENT": "auto",
            "LIVE_ACTIVITY_APNS_SERVER": {
                "production": self.production.url,
                "sandbox": self.sandbox.url,
            },
        }

    @contextlib.contextmanager
    def engine(self, connections: int = 1, **urls: str) -> Iterator[ApnsEnvironments]:
        """The engine for both; `urls` put others in their places."""
        apple = self.production
        key = read_signing_key(apple.key_pem)
        endpoint = Endpoint("", topic_of(apple.bundle_id), str(apple.ca_file))
        servers = {"production": apple.url, "sandbox": self.sandbox.url, **urls}
        push = ApnsEnvironments(
            {name: replace(endpoint, url=url) for name, url in servers.items()},
            ProviderToken(key, apple.key_id, apple.team_id),
            connections,
        )
        try:
            yield push
        finally:
            push.close()


@contextlib.contextmanager
def two_apples(folder: Path) -> Iterator[Apples]:
    """Apple's two environments, while the ``with`` block lasts."""
    with (
        LocalApns(environment="production", certificate_folder=folder) as production,
        LocalApns(environment="sandbox", certificate_folder=folder) as sandbox,
    ):
        yield Apples(production, sandbox)


@contextlib.contextmanager
def black_hole() -> Iterator[str]:
    """The URL of a server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
