"""What can go wrong, one class each.

A message says what to do next, and carries no token and no key.
"""


class LiveActivityError(Exception):
    """The root of every error of this package.

    .. versionadded:: 0.1.0
    """


class ConfigurationError(LiveActivityError):
    """A setting is missing or wrong. The message names the key and the remedy.

    .. versionadded:: 0.1.0
    """


class PayloadTooLarge(LiveActivityError):
    """The push would be over Apple's limit of 4096 bytes. Nothing has been stored.

    .. versionadded:: 0.1.0
    """


class StorageUnavailable(LiveActivityError):
    """The storage did not answer. What was committed before still stands; try again.

    .. versionadded:: 0.1.0
    """


class SchemaUnusable(StorageUnavailable):
    """The database's tables are older than this version needs, or newer than it can use. The
    message names the command that mends it.

    .. versionadded:: 0.1.0
    """


class StreamNotFound(LiveActivityError):
    """Raised by a host's stream guard: there is no such stream. The phone gets a 404.

    .. versionadded:: 0.1.0
    """


class StreamForbidden(LiveActivityError):
    """Raised by a host's stream guard: this user may not follow it. The phone gets a 403.

    .. versionadded:: 0.1.0
    """
