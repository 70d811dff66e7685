"""Logging in and out."""

from __future__ import annotations

from flask import Blueprint, Response, abort, jsonify, request
from flask_jwt_extended import create_access_token, get_jwt_identity, jwt_required
from werkzeug.security import check_password_hash

from example_app.activities import live_activity
from example_app.database import User, database

accounts = Blueprint("accounts", __name__, url_prefix="/api/v1")


@accounts.post("/login")
def login() -> Response:
    """A user name and password for an access token."""
    given = request.get_json()
    if not isinstance(given, dict):
        abort(400)
    with database() as session:
        user = session.get(User, str(given.get("username")))
    if user is None or not check_password_hash(user.password_hash, str(given.get("password"))):
        abort(401)
    return jsonify(accessToken=create_access_token(user.username))


@accounts.post("/logout")
@jwt_required()
def logout() -> Response:
    """The next user of this phone may register its Live Activities."""
    live_activity.release(get_jwt_identity(), str(request.get_json().get("deviceId")))
    return jsonify(success=True)
