"""``MongoStorage(database)``: the client is the host's, and its leniency does not reach us."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from bson.son import SON
from pymongo import MongoClient
from pymongo.read_preferences import ReadPreference

from flask_allmine_liveactivity.model import DUE_NOW, Session, SessionStatus
from flask_allmine_liveactivity.phones.registration import Answer, Claimant, register, resolve
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.storage.mongodb import MongoStorage
from flask_allmine_liveactivity.storage.resolution import Outcome, Resolution
from flask_allmine_liveactivity.testing.storage_contract.records import (
    LEASE,
    NOW,
    OTHER_STREAM,
    a_session,
    an_announcement,
    delivered,
    everything,
    found,
    keep,
    later,
    take,
)

Client = MongoClient[dict[str, Any]]


@pytest.fixture
def lenient(mongodb_uri: str) -> Iterator[Client]:
    """A client that may read from secondaries, acknowledges by one, and decodes in its own way."""
    client: Client = MongoClient(
        mongodb_uri,
        readPreference="secondaryPreferred",
        readConcernLevel="available",
        w=1,
        document_class=SON,
        tz_aware=True,
    )
    yield client
    client.close()


def collections_of(storage: MongoStorage) -> list[Any]:
    return list(storage.collections)


class TestTheHostsClient:
    def test_we_read_from_the_primary(self, lenient: Client) -> None:
        storage = MongoStorage(lenient.get_default_database())
        preferences = [each.read_preference for each in collections_of(storage)]
        assert preferences == [ReadPreference.PRIMARY] * 2

    def test_we_do_not_read_what_a_secondary_may_have(self, lenient: Client) -> None:
        storage = MongoStorage(lenient.get_default_database())
        levels = [each.read_concern.level for each in collections_of(storage)]
        assert levels == ["local"] * 2

    def test_we_write_to_a_majority_and_do_not_wait_for_ever(self, lenient: Client) -> None:
        storage = MongoStorage(lenient.get_default_database())
        for collection in collections_of(storage):
            concern = collection.write_concern.document
            assert concern["w"] == "majority"
            assert 0 < concern["wtimeout"] <= 30_000

    def test_we_decode_in_our_own_way(self, lenient: Client) -> None:
        storage = MongoStorage(lenient.get_default_database())
        for collection in collections_of(storage):
            assert collection.codec_options.document_class is dict
            assert collection.codec_options.tz_aware is False

    def test_a_claim_wins_what_it_has_taken(self, lenient: Client) -> None:
        storage = MongoStorage(lenient.get_default_database())
        session = keep(storage)
        assert [claimed.session_id for claimed in take(storage)] == [session.session_id]

    def test_its_own_options_stay(self, lenient: Client) -> None:
        MongoStorage(lenient.get_default_database()).prepare()
        database = lenient.get_default_database()
        assert database.read_preference != ReadPreference.PRIMARY
        assert database.write_concern.document == {"w": 1}

    def test_it_is_open_after_the_storage_was_closed(self, lenient: Client) -> None:
        storage = MongoStorage(lenient.get_default_database())
        storage.prepare()
        storage.close()
        assert everything(storage) == []

    def test_a_client_of_our_own_is_closed(self, mongodb_uri: str) -> None:
        client: Client = MongoClient(mongodb_uri)
        storage = MongoStorage(client.get_default_database(), owned=True)
        storage.prepare()
        storage.close()
        with pytest.raises(Exception, match=r"(?i)close"):
            client.admin.command("ping")

    def test_another_prefix_names_other_collections(self, lenient: Client) -> None:
        database = lenient.get_default_database()
        keep(MongoStorage(database, prefix="theirs_"))
        names = {name for name in database.list_collection_names() if "session" in name}
        assert names == {"theirs_sessions"}
        assert everything(MongoStorage(database)) == []

    def test_what_the_app_decodes_is_no_field_of_ours(self, lenient: Client) -> None:
        storage = MongoStorage(lenient.get_default_database())
        storage.streams.announce(an_announcement(content_state={"$set": {"a.b": 1}}), NOW)
        (document,) = lenient.get_default_database()["live_activity_events"].find()
        assert isinstance(document["content_state"], str)


class TestWithoutTransactions:
    """There is a moment between a registration's look and its write; others use it."""

    @pytest.fixture
    def storage(self) -> Storage:
        mongomock = pytest.importorskip("mongomock")
        return MongoStorage(mongomock.MongoClient()["test"])

    def meanwhile(self, storage: Storage, new: Session, happens: Any, now: float) -> Outcome:
        """Register by the package's rule, and let something happen after the first look."""
        happened: list[bool] = []

        def decide(met: Sequence[Session]) -> Resolution:
            resolution = resolve(new, met, now)
            if met and not happened:
                happened.append(True)
                happens()
            return resolution

        return storage.sessions.register(new, decide).outcome

    def test_a_claim_of_the_old_token_does_not_outlast_its_rotation(self, storage: Storage) -> None:
        old = keep(storage)
        claimed: list[Session] = []
        new = replace(old, session_id="f" * 32, token="new")
        self.meanwhile(storage, new, lambda: claimed.extend(take(storage)), NOW + 1)
        row = found(storage, old)
        assert claimed
        assert (row.token, row.claim_id, row.due_at) == ("new", None, DUE_NOW)

    def test_a_retry_of_the_old_token_does_not_keep_the_new_one_waiting(
        self, storage: Storage
    ) -> None:
        old = keep(storage)
        claimed: list[Session] = []
        new = replace(old, session_id="f" * 32, token="new")
        self.meanwhile(storage, new, lambda: claimed.extend(take(storage)), NOW + 1)
        assert storage.sessions.settle([later(session, NOW + 900) for session in claimed]) == 0

    def test_a_rotation_in_the_second_of_the_registration_is_due_at_once(
        self, storage: Storage
    ) -> None:
        old = keep(storage)
        new = replace(old, session_id="f" * 32, token="new")
        self.meanwhile(storage, new, lambda: take(storage), NOW)
        assert found(storage, old).due_at == DUE_NOW

    def test_what_was_told_meanwhile_is_told_again_to_a_rotated_token(
        self, storage: Storage
    ) -> None:
        old = keep(storage)

        def tell() -> None:
            storage.sessions.settle([delivered(session) for session in take(storage)])

        new = replace(old, session_id="f" * 32, token="new")
        self.meanwhile(storage, new, tell, NOW + 1)
        row = found(storage, old)
        assert (row.token, row.status, row.delivered) == ("new", SessionStatus.ACTIVE, 0)

    def test_a_renewal_leaves_a_claim_that_came_in_between(self, storage: Storage) -> None:
        old = keep(storage)
        self.meanwhile(storage, replace(old, session_id="f" * 32), lambda: take(storage), NOW + 1)
        row = found(storage, old)
        assert row.claim_id is not None
        assert row.leased_until == NOW + LEASE

    def test_an_expired_session_that_its_owner_renews_is_not_taken_over(
        self, storage: Storage
    ) -> None:
        now = NOW + 13 * 3600
        ada = Claimant(
            user_id="ada", device_id="p", activity_id="a", stream_id=OTHER_STREAM, token="t"
        )
        eve = replace(ada, user_id="eve").session(now, 3600)

        def sign_up(at: float) -> Answer:
            return register(storage, ada, now=at, lifetime=3600, max_per_user=None)

        sign_up(NOW)
        outcome = self.meanwhile(storage, eve, lambda: sign_up(now), now)
        (row,) = everything(storage)
        assert (outcome, row.user_id) == (Outcome.CONFLICT, "ada")

    def test_a_row_that_was_purged_meanwhile_is_written_anew(self, storage: Storage) -> None:
        old = keep(storage, expires_at=NOW - 1)
        new = a_session(token=old.token)
        outcome = self.meanwhile(storage, new, lambda: storage.purge(NOW), NOW)
        assert outcome is Outcome.STORED
        assert everything(storage) == [new]
