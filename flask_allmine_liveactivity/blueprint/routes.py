"""``POST /live-activity-sessions``: a phone registers its runtime token."""

from __future__ import annotations

from flask import Blueprint, Response, request
from marshmallow import ValidationError
from werkzeug.exceptions import TooManyRequests

from flask_allmine_liveactivity.app.installation import current
from flask_allmine_liveactivity.blueprint.authentication import authenticated_user_id
from flask_allmine_liveactivity.blueprint.body import json_object
from flask_allmine_liveactivity.blueprint.envelope import (
    HELD_BY_ANOTHER_USER,
    OF_ANOTHER_STREAM,
    STREAM_HAS_ENDED,
    failure,
    refuse_other_methods,
    use_envelope,
)
from flask_allmine_liveactivity.blueprint.schema import readable, session_schema
from flask_allmine_liveactivity.errors import StreamForbidden, StreamNotFound
from flask_allmine_liveactivity.phones.registration import Answer

# Behind the blueprint's prefix.
SESSIONS = "/live-activity-sessions"

# The contract gives these bytes.
REGISTERED = '{"success": true}'

_CONFLICTS = {
    Answer.LATE: STREAM_HAS_ENDED,
    Answer.CONFLICT: HELD_BY_ANOTHER_USER,
    Answer.ELSEWHERE: OF_ANOTHER_STREAM,
}


def make_blueprint() -> Blueprint:
    """The notifications blueprint; its name leaves ``notifications`` to the host."""
    blueprint = Blueprint("live_activity", __name__)
    use_envelope(blueprint)
    blueprint.before_app_request(refuse_other_methods_of_ours)
    blueprint.add_url_rule(
        SESSIONS,
        "register_session",
        register_session,
        methods=["POST"],
    )
    return blueprint


def refuse_other_methods_of_ours() -> Response | None:
    """405 in the envelope, for what is sent to our own path by a method that nobody takes."""
    return refuse_other_methods(f"{current().settings.url_prefix}{SESSIONS}")


def register_session() -> Response:
    """Register the session of a running Live Activity: 401, then 400, then 404 or 403, then 409."""
    installation = current()
    settings = installation.settings
    user_id = authenticated_user_id(installation.callbacks.user_id)
    document = json_object(request)
    try:
        fields = session_schema(settings.stream_id_pattern, settings.token_pattern).load(document)
    except ValidationError as error:
        raise failure(400, readable(error.messages_dict)) from None
    try:
        answer = installation.register(user_id=user_id, **fields)
    except StreamNotFound:
        raise failure(404) from None
    except StreamForbidden:
        raise failure(403) from None
    if answer is Answer.TOO_MANY:
        raise TooManyRequests
    if answer in _CONFLICTS:
        raise failure(409, [_CONFLICTS[answer]])
    return Response(REGISTERED, mimetype="application/json")
