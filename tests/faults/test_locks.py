"""Another client of the database that locks what a fan-out is at."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

from flask_allmine_liveactivity.phones.registration import Answer
from flask_allmine_liveactivity.simulator import LocalApns

from .midst import TOLD_WITHIN, the_midst_of_a_fan_out
from .rival import a_rival
from .servers import DatabaseServer

PHONES = 300
DEADLOCKS = 2
# How long rows are held, in seconds: until leases have run out.
HELD_FOR = 2.5


def test_a_rival_with_whom_the_fan_out_deadlocks_again_and_again(
    own_server: DatabaseServer, slow_apns: LocalApns, tmp_path: Path
) -> None:
    """The fan-out is the victim each time that is counted."""
    uri = own_server.database("deadlocks")
    with (
        a_rival(uri) as rival,
        the_midst_of_a_fan_out(
            uri, slow_apns, tmp_path, phones=PHONES, LIVE_ACTIVITY_LEASE=10
        ) as midst,
    ):
        slow_apns.delay(0.5)
        late = itertools.count(PHONES + 1)
        before = rival.others_were_victims
        deadline = time.monotonic() + TOLD_WITHIN
        while rival.others_were_victims - before < DEADLOCKS:
            assert time.monotonic() < deadline
            for _ in range(20):  # there must be something to do for as long as it takes
                midst.audience.register(next(late))
            rival.deadlock()
        assert "delivery waits" not in midst.log.read_text()  # it has tried again at once


def test_a_rival_that_holds_rows_and_the_event_for_a_while(
    own_server: DatabaseServer, slow_apns: LocalApns, tmp_path: Path
) -> None:
    uri = own_server.database("held")
    answers: list[Answer] = []
    with (
        a_rival(uri) as rival,
        the_midst_of_a_fan_out(uri, slow_apns, tmp_path, phones=PHONES) as midst,
    ):
        late = threading.Thread(target=lambda: answers.append(midst.audience.register(PHONES + 1)))
        with rival.holding_rows_and_event(50):
            late.start()
            late.join(TOLD_WITHIN)
            assert answers == [Answer.LATE]  # it only reads an event that is being told
            time.sleep(HELD_FOR)  # nobody may get past the rival meanwhile
            assert midst.audience.pending
