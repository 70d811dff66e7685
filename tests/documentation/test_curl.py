"""What the pages call with curl, called."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from flask import Flask
from flask_jwt_extended import JWTManager, create_access_token
from openapi.served import listening
from services import require

from flask_allmine_liveactivity import LiveActivity
from flask_allmine_liveactivity.app.installation import installed_on

from .blocks import Block, blocks
from .terminal import PRODUCTION, SIMULATOR, Terminal, wait_for
from .test_tutorial import of_the_tutorial

CALLS = [block for block in blocks("bash") if PRODUCTION in block.text]
PUSHES = [block for block in blocks("bash") if "/3/device/" in block.text]


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    require(shutil.which("curl") is not None, "curl", "apt-get install curl")
    return Terminal(tmp_path)


@pytest.mark.parametrize("block", CALLS, ids=str)
def test_the_endpoint_takes_the_call(block: Block, terminal: Terminal) -> None:
    app = Flask("shop")
    app.config.update(
        JWT_SECRET_KEY="x" * 32,
        LIVE_ACTIVITY_STORAGE_URI="memory://",
        LIVE_ACTIVITY_ALLOW_ANY_STREAM=True,
        LIVE_ACTIVITY_PUSH="memory",
        LIVE_ACTIVITY_APNS_BUNDLE_ID="com.example.allmine",
    )
    JWTManager(app)
    LiveActivity(app)
    with app.app_context():
        token = create_access_token("ada")
    with listening(app) as url:
        printed = terminal.paste(block, before=f"TOKEN={token}\n", host=url)
    assert json.loads(printed) == {"success": True}
    (session,) = installed_on(app).storage.sessions.page()
    assert (session.user_id, session.activity_id) == ("ada", "live-activity-123")


@pytest.mark.parametrize("block", PUSHES, ids=str)
def test_the_local_apple_takes_the_push(block: Block, terminal: Terminal) -> None:
    simulator = f"flask live-activity simulator --port {terminal.ports[SIMULATOR]}"
    with terminal.runs(simulator, "apple.log", "listens at") as log:
        terminal.paste(block)
        wait_for(log, "200 (token")
        assert "event end" in log.read_text()


def test_no_call_is_passed_over() -> None:
    pasted = {*CALLS, *PUSHES, *of_the_tutorial("bash")}
    assert pasted == set(blocks("bash"))
