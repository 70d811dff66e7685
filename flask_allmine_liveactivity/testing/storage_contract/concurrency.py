"""What holds for a storage that many threads and processes work on at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from flask_allmine_liveactivity.model import NEVER, SessionStatus
from flask_allmine_liveactivity.registration import Claimant
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract import actors
from flask_allmine_liveactivity.testing.storage_contract.actors import (
    STREAMS,
    Crowd,
    announce_often,
    arrive,
    at_once,
    deliver,
    sign_up,
)
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    LEASE,
    NOW,
    an_announcement,
    everything,
    ids,
    keep,
    keep_many,
    later,
    take,
    the_event,
)

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


class ThreadConcurrency:
    """What holds for a storage that many threads of one process work on at once.

    Give the fixture ``storage``, empty.
    """

    phones = 40
    rounds = 5

    def test_nobody_is_lost_and_nobody_claimed_twice_by_eight_threads(
        self, storage: Storage
    ) -> None:
        crowds = [Crowd(f"crowd-{number}", self.phones) for number in range(4)]
        arrived = threading.Semaphore(0)
        over = threading.Event()

        def come(crowd: Crowd) -> list[str]:
            try:
                return arrive(storage, crowd)
            finally:
                arrived.release()

        def end() -> list[int]:
            try:
                return announce_often(storage, 5)
            finally:
                for _ in crowds:
                    arrived.acquire(timeout=actors.PATIENCE)
                over.set()

        workers = [partial(deliver, storage, over.is_set) for _ in range(3)]
        *claims, revisions = at_once([*[partial(come, crowd) for crowd in crowds], *workers, end])[
            len(crowds) :
        ]
        assert_all_told_once(storage, crowds, claims)
        assert sorted(revisions) == sorted(list(range(1, 6)) * len(STREAMS))

    def test_two_threads_claim_disjoint_batches_of_one_stream(self, storage: Storage) -> None:
        rows = keep_many(storage, self.phones)
        claimed = at_once([partial(actors.claim_all, storage, 3)] * 2)
        both = [session.session_id for sessions in claimed for session in sessions]
        assert sorted(both) == sorted(session.session_id for session in rows)

    def test_each_of_eight_workers_on_one_stream_gets_work_and_all_is_claimed_once(
        self, storage: Storage
    ) -> None:
        rows = keep_many(storage, self.phones)
        has_work = threading.Barrier(8)

        def work() -> list[str]:
            first = take(storage, limit=2, lease=HOUR)
            # None goes on before each has some: whoever came out empty would be waited for.
            if not first:
                has_work.abort()
            has_work.wait(actors.PATIENCE)
            return [each.session_id for each in (*first, *actors.claim_all(storage, 2))]

        claimed = Counter(each for ours in at_once([work] * 8) for each in ours)
        assert claimed == Counter(ids(rows))

    def test_each_claim_stands_in_the_row_as_its_claimant_got_it(self, storage: Storage) -> None:
        keep_many(storage, self.phones)
        claimed = at_once([partial(actors.claim_all, storage, 3)] * 4)
        got = {session.session_id: session for sessions in claimed for session in sessions}
        assert got == {session.session_id: session for session in everything(storage)}

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
            (holder,) = [row for row in rows if row.hold != row.session_id]
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

    def test_eight_hosts_that_end_a_stream_for_the_first_time_agree(self, storage: Storage) -> None:
        for number in range(self.rounds):
            stream_id = f"new-{number}"
            announcement = an_announcement(stream_id=stream_id)
            events = at_once([partial(storage.announce, announcement, NOW)] * 8)
            assert {event.revision for event in events} == {1}
            assert len({event.timestamp for event in events}) == 1

    def test_eight_different_ends_have_eight_revisions_and_timestamps(
        self, storage: Storage
    ) -> None:
        for number in range(self.rounds):
            stream_id = f"new-{number}"
            events = at_once(
                [
                    partial(
                        storage.announce, an_announcement(stream_id=stream_id, said=str(said)), NOW
                    )
                    for said in range(8)
                ]
            )
            assert sorted(event.revision for event in events) == list(range(1, 9))
            assert len({event.timestamp for event in events}) == 8
            last = max(events, key=lambda event: event.revision)
            assert the_event(storage, stream_id).said == last.said

    def test_every_touch_counts(self, storage: Storage) -> None:
        storage.announce(an_announcement(), NOW)
        stream_id = an_announcement().stream_id
        at_once([lambda: [storage.touch(stream_id, NOW, NOW) for _ in range(10)]] * 8)
        assert the_event(storage).touch == 80

    def test_touches_and_announcements_do_not_undo_each_other(self, storage: Storage) -> None:
        stream_id = an_announcement().stream_id
        storage.announce(an_announcement(said="first"), NOW)

        def end(who: int) -> None:
            for number in range(5):
                storage.announce(an_announcement(said=f"{who} {number}"), NOW)

        def touch(who: int) -> None:
            for number in range(10):
                storage.touch(stream_id, NOW + 99 * HOUR + number, NOW)

        at_once([partial(end, 0), partial(end, 1), *[partial(touch, who) for who in range(6)]])
        event = the_event(storage)
        assert (event.revision, event.touch) == (11, 10 + 60)
        assert event.expires_at == NOW + 99 * HOUR + 9

    def test_only_one_of_eight_workers_that_settle_a_retry_counts(self, storage: Storage) -> None:
        keep_many(storage, 10)
        claimed = take(storage)
        counted = at_once([partial(storage.settle, [later(session) for session in claimed])] * 8)
        assert sum(counted) == 10


class ProcessConcurrency:
    """What holds for a storage that many processes work on at once.

    Give the fixtures ``storage``, empty, and ``reopen``: a function without arguments that opens
    the same storage in another process. It is sent there by ``pickle``, so it is one at the top of
    a module, or a ``functools.partial`` of one::

        @pytest.fixture
        def reopen(tmp_path):
            return functools.partial(open_my_storage, tmp_path / "file")
    """

    phones_of_a_process = 40
    sessions_of_a_killed_worker = 400

    def test_nobody_is_lost_and_nobody_claimed_twice_by_four_processes(
        self, storage: Storage, reopen: Callable[[], Storage]
    ) -> None:
        spawn = multiprocessing.get_context("spawn")
        told = spawn.Queue()
        start, arrived, over = spawn.Barrier(5), spawn.Semaphore(0), spawn.Event()
        crowds = [Crowd(f"crowd-{number}", self.phones_of_a_process) for number in range(2)]
        jobs: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
            *[(actors.arrive_and_say_so, (crowd, arrived)) for crowd in crowds],
            *[(actors.deliver_until_all_arrived, (over,))] * 2,
        ]
        processes = [
            spawn.Process(target=actors.process, args=(reopen, job, start, told, *arguments))
            for job, arguments in jobs
        ]
        for process in processes:
            process.start()
        try:
            with contextlib.suppress(threading.BrokenBarrierError):  # one of them says why
                start.wait(actors.PATIENCE)
                announce_often(storage, 5)
                for _ in crowds:
                    arrived.acquire(timeout=actors.PATIENCE)
            over.set()
            results = [told.get(timeout=2 * actors.PATIENCE) for _ in processes]
        finally:
            stop(processes)
        errors = "\n".join(result.error for result in results if result.error)
        assert not errors, f"a process could not do its work:\n{errors}"
        deliveries = [result for result in results if result.job == "deliver_until_all_arrived"]
        assert_all_told_once(storage, crowds, [delivery.result for delivery in deliveries])

    def test_what_a_killed_worker_had_claimed_comes_due_when_its_lease_ends(
        self, storage: Storage, reopen: Callable[[], Storage]
    ) -> None:
        """A worker is killed with -9 between two claims."""
        rows = ids(keep_many(storage, self.sessions_of_a_killed_worker))
        dead_workers = claim_and_be_killed(reopen, batch=3)
        limit = len(rows)
        before = ids(take(storage, limit=limit, now=NOW + LEASE - 1))
        after = ids(take(storage, limit=limit, now=NOW + LEASE))
        assert before, "the worker was to be killed before it had claimed all"
        assert before.isdisjoint(dead_workers), "claimed by two while the lease ran"
        assert dead_workers <= after, "claimed by nobody after the lease"
        assert before | after == rows, "sessions were lost"


def claim_and_be_killed(reopen: Callable[[], Storage], batch: int) -> set[str]:
    """What a worker said that it had claimed before it was killed, in the midst of claiming."""
    spawn = multiprocessing.get_context("spawn")
    heard, told = spawn.Pipe(duplex=False)
    process = spawn.Process(target=actors.claim_for_ever, args=(reopen, batch, told))
    process.start()
    told.close()  # so that nobody waits for a process that has ended
    claimed: set[str] = set()
    try:
        for _ in range(5):
            assert heard.poll(actors.PATIENCE), "the worker claims nothing"
            claimed.update(heard.recv())
    except EOFError:
        raise AssertionError("the worker could not work: its error is on stderr") from None
    finally:
        process.kill()
        stop([process])
        heard.close()
    return claimed


def stop(processes: list[Any]) -> None:
    for process in processes:
        process.join(actors.PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()


def clear(storage: Storage) -> None:
    storage.purge(NEVER)


def assert_all_told_once(storage: Storage, crowds: list[Crowd], claims: list[list[str]]) -> None:
    rows = everything(storage)
    assert len(rows) == sum(crowd.phones for crowd in crowds)
    left = [row for row in rows if row.status is not SessionStatus.ENDED]
    assert left == []
    claimed = Counter(session_id for of_one in claims for session_id in of_one)
    assert claimed == {row.session_id: 1 for row in rows}
