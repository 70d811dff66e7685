"""The one form in which an id or a token is kept and compared, however it was spelled."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

# Of an ObjectId: what a stream id is unless the host says otherwise.
STREAM_ID = re.compile(r"[0-9a-fA-F]{24}")
LONGEST_STREAM_ID = 255

_HEX = re.compile(r"[0-9A-Fa-f]+")
# What is hex by its form alone: an ObjectId, and a UUID as anybody prints it.
_OBJECT_ID_OR_UUID = re.compile(
    r"(?P<before>\{|urn:uuid:)?"
    r"(?P<hex>[0-9A-Fa-f]{24}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[0-9A-Fa-f]{32})"
    r"(?P<after>\})?"
)
# Where a pattern takes these, too, an id of nothing but hex digits is so by chance, and its case
# counts.
_BEYOND_HEX = str.maketrans("abcdefABCDEF", "gggggg" + "GGGGGG")


def canonical_stream_id(stream_id: object, pattern: re.Pattern[str] = STREAM_ID) -> str:
    """The one form in which a stream id is kept and compared.

    Hex and UUIDs are the same stream in either case (Swift prints UUIDs in capitals): in lower
    case, or in capitals where the pattern takes no other. Dashes and braces stay as they are
    spelled. An ``ObjectId`` or a UUID, also one of BSON's, is taken as the pattern spells it.

    Args:
        stream_id: A string, or an object that stands for an id.
        pattern: What a whole stream id must match, in one of its cases.

    Raises:
        ValueError: It is no stream id. The message does not repeat it.
    """
    for text in _texts(stream_id):
        if len(text) <= LONGEST_STREAM_ID and (taken := spellings(text, pattern)):
            return taken[0]
    raise ValueError(
        f"a stream id must match {pattern.pattern!r} (LIVE_ACTIVITY_STREAM_ID_PATTERN)"
    )


def spellings(stream_id: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """All that the pattern takes for this stream, the canonical one first."""
    return tuple(case for case in _cases(stream_id, pattern) if pattern.fullmatch(case))


def canonical_token(token: str) -> str:
    """The one form in which a push token is kept and compared: hex is the same in either case."""
    return token.lower() if _HEX.fullmatch(token) else token


def token_spellings(token: str) -> tuple[str, ...]:
    """All that stand for this token."""
    return (token, token.lower(), token.upper()) if _HEX.fullmatch(token) else (token,)


def canonical_user_id(user_id: object) -> str:
    """The one form in which a user's id is kept and compared: the number 7 is the user "7".

    Raises:
        TypeError: It has no such form. The message names its type, and does not repeat it.
    """
    if isinstance(user_id, str):
        return str.__str__(user_id)
    if isinstance(user_id, int) and not isinstance(user_id, bool):
        return int.__repr__(user_id)
    printed = next(_printed(user_id), None)
    if printed is None:
        raise TypeError(
            "a user id must be a string, a whole number, a UUID or an ObjectId, and is a "
            f"{type(user_id).__name__}"
        )
    return printed


def _texts(stream_id: object) -> Iterator[str]:
    if isinstance(stream_id, str):
        yield str.__str__(stream_id)
        return
    printed = tuple(_printed(stream_id))
    if not printed:
        raise ValueError(
            "a stream id must be a string, an ObjectId or a UUID, and is a "
            f"{type(stream_id).__name__}"
        )
    yield from printed


def _printed(identifier: object) -> Iterator[str]:
    """How an object that stands for an id is spelled, the usual way first; nothing for others."""
    from bson import ObjectId
    from bson.binary import UUID_SUBTYPE, Binary

    if isinstance(identifier, ObjectId):
        yield str(identifier)
    # An older subtype has its bytes in one of three orders, and does not say in which.
    if isinstance(identifier, Binary) and identifier.subtype == UUID_SUBTYPE:
        identifier = uuid.UUID(bytes=bytes(identifier))
    if isinstance(identifier, uuid.UUID):
        dashed = str(identifier)
        yield from (dashed, identifier.hex, f"{{{dashed}}}", identifier.urn)


def _cases(text: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """The spellings that are the same id, the one to be kept first."""
    known = _OBJECT_ID_OR_UUID.fullmatch(text)
    if known is None and not (_HEX.fullmatch(text) and _takes_only_hex(pattern, text)):
        return (text,)
    before, digits, after = known.groups("") if known else ("", text, "")
    cases = (digits.lower(), digits.upper(), digits)
    return tuple(dict.fromkeys(f"{before}{case}{after}" for case in cases))


def _takes_only_hex(pattern: re.Pattern[str], text: str) -> bool:
    others = (case.translate(_BEYOND_HEX) for case in (text.lower(), text.upper(), text))
    return not any(map(pattern.fullmatch, others))
