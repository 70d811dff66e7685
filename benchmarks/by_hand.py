"""The endpoint as somebody would write it by hand: the same checks, the same write, no more.

It lacks what is hard: two users who race for an activity, an end that was announced meanwhile,
repair, bounds, an envelope for every failure.
"""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime
from typing import Any

from flask import Flask, jsonify, request
from flask_jwt_extended import JWTManager, get_jwt_identity, jwt_required
from hosts import SECRET
from marshmallow import Schema, ValidationError, fields, validate
from sqlalchemy import (
    Column,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    select,
    update,
)

from flask_allmine_liveactivity.storage.sql.sqlite import open_durably

metadata = MetaData()
activities = Table(
    "activities",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", String(255), nullable=False),
    Column("device_id", String(255), nullable=False),
    Column("activity_id", String(255), nullable=False),
    Column("stream_id", String(255), nullable=False, index=True),
    Column("token", String(1024), nullable=False, index=True),
    Column("expires_at", Float, nullable=False, index=True),
    UniqueConstraint("user_id", "device_id", "activity_id"),
)
streams = Table(
    "streams", metadata, Column("id", String(24), primary_key=True), Column("ended", String(16))
)


class Registration(Schema):
    """The body."""

    streamId = fields.String(required=True, validate=validate.Regexp(re.compile(r"[0-9a-f]{24}\Z")))
    deviceId = fields.String(required=True, validate=validate.Length(1, 255))
    liveActivityToken = fields.String(required=True, validate=validate.Length(1, 1024))
    activityId = fields.String(required=True, validate=validate.Length(1, 255))


def make_app() -> Flask:
    """What gunicorn loads."""
    app = Flask("by_hand")
    app.config["JWT_SECRET_KEY"] = SECRET
    JWTManager(app)
    engine = create_engine(json.loads(os.environ["BENCH_HOST"])["storage_uri"])
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", open_durably)
    metadata.create_all(engine)
    schema = Registration()

    @app.post("/api/v1/notifications/live-activity-sessions")
    @jwt_required()
    def register() -> Any:
        try:
            given = schema.load(request.get_json())
        except ValidationError as error:
            return envelope(400, error.messages)
        mine = {
            "user_id": get_jwt_identity(),
            "device_id": given["deviceId"],
            "activity_id": given["activityId"],
        }
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            over = connection.execute(
                select(streams.c.ended).where(streams.c.id == given["streamId"])
            ).scalar()
            if over is not None:
                return envelope(409, {"streamId": ["is over"]})
            found = connection.execute(
                select(activities.c.id, activities.c.user_id).where(
                    activities.c.token == given["liveActivityToken"]
                )
            ).all()
            if any(row.user_id != mine["user_id"] for row in found):
                return envelope(409, {"liveActivityToken": ["belongs to somebody else"]})
            row = {
                **mine,
                "stream_id": given["streamId"],
                "token": given["liveActivityToken"],
                "expires_at": time.time() + 12 * 3600,
            }
            same = connection.execute(select(activities.c.id).filter_by(**mine)).scalar()
            if same is None:
                connection.execute(insert(activities).values(row))
            else:
                connection.execute(update(activities).where(activities.c.id == same).values(row))
        return envelope(200, [])

    return app


def envelope(status: int, errors: Any) -> Any:
    """The answer that the contract asks for."""
    return (
        jsonify(
            isSuccess=status == 200,
            statusCode=status,
            data=None,
            errors=errors,
            timestamp=datetime.now(UTC).isoformat(),
        ),
        status,
    )
