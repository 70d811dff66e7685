"""Workers die in the midst of a fan-out, again and again: nobody is forgotten."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest
import services

from flask_allmine_liveactivity.simulator import LocalApns

from .crowds import a_crowd, sqlite_in
from .killing import BATCH, IN_FLIGHT, LEASE, UNSETTLED, Killing

# How long Apple takes to answer while they are killed, in seconds: or it would soon be over.
ANSWERS_AFTER = 0.08


@contextmanager
def killing(uri: str, folder: Path, count: int, workers: int) -> Iterator[Killing]:
    """So many workers at work on a fan-out to so many phones."""
    seed = random.randrange(2**32)
    with LocalApns(max_concurrent_streams=IN_FLIGHT) as apns, a_crowd(uri, apns, count) as crowd:
        config = crowd.config(LIVE_ACTIVITY_LEASE=LEASE, LIVE_ACTIVITY_BATCH_SIZE=BATCH)
        made = Killing(crowd, config, folder / "output", random.Random(seed))
        apns.delay(ANSWERS_AFTER)
        crowd.audience.end()
        try:
            for _ in range(workers):
                made.start_one()
            yield made
            finish(made)
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(f"with the seed {seed}, after {made.kills}: {error}") from error
        finally:
            made.stop_all()


def finish(made: Killing) -> None:
    """Whoever is left tells the rest, and everybody is accounted for."""
    crowd = made.crowd
    assert crowd.audience.pending, "it was over before the last was killed"
    crowd.apns.delay(0)
    crowd.wait_until_told(120)
    crowd.audience.check()
    assert crowd.claimed == 0
    assert crowd.doubled <= made.kills.total() * UNSETTLED
    crowd.end_the_other_stream()
    crowd.wait_until_the_other_stream_is_told()
    made.dismiss_all()


def test_forty_kills_over_one_fan_out_on_postgresql(tmp_path: Path) -> None:
    with services.postgresql() as uri, killing(uri, tmp_path, 5000, workers=3) as made:
        moments = [made.in_its_start] * 8 + [made.at_work] * 20
        moments += [made.in_claim] * 6 + [made.in_settlement] * 6
        made.chance.shuffle(moments)
        for moment in moments:
            moment()
        # Not each of these finds somebody who waits for that statement.
        while made.crowd.audience.pending and not made.kills["in a claim"]:
            made.in_claim()
        while made.crowd.audience.pending and not made.kills["in a settlement"]:
            made.in_settlement()
        while made.kills.total() < 40:
            made.at_work()
        assert made.kills["in a claim"]
        assert made.kills["in a settlement"]


SERVERS: dict[str, tuple[Callable[[], AbstractContextManager[str]], int]] = {
    "sqlite": (lambda: nullcontext(""), 2000),
    "mariadb": (services.mariadb, 2000),
}


@pytest.mark.parametrize("server", SERVERS)
def test_twenty_kills_over_one_fan_out_on(server: str, tmp_path: Path) -> None:
    opened, count = SERVERS[server]
    with opened() as uri, killing(uri or sqlite_in(tmp_path), tmp_path, count, workers=3) as made:
        moments = [made.in_its_start] * 4 + [made.at_work] * 16
        made.chance.shuffle(moments)
        for moment in moments:
            moment()


def test_eight_kills_over_one_fan_out_on_mongodb(tmp_path: Path) -> None:
    with (
        services.mongodb() as uri,
        killing(uri, tmp_path, 150, workers=2) as made,
    ):
        made.progress = 10  # it is a slow one
        moments = [made.in_its_start] * 2 + [made.at_work] * 6
        made.chance.shuffle(moments)
        for moment in moments:
            moment()
