"""In this process only, gone with it: for tests and for trying things out."""

from flask_allmine_liveactivity.storage.memory.sessions import MemorySessions
from flask_allmine_liveactivity.storage.memory.storage import MemoryStorage
from flask_allmine_liveactivity.storage.memory.streams import MemoryStreams

__all__ = ["MemorySessions", "MemoryStorage", "MemoryStreams"]
