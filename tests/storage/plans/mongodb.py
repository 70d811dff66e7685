"""What MongoDB has been asked, and which index can answer it.

This judges commands, not plans: it proves that for each of them there is an index whose entries,
in one range and already in the order asked for, are those that are wanted. It does not prove that
a server chooses this index; a server tries those that fit against each other, keeps the one that
answers first, and tries again when it has to look at ten times as much as then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.collection import Collection
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from .meters import Meter, Statement

Filter = Mapping[str, Any]
Index = tuple[str, ...]

_RANGES = frozenset({"$lt", "$lte", "$gt", "$gte", "$ne"})


@dataclass(frozen=True)
class Service:
    """How an index answers a filter."""

    index: Index
    bound: Index
    """The fields by which it is entered, in its order."""
    points: int
    """Of a unique index: how many entries are looked up. 0: a range is read."""
    sorted: bool
    """Whether what is read comes in the order asked for."""
    dismissed: frozenset[str]
    """The fields by which documents that were read are dismissed."""


@dataclass
class Command(Statement):
    """One command's search in a collection."""

    collection: str = ""
    filter: Filter | None = None
    sort: Sequence[str] = ()
    limit: int = 0

    def branches(self) -> list[Filter]:
        """The filters that are answered each by an index of its own."""
        if set(self.filter or ()) == {"$or"}:
            return list((self.filter or {})["$or"])
        return [self.filter or {}]


def served(wanted: Filter, sort: Sequence[str], unique: Mapping[Index, bool]) -> Service | None:
    """By which index a filter is best answered; ``None``: the whole collection is read.

    Args:
        wanted: The filter.
        sort: By which fields, ascending.
        unique: The indexes, and whether each is unique.
    """
    services = [_service(index, unique[index], wanted, sort) for index in unique]
    fitting = [service for service in services if service.bound]
    return max(
        fitting,
        key=lambda each: (bool(each.points), each.sorted, len(each.bound)),
        default=None,
    )


def _service(index: Index, unique: bool, wanted: Filter, sort: Sequence[str]) -> Service:
    equal = 0
    while equal < len(index) and _is_equality(wanted.get(index[equal], _ABSENT)):
        equal += 1
    bound = index[:equal]
    if equal < len(index) and index[equal] in wanted:
        bound = index[: equal + 1]  # a range, or several values
    fields = {name for name in wanted if name not in bound}
    points = _values(wanted[index[0]]) if unique and bound == index == index[:1] else 0
    ordered = tuple(sort) == index[equal : equal + len(sort)]
    return Service(index, bound, points, ordered or not sort, frozenset(fields))


_ABSENT = {"$ne": None}


def _is_equality(condition: Any) -> bool:
    return not isinstance(condition, Mapping) or ("$in" in condition and len(condition["$in"]) == 1)


def _values(condition: Any) -> int:
    if not isinstance(condition, Mapping):
        return 1
    return len(condition["$in"]) if "$in" in condition else 0


def indexes_of(collection: Collection[Any]) -> dict[Index, bool]:
    """The indexes of a collection, and whether each is unique."""
    return {
        tuple(field for field, _ in index["key"]): bool(index.get("unique")) or name == "_id_"
        for name, index in collection.index_information().items()
    }


class MongoDBMeter(Meter, CommandListener):
    """Hears the commands that a client sends."""

    def gather_statistics(self) -> None:
        """There are none to gather."""

    def started(self, event: CommandStartedEvent) -> None:
        if self.watching:
            self.statements += _searches(event.command_name, event.command)

    def succeeded(self, event: CommandSucceededEvent) -> None: ...

    def failed(self, event: CommandFailedEvent) -> None: ...


def _searches(name: str, command: Mapping[str, Any]) -> list[Statement]:
    where = command.get(name, "")

    def search(wanted: Filter, sort: Mapping[str, int] | None = None, limit: int = 0) -> Command:
        return Command(
            f"{name} {where} {dict(wanted)}", 0, 0, 0.0, "", where, wanted, tuple(sort or ()), limit
        )

    match name:
        case "find":
            return [search(command["filter"], command.get("sort"), command.get("limit", 0))]
        case "findAndModify":
            return [search(command["query"], command.get("sort"), 1)]
        case "update":
            return [search(each["q"]) for each in command["updates"]]
        case "delete":
            return [search(each["q"], limit=each["limit"]) for each in command["deletes"]]
        case "aggregate":
            return [search(command["pipeline"][0].get("$match", {}))]
        case _:
            return []
