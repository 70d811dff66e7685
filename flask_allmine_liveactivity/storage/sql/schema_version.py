"""Which version of our tables a database has, and who can use it."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

_WRITTEN = re.compile(r"([1-9][0-9]{0,8})\.([1-9][0-9]{0,8})")


class SchemaVersion(NamedTuple):
    """A version of the tables, as Alembic's version table has it: ``number.oldest``.

    An older process must know of a version that came after it whether it can go on, so the id says
    so itself: ``7.5`` is the seventh, and whoever knows the fifth can use it, since what came later
    is additive.
    """

    number: int
    oldest: int
    """The lowest number whose code can use these tables."""

    @classmethod
    def read(cls, written: str) -> Self | None:
        """The version; ``None`` where it is none of ours."""
        found = _WRITTEN.fullmatch(written)
        return None if found is None else cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}.{self.oldest}"


# The one that this code needs: the last of ``migrations/versions``.
WANTED = SchemaVersion(3, 1)
