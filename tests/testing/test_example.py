"""The README's example, as a host would write it."""

from __future__ import annotations

from flask.testing import FlaskClient

from flask_allmine_liveactivity.testing import Outbox

from .host import STREAM as stream_id


def test_cancelling_a_stream_ends_its_countdowns(
    client: FlaskClient, live_activity_outbox: Outbox
) -> None:
    token = live_activity_outbox.register(stream_id)
    client.post(f"/streams/{stream_id}/cancel")
    [push] = live_activity_outbox
    assert (push.token, push.event, push.content_state) == (token, "end", {"phase": "cancelled"})
