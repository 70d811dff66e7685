"""What holds for a storage that many threads and processes work on at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from flask_allmine_liveactivity.model import SessionStatus
from flask_allmine_liveactivity.storage.base import Storage
from flask_allmine_liveactivity.testing.storage_contract import actors, by_the_page
from flask_allmine_liveactivity.testing.storage_contract.actors import (
    STREAMS,
    Crowd,
    announce_often,
    arrive,
    at_once,
    deliver,
)
from flask_allmine_liveactivity.testing.storage_contract.making_room import MakingRoomAtOnce
from flask_allmine_liveactivity.testing.storage_contract.records import (
    HOUR,
    LEASE,
    NOW,
    an_announcement,
    everything,
    ids,
    keep_many,
    later,
    take,
    the_event,
)
from flask_allmine_liveactivity.testing.storage_contract.registering_at_once import (
    RegisteringAtOnce,
)


class ThreadConcurrency(MakingRoomAtOnce, RegisteringAtOnce):
    """What holds for a storage that many threads of one process work on at once.

    Give the fixture ``storage``, empty.

    .. versionadded:: 0.1.0
    """

    phones = 40

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

    def test_eight_workers_that_claim_by_the_page_claim_nobody_twice(
        self, storage: Storage
    ) -> None:
        """All of them see the same phones as the next ones."""
        events = by_the_page.streams(storage, 3, phones=self.phones)

        def work() -> list[str]:
            claimed: list[str] = []
            while page := by_the_page.take_each(storage, events, limit=1):
                assert not ids(page) & set(claimed), "claimed again while its lease ran"
                claimed += ids(page)
            return claimed

        claimed = at_once([work] * 8)
        # Workers go past what is being claimed at that moment.
        claimed.append(work())
        assert Counter(each for ours in claimed for each in ours) == Counter(
            ids(everything(storage))
        )

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

    def test_revivals_take_nobody_out_of_a_workers_hands(self, storage: Storage) -> None:
        rows = keep_many(storage, self.phones, attempts=1, reason="BadDeviceToken")

        def revive() -> int:
            return sum(sum(storage.sessions.revive(None, NOW).values()) for _ in range(self.rounds))

        workers = [partial(actors.claim_all, storage, 3)] * 4
        *claimed, first, second = at_once([*workers, revive, revive])
        # Workers go past what is being written at that moment.
        claimed.append(actors.claim_all(storage, 3))
        got = {session.session_id: session for sessions in claimed for session in sessions}
        assert Counter(each.session_id for ours in claimed for each in ours) == Counter(ids(rows))
        assert got == {session.session_id: session for session in everything(storage)}
        assert sum(session.attempts == 0 for session in got.values()) == first + second

    def test_eight_hosts_that_end_a_stream_for_the_first_time_agree(self, storage: Storage) -> None:
        for number in range(self.rounds):
            stream_id = f"new-{number}"
            announcement = an_announcement(stream_id=stream_id)
            events = at_once([partial(storage.streams.announce, announcement, NOW)] * 8)
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
                        storage.streams.announce,
                        an_announcement(stream_id=stream_id, said=str(said)),
                        NOW,
                    )
                    for said in range(8)
                ]
            )
            assert sorted(event.revision for event in events) == list(range(1, 9))
            assert len({event.timestamp for event in events}) == 8
            last = max(events, key=lambda event: event.revision)
            assert the_event(storage, stream_id).said == last.said

    def test_eight_phones_that_find_an_event_at_rest_wake_it_with_one_write(
        self, storage: Storage
    ) -> None:
        for number in range(self.rounds):
            stream_id = f"new-{number}"
            event = storage.streams.announce(an_announcement(stream_id=stream_id), NOW)
            storage.streams.rest([(event, NOW + HOUR)])
            woken = at_once([partial(storage.streams.wake, stream_id, NOW, NOW)] * 8)
            assert {each.touch for each in woken} == {event.touch + 2}
            assert the_event(storage, stream_id) == woken[0]

    def test_who_wakes_rests_and_announces_does_not_undo_the_others(self, storage: Storage) -> None:
        stream_id = an_announcement().stream_id
        storage.streams.announce(an_announcement(said="first"), NOW)

        def end(who: int) -> None:
            for number in range(5):
                storage.streams.announce(an_announcement(said=f"{who} {number}"), NOW)

        def wake(who: int) -> list[int]:
            woken = []
            for number in range(10):
                event = storage.streams.wake(stream_id, NOW + 99 * HOUR + number, NOW)
                assert event is not None
                woken.append(event.touch)
            return woken

        def rest() -> int:
            return sum(storage.streams.rest([(the_event(storage), NOW + HOUR)]) for _ in range(10))

        *_, rests, first, second, third = at_once(
            [partial(end, 0), partial(end, 1), rest, *[partial(wake, who) for who in range(3)]]
        )
        event = the_event(storage)
        assert event.revision == 11
        assert event.expires_at > NOW + 99 * HOUR + 9
        # Each announcement has raised it, and each rest of what was awake.
        assert event.touch >= 10 + rests
        for seen in (first, second, third):
            assert seen == sorted(seen)
            assert all(touch % 2 for touch in seen), "woken, and not awake"

    def test_only_one_of_eight_workers_that_settle_a_retry_counts(self, storage: Storage) -> None:
        keep_many(storage, 10)
        claimed = take(storage)
        counted = at_once(
            [partial(storage.sessions.settle, [later(session) for session in claimed])] * 8
        )
        assert sum(counted) == 10


class ProcessConcurrency:
    """What holds for a storage that many processes work on at once.

    Give the fixtures ``storage``, empty, and ``reopen``: a function without arguments that opens
    the same storage in another process. It is sent there by ``pickle``, so it is one at the top of
    a module, or a ``functools.partial`` of one::

        @pytest.fixture
        def reopen(tmp_path):
            return functools.partial(open_my_storage, tmp_path / "file")

    .. versionadded:: 0.1.0
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


def assert_all_told_once(storage: Storage, crowds: list[Crowd], claims: list[list[str]]) -> None:
    rows = everything(storage)
    assert len(rows) == sum(crowd.phones for crowd in crowds)
    left = [row for row in rows if row.status is not SessionStatus.ENDED]
    assert left == []
    claimed = Counter(session_id for of_one in claims for session_id in of_one)
    assert claimed == {row.session_id: 1 for row in rows}
