"""Host apps for these tests, in this process and in others."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from flask import Flask
from flask_jwt_extended import JWTManager, create_access_token
from werkzeug.test import TestResponse

from flask_allmine_liveactivity import LiveActivity
from flask_allmine_liveactivity.app.installation import Installation, installed_on

PATH = "/api/v1/notifications/live-activity-sessions"
STREAM = "65f000000000000000000001"
OTHER_STREAM = "65f000000000000000000002"
BODY = {
    "streamId": STREAM,
    "deviceId": "iphone-15-pro-max",
    "liveActivityToken": "live_activity_runtime_token",
    "activityId": "live-activity-123",
}
TOKEN = BODY["liveActivityToken"]
JWT_SECRET = "a secret of the tests, long enough for HS256"  # noqa: S105
ENVELOPE = ["isSuccess", "statusCode", "data", "errors", "timestamp"]
THREAD = "live-activity-delivery"


def pem(key: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def apple_key() -> str:
    return pem(ec.generate_private_key(ec.SECP256R1()))


def rsa_key() -> str:
    return pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def bare_app(**config: Any) -> Flask:
    """A Flask app that knows nothing of the extension."""
    app = Flask("host")
    app.config.update(JWT_SECRET_KEY=JWT_SECRET)
    app.config.update(config)
    return app


def make_app(**config: Any) -> Flask:
    """A host with users and the extension, delivering inline to ``memory``."""
    given = config.pop("given", {})
    app = bare_app(
        LIVE_ACTIVITY_STORAGE_URI="memory://",
        LIVE_ACTIVITY_DELIVERY="inline",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
    )
    if "push" not in given:
        app.config["LIVE_ACTIVITY_PUSH"] = "memory"
    app.config.update(config)
    JWTManager(app)
    LiveActivity(app, **given)
    return app


def installation(app: Flask) -> Installation:
    return installed_on(app)


def bearer(app: Flask, user: str = "alice") -> dict[str, str]:
    with app.app_context():
        return {"Authorization": f"Bearer {create_access_token(user)}"}


def register(app: Flask, user: str = "alice", **fields: Any) -> TestResponse:
    return app.test_client().post(PATH, json={**BODY, **fields}, headers=bearer(app, user))


def told(app: Flask) -> list[str]:
    return [push.token for push in installation(app).push.sent]  # type: ignore[attr-defined]


def until(condition: Callable[[], object], seconds: float = 20.0) -> bool:
    """Wait until `condition` holds; ``False`` where it never did."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


# --- other processes ------------------------------------------------------------------------------

HOST_MODULE = f'''
import os
from flask import Flask, jsonify
from flask_jwt_extended import JWTManager
from flask_allmine_liveactivity import (
    LiveActivity, PushBackend, PushResult, Verdict, notify_stream_state,
)

class FilePush(PushBackend):
    """Writes who was told, and by which process."""

    def send(self, pushes):
        for push in pushes:
            with open(os.environ["TOLD"], "a") as file:
                file.write(f"{{os.getpid()}} {{push.token}}\\n")
            yield PushResult(push, Verdict.DELIVERED)

    def close(self):
        pass

def create_app():
    app = Flask("host", instance_path=os.environ["INSTANCE"])
    app.config.update(
        JWT_SECRET_KEY="{JWT_SECRET}",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        LIVE_ACTIVITY_SWEEP_INTERVAL=0.2,
        LIVE_ACTIVITY_PUSH="host_app:FilePush",
    )
    app.config.from_prefixed_env()
    JWTManager(app)
    LiveActivity(app)

    @app.get("/pid")
    def pid():
        return str(os.getpid())

    return app
'''


class Elsewhere:
    """A folder with a host app in it, for processes that import it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "host_app.py").write_text(HOST_MODULE)
        self.told_file = folder / "told"
        self.told_file.touch()
        self.environ = {
            **os.environ,
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TOLD": str(self.told_file),
            "INSTANCE": str(folder / "instance"),
            "FLASK_APP": "host_app:create_app",
        }

    def python(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run ``python`` there to its end."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def flask(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return self.python("-m", "flask", *arguments, **environ)

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start ``python`` there; its output goes to the file ``output``."""
        with (self.folder / "output").open("a") as output:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.folder,
                env={**self.environ, **environ},
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text()

    @property
    def told(self) -> list[str]:
        """Tokens that were pushed to."""
        return [line.split()[1] for line in self.told_file.read_text().splitlines()]

    def app(self, **config: Any) -> Flask:
        """The same host in this process, which only writes to the storage they share."""
        return make_app(
            LIVE_ACTIVITY_STORAGE_URI=f"sqlite:///{self.folder}/instance/live_activity.db",
            LIVE_ACTIVITY_DELIVERY="worker",
            **config,
        )
