"""Fill a database, and play the story on it."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine, event

from flask_allmine_liveactivity.storage.sql import SQLStorage
from flask_allmine_liveactivity.storage.sql.sqlite import open_durably

from .meters import SQLMeter
from .population import Population, fill_huge, fill_small
from .story import Story

# What the database knows of its tables.
COUNTED = "counted before each round"
OUTDATED = "not counted since the huge stream came"
KNOWLEDGE = (COUNTED, OUTDATED)


def played(uri: str, meter_of: type[SQLMeter], knowledge: str) -> Story:
    """The story as it went on a new database.

    Args:
        uri: The database.
        meter_of: What counts there.
        knowledge: One of ``KNOWLEDGE``.
    """
    watched, unwatched = _engine(uri), _engine(uri)
    meter = meter_of(watched)
    population = Population()
    story = Story(
        storage=SQLStorage(watched),
        others=SQLStorage(unwatched),
        meter=meter,
        huge=population.huge,
        counted=knowledge == COUNTED,
    )
    try:
        story.storage.prepare()
        fill_small(watched, story.storage, population)
        meter.gather_statistics()
        fill_huge(watched, population)
        story.play()
    finally:
        watched.dispose()
        unwatched.dispose()
    return story


def _engine(uri: str) -> Engine:
    engine = create_engine(uri)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", open_durably)
    return engine
