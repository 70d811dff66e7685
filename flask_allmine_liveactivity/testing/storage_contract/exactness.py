"""Two values are one only where every character is the same."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from flask_allmine_liveactivity.model import Session, SessionStatus
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.resolution import Outcome, Resolution
from flask_allmine_liveactivity.testing.storage_contract.records import (
    NOW,
    a_session,
    an_announcement,
    everything,
    ids,
    keep,
    take,
    the_event,
)

# Pairs that one database's collation or another's takes for the same.
PAIRS = [
    pytest.param("ada", "Ada", id="case"),
    pytest.param("ada", "ada ", id="trailing blank"),
    pytest.param("ada", " ada", id="leading blank"),
    pytest.param("ada", "ada\t", id="trailing tab"),
    pytest.param("ada", "adá", id="accent"),
    pytest.param("caf\u00e9", "cafe\u0301", id="normal form"),
    pytest.param("strasse", "straße", id="sharp s"),
    pytest.param("I", "\u0131", id="dotless i"),
    pytest.param("🚲", "🛴", id="emoji"),
    pytest.param("👍", "👍🏽", id="skin tone"),
    pytest.param("\uff41", "a", id="full width"),
    pytest.param("a\u200b", "a", id="zero width"),
    pytest.param("カ", "か", id="kana"),
    pytest.param("a%", "ab", id="wildcard"),
    pytest.param("a_", "ab", id="one wildcard"),
    pytest.param("007", "7", id="number"),
    pytest.param("1e1", "10", id="exponent"),
]


each_pair = pytest.mark.parametrize(("one", "two"), PAIRS)


class Exactness:
    @each_pair
    def test_two_users_are_two(self, storage: Storage, one: str, two: str) -> None:
        first, second = keep(storage, user_id=one), keep(storage, user_id=two)
        assert everything(storage, user_id=one) == [first]
        assert everything(storage, user_id=two) == [second]
        assert (storage.sessions.count_of_user(one), storage.sessions.count_of_user(two)) == (1, 1)

    @each_pair
    def test_forgetting_one_user_keeps_the_other(
        self, storage: Storage, one: str, two: str
    ) -> None:
        keep(storage, user_id=one, status=SessionStatus.ENDED)
        other = keep(storage, user_id=two, status=SessionStatus.ENDED)
        assert storage.forget_user(one) == 1
        assert everything(storage) == [other]

    @each_pair
    def test_one_users_rows_make_no_room_for_the_other(
        self, storage: Storage, one: str, two: str
    ) -> None:
        keep(storage, user_id=one, status=SessionStatus.ENDED)
        keep(storage, user_id=two, status=SessionStatus.ENDED)
        new = a_session(user_id=two)
        storage.sessions.register(
            new, lambda met: Resolution(outcome=Outcome.STORED, write=new), at_most=1
        )
        assert (storage.sessions.count_of_user(one), everything(storage, user_id=two)) == (1, [new])

    @each_pair
    def test_two_devices_are_two(self, storage: Storage, one: str, two: str) -> None:
        keep(storage, user_id="u", device_id=one)
        keep(storage, user_id="u", device_id=two)
        assert storage.sessions.release("u", one) == 1

    @each_pair
    def test_two_streams_are_two(self, storage: Storage, one: str, two: str) -> None:
        keep(storage, stream_id=one)
        other = keep(storage, stream_id=two)
        storage.streams.announce(an_announcement(stream_id=one, said=one), NOW)
        storage.streams.announce(an_announcement(stream_id=two, said=two), NOW)
        assert len(take(storage, stream_id=one)) == 1
        assert everything(storage, stream_id=two) == [other]
        assert (the_event(storage, one).said, the_event(storage, two).said) == (one, two)
        assert (storage.counts(NOW, one).pending, storage.counts(NOW, two).pending) == (1, 1)

    @each_pair
    def test_two_unique_values_are_two(self, storage: Storage, one: str, two: str) -> None:
        first = keep(storage, token=one, identity=one, activity_lock=one)
        second = a_session(token=two, identity=two, activity_lock=two)
        met: list[Session] = []

        def resolve(rows: Sequence[Session]) -> Resolution:
            met.extend(rows)
            return Resolution(outcome=Outcome.STORED, write=second)

        storage.sessions.register(second, resolve)
        assert met == []
        assert ids(everything(storage)) == ids([first, second])

    @each_pair
    def test_another_reason_is_another_count(self, storage: Storage, one: str, two: str) -> None:
        for reason in (one, two):
            keep(storage, status=SessionStatus.DEAD, reason=reason)
        assert storage.counts(NOW).dead == {one: 1, two: 1}
