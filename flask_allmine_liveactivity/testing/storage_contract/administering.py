"""What people ask for: release, forget, purge, lists; prepare and close."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest

from flask_allmine_liveactivity.model import SessionStatus
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    NOW,
    OTHER_STREAM,
    STREAM,
    a_session,
    an_announcement,
    delivered,
    everything,
    found,
    ids,
    keep,
    keep_many,
    stored,
    take,
)

ACTIVE, ENDED, DEAD = SessionStatus.ACTIVE, SessionStatus.ENDED, SessionStatus.DEAD


class Administering:
    def test_preparing_again_keeps_what_is_there(self, storage: Storage) -> None:
        session = keep(storage)
        storage.prepare()
        storage.prepare()
        assert everything(storage) == [session]

    # --- release and forget ------------------------------------------------------------------

    def test_a_released_session_has_no_owner_and_holds_nothing(self, storage: Storage) -> None:
        session = keep(storage, user_id="ada", device_id="phone")
        assert storage.sessions.release("ada", "phone") == 1
        assert found(storage, session) == replace(
            session, user_id=None, identity=session.session_id, activity_lock=session.session_id
        )

    def test_a_released_session_is_still_to_be_told(self, storage: Storage) -> None:
        keep(storage, user_id="ada", device_id="phone")
        storage.sessions.release("ada", "phone")
        assert len(take(storage)) == 1

    def test_a_release_does_not_disturb_who_is_delivering(self, storage: Storage) -> None:
        keep(storage, user_id="ada", device_id="phone")
        (claimed,) = take(storage)
        storage.sessions.release("ada", "phone")
        assert storage.sessions.settle([delivered(claimed)]) == 1

    def test_several_sessions_are_released_at_once(self, storage: Storage) -> None:
        keep_many(storage, 3, user_id="ada", device_id="phone")
        assert storage.sessions.release("ada", "phone") == 3

    def test_only_active_sessions_of_that_user_on_that_device_are_released(
        self, storage: Storage
    ) -> None:
        rows = [
            keep(storage, user_id="ada", device_id="tablet"),
            keep(storage, user_id="eve", device_id="phone"),
            keep(storage, user_id="ada", device_id="phone", status=ENDED),
            keep(storage, user_id="ada", device_id="phone", status=DEAD),
        ]
        assert storage.sessions.release("ada", "phone") == 0
        assert [found(storage, row) for row in rows] == rows

    def test_releasing_twice_releases_nothing_the_second_time(self, storage: Storage) -> None:
        keep(storage, user_id="ada", device_id="phone")
        assert [
            storage.sessions.release("ada", "phone"),
            storage.sessions.release("ada", "phone"),
        ] == [1, 0]

    def test_a_forgotten_users_running_session_keeps_neither_owner_nor_device(
        self, storage: Storage
    ) -> None:
        session = keep(storage, user_id="ada", device_id="phone")
        assert storage.forget_user("ada") == 1
        assert found(storage, session) == replace(
            session,
            user_id=None,
            device_id="",
            identity=session.session_id,
            activity_lock=session.session_id,
        )

    def test_a_forgotten_users_running_session_is_still_to_be_told(self, storage: Storage) -> None:
        keep_many(storage, 2, user_id="ada")
        storage.forget_user("ada")
        assert len(take(storage)) == 2

    def test_a_forgotten_users_other_sessions_are_deleted(self, storage: Storage) -> None:
        over = [keep(storage, user_id="ada", status=status) for status in (ENDED, DEAD)]
        assert storage.forget_user("ada") == 2
        assert [stored(storage, row) for row in over] == [None, None]

    def test_forgetting_a_user_leaves_others_alone(self, storage: Storage) -> None:
        other, ownerless = keep(storage, user_id="eve"), keep(storage, user_id=None)
        assert storage.forget_user("ada") == 0
        assert ids(everything(storage)) == ids([other, ownerless])

    # --- purge -------------------------------------------------------------------------------

    def test_expired_sessions_and_events_are_purged(self, storage: Storage) -> None:
        for status in (ACTIVE, ENDED, DEAD):
            keep(storage, status=status, expires_at=NOW - 1)
        storage.streams.announce(an_announcement(expires_at=NOW - 1), NOW)
        assert storage.purge(NOW) == 4
        assert everything(storage) == []
        assert storage.streams.read(STREAM) is None

    def test_what_expires_at_that_very_time_or_later_stays(self, storage: Storage) -> None:
        keep(storage, expires_at=NOW)
        keep(storage, expires_at=NOW + 1, status=ENDED)
        storage.streams.announce(an_announcement(expires_at=NOW), NOW)
        assert storage.purge(NOW) == 0

    @pytest.mark.parametrize("status", [ENDED, DEAD])
    def test_what_has_no_owner_goes_as_soon_as_it_is_over(
        self, storage: Storage, status: SessionStatus
    ) -> None:
        keep(storage, user_id=None, status=status)
        running = keep(storage, user_id=None)
        assert storage.purge(NOW) == 1
        assert everything(storage) == [running]

    def test_what_was_purged_leaves_its_unique_values_free(self, storage: Storage) -> None:
        old = keep(storage, expires_at=NOW - 1)
        storage.purge(NOW)
        new = keep(storage, token=old.token, identity=old.identity, activity_lock=old.activity_lock)
        assert everything(storage) == [new]

    # --- lists -------------------------------------------------------------------------------

    def test_pages_are_sorted_disjoint_and_complete(self, storage: Storage) -> None:
        rows = keep_many(storage, 7)
        pages, after = [], ""
        while page := storage.sessions.page(after=after, limit=3):
            pages.append([session.session_id for session in page])
            after = pages[-1][-1]
            assert len(pages) < 9, "the pages have no end"
        assert [len(page) for page in pages] == [3, 3, 1]
        assert list(chain(*pages)) == sorted(ids(rows))

    def test_a_row_that_is_deleted_between_two_pages_hides_no_other(self, storage: Storage) -> None:
        first = keep(storage, session_id="1" * 32, user_id="ada", status=ENDED)
        second = keep(storage, session_id="2" * 32)
        (page,) = storage.sessions.page(limit=1)
        storage.forget_user("ada")
        assert page == first
        assert storage.sessions.page(after=page.session_id) == [second]

    def test_lists_can_be_narrowed(self, storage: Storage) -> None:
        one = keep(storage, user_id="ada")
        two = keep(storage, user_id="ada", stream_id=OTHER_STREAM)
        three = keep(storage, status=DEAD)
        assert ids(everything(storage, user_id="ada")) == ids([one, two])
        assert ids(everything(storage, stream_id=STREAM)) == ids([one, three])
        assert ids(everything(storage, status=DEAD)) == ids([three])
        assert ids(everything(storage, user_id="ada", stream_id=STREAM)) == ids([one])

    def test_a_page_holds_a_hundred_where_nothing_is_said(self, storage: Storage) -> None:
        keep_many(storage, 101)
        assert len(storage.sessions.page()) == 100

    def test_a_session_that_was_never_registered_is_not_listed(self, storage: Storage) -> None:
        keep(storage)
        assert stored(storage, a_session()) is None

    def test_an_hour_of_idling_changes_nothing(self, storage: Storage) -> None:
        """A storage has no clock: only the time that it is handed counts."""
        session = keep(storage, expires_at=NOW + HOUR)
        storage.streams.due(NOW + 99 * HOUR, 10)
        assert everything(storage) == [session]
