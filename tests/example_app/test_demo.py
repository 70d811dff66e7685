"""``make demo`` as a newcomer sees it: started, its three commands pasted, the push in view."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from running_demo import Demo


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is needed: apt-get install curl")
def test_the_three_commands_that_the_demo_prints_lead_to_an_end_push(demo: Demo) -> None:
    story = demo.wait_for("Stop with Ctrl-C.")
    commands = [
        block
        for block in re.split(r"\n\n", story[: story.index("The end push")])
        if block.startswith(("TOKEN=", "curl"))
    ]
    assert len(commands) == 3

    pasted = subprocess.run(
        ["bash", "-c", "\n".join(commands)], capture_output=True, text=True, check=True
    )

    assert pasted.stdout.startswith('{"success": true}\n')
    assert '"status":"cancelled_by_host"' in pasted.stdout.replace(" ", "")
    seen = demo.wait_for('"event": "end"')
    assert "Apple has received a push, and answers 200" in seen
    assert "apns-topic: com.example.allmine.push-type.liveactivity" in seen
