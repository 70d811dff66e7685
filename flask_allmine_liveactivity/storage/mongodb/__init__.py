"""MongoDB by pymongo; a mongomock database works too, for a host's own tests."""

from flask_allmine_liveactivity.storage.mongodb.storage import MongoStorage

__all__ = ["MongoStorage"]
