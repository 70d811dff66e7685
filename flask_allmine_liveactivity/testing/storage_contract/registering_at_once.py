"""Many phones that register at once, for the same token or activity."""

from __future__ import annotations

from collections import Counter
from functools import partial

from flask_allmine_liveactivity.phones.registration import Claimant
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract.actors import STREAMS, at_once, sign_up
from flask_allmine_liveactivity.testing.storage_contract.records import NOW, clear, everything, keep

ADA = Claimant(
    user_id="ada", device_id="phone", activity_id="ride", stream_id=STREAMS[0], token="t"
)


def of(user: int, token: str) -> Claimant:
    return Claimant(
        user_id=f"user-{user}",
        device_id="phone",
        activity_id="ride",
        stream_id=STREAMS[0],
        token=token,
    )


class RegisteringAtOnce:
    rounds = 5

    def test_of_eight_users_with_one_token_one_has_it(self, storage: Storage) -> None:
        for number in range(self.rounds):
            clear(storage)
            token = f"token-{number}"
            answers = at_once([partial(sign_up, storage, of(user, token)) for user in range(8)])
            assert Counter(answers) == {"registered": 1, "conflict": 7}
            (holder,) = everything(storage)
            assert holder.user_id == f"user-{answers.index('registered')}"

    def test_of_eight_users_with_one_activity_one_holds_it_and_all_are_kept(
        self, storage: Storage
    ) -> None:
        for _ in range(self.rounds):
            clear(storage)
            answers = at_once(
                [partial(sign_up, storage, of(user, f"token-{user}")) for user in range(8)]
            )
            assert Counter(answers) == {"registered": 1, "conflict": 7}
            rows = everything(storage)
            (holder,) = [row for row in rows if row.activity_lock != row.session_id]
            assert len(rows) == 8
            assert holder.user_id == f"user-{answers.index('registered')}"

    def test_an_expired_token_is_taken_over_by_one_of_eight_users(self, storage: Storage) -> None:
        for _ in range(self.rounds):
            clear(storage)
            keep(storage, token="t", expires_at=NOW - 1)
            answers = at_once([partial(sign_up, storage, of(user, "t")) for user in range(8)])
            assert Counter(answers) == {"registered": 1, "conflict": 7}
            (holder,) = everything(storage)
            assert holder.user_id == f"user-{answers.index('registered')}"

    def test_one_phone_that_registers_eight_times_at_once_has_one_row(
        self, storage: Storage
    ) -> None:
        for _ in range(self.rounds):
            clear(storage)
            answers = at_once([partial(sign_up, storage, ADA)] * 8)
            assert set(answers) == {"registered"}
            assert len(everything(storage)) == 1

    def test_eight_rotations_of_one_activity_at_once_leave_one_row(self, storage: Storage) -> None:
        for _ in range(self.rounds):
            clear(storage)
            tokens = [f"token-{number}" for number in range(8)]
            rotations = [
                Claimant(
                    user_id="ada",
                    device_id="phone",
                    activity_id="ride",
                    stream_id=STREAMS[0],
                    token=token,
                )
                for token in tokens
            ]
            answers = at_once([partial(sign_up, storage, rotation) for rotation in rotations])
            assert set(answers) == {"registered"}
            (row,) = everything(storage)
            assert row.token in tokens
