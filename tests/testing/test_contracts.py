"""The shipped contracts find what they are there to find, in a project of somebody else's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = str(Path(__file__).parents[2])

STORAGE = """
import pytest
from flask_allmine_liveactivity.storage.memory import (
    MemorySessions,
    MemoryStorage,
    MemoryStreams,
)
from flask_allmine_liveactivity.testing import StorageContract, ThreadConcurrency

class Mistaken:
    {mistake}

class MySessions(Mistaken, MemorySessions):
    pass

class MyStreams(Mistaken, MemoryStreams):
    pass

class TestMyStorage(StorageContract, ThreadConcurrency):
    @pytest.fixture
    def storage(self):
        return MemoryStorage(streams=MyStreams(), sessions=MySessions())
"""

PUSH = """
import pytest
from flask_allmine_liveactivity import PushBackend, PushResult, Verdict
from flask_allmine_liveactivity.testing import PushContract, PushVerdicts

class MyPush(PushBackend):
    def __init__(self):
        self.told = {{}}

    def answer(self, push):
        verdict = self.told.pop(push.token, Verdict.DELIVERED)
        return PushResult(push, verdict, reason="Why")

    def send(self, pushes):
        for push in pushes:
            yield self.answer(push)

    def close(self):
        pass

    {mistake}

class TestMyPush(PushContract, PushVerdicts):
    most_in_flight = 1

    @pytest.fixture
    def push(self):
        return MyPush()

    @pytest.fixture
    def answer(self, push):
        return push.told.__setitem__
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """In which warnings are errors, and no plugin is loaded."""
    path = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([ROOT, path] if path else [ROOT]))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\nfilterwarnings = error")
    return pytester


def run(project: pytest.Pytester, text: str, mistake: str = "pass") -> pytest.RunResult:
    lines = mistake.strip().replace("\n", "\n    ")
    project.makepyfile(text.format(mistake=lines))
    return project.runpytest_subprocess("-p", "no:cacheprovider", "-q")


# --- storages --------------------------------------------------------------------------------


def test_a_storage_without_a_mistake_passes(project: pytest.Pytester) -> None:
    assert run(project, STORAGE).ret == 0


STORAGE_MISTAKES = {
    "it rests what was woken meanwhile": (
        """
def rest(self, rests):
    from dataclasses import replace
    now = [(self.read(event.stream_id), due_at) for event, due_at in rests]
    return super().rest([(event, due_at) for event, due_at in now if event])
""",
        "test_an_event_that_was_woken_meanwhile_stays_due",
    ),
    "a rest does not show that a worker looks afterwards": (
        """
def rest(self, rests):
    from dataclasses import replace
    there = super().rest(rests)
    for event, _ in rests:
        if self._is_still(replace(event, touch=event.touch + event.touch % 2)):
            self._change(event.stream_id, {{"touch": event.touch}})
    return there
""",
        "test_a_session_is_never_lost_between_two_workers",
    ),
    "it claims what another has claimed": (
        """
def claim(self, stream_id, revision, *, claim_id, limit, now, leased_until):
    return super().claim(
        stream_id, revision, claim_id=claim_id, limit=limit, now=now, leased_until=now
    )
""",
        "test_a_claim_holds_until_its_lease_ends",
    ),
    "it settles a retry whoever has the claim": (
        """
def settle(self, settlements):
    from dataclasses import replace
    return super().settle([replace(s, whoever_holds_the_lease=True) for s in settlements])
""",
        "test_a_retry_does_not_count_where_another_has_the_claim",
    ),
    "it believes a 410 of a phone that has registered since": (
        """
def settle(self, settlements):
    from dataclasses import replace
    return super().settle([replace(s, not_seen_after=None) for s in settlements])
""",
        "test_a_phone_that_registered_after_the_claim_is_not_dead",
    ),
    "who comes late does not make an event due": (
        """
def wake(self, stream_id, expires_at, now):
    return self.read(stream_id)
""",
        "test_an_event_that_rests_is_made_due",
    ),
    "it revives what is under way": (
        """
def revive(self, stream_id, now):
    from dataclasses import replace
    for row in self.page():
        if row.leased_until > now:
            self._put(replace(row, leased_until=0.0))
    return super().revive(stream_id, now)
""",
        "test_a_push_that_is_under_way_is_not_disturbed_by_a_revival",
    ),
    "it takes upper case for lower": (
        """
def count_of_user(self, user_id):
    return sum((row.user_id or "").lower() == user_id.lower() for row in self.page())
""",
        "test_two_users_are_two?case?",
    ),
    "it reads, waits and writes without a lock": (
        """
def write(self, stream_id, decide):
    import time
    decided = decide(self.read(stream_id))
    time.sleep(0.0001)
    return super().write(stream_id, lambda _: decided)
""",
        "test_eight_different_ends_have_eight_revisions_and_timestamps",
    ),
}


@pytest.mark.parametrize(("mistake", "test"), STORAGE_MISTAKES.values(), ids=list(STORAGE_MISTAKES))
def test_a_storage_with_a_mistake_fails(project: pytest.Pytester, mistake: str, test: str) -> None:
    result = run(project, STORAGE, mistake.replace("{{", "{").replace("}}", "}"))
    result.stdout.fnmatch_lines([f"FAILED *::TestMyStorage::{test}*"])


def test_pytest_explains_what_a_storage_did_wrong(project: pytest.Pytester) -> None:
    result = run(project, STORAGE, "def count_of_user(self, user_id): return 7")
    result.stdout.fnmatch_lines(["E*assert 7 == [0-9]*"])


# --- push backends ---------------------------------------------------------------------------


def test_a_push_backend_without_a_mistake_passes(project: pytest.Pytester) -> None:
    assert run(project, PUSH).ret == 0


PUSH_MISTAKES = {
    "it draws the whole audience": (
        """
def send(self, pushes):
    import itertools
    return iter([self.answer(push) for push in itertools.islice(pushes, 3000)])
""",
        "test_an_audience_without_end_is_drawn_only_as_fast_as_it_is_sent",
    ),
    "it gives back a copy": (
        """
def send(self, pushes):
    from dataclasses import replace
    for push in pushes:
        yield self.answer(replace(push))
""",
        "test_a_result_carries_the_push_that_it_was_given",
    ),
    "it swallows an error of the source": (
        """
def send(self, pushes):
    try:
        for push in pushes:
            yield self.answer(push)
    except Exception:
        pass
""",
        "test_an_error_of_the_source_reaches_the_caller",
    ),
    "it forgets every tenth result": (
        """
def send(self, pushes):
    for number, push in enumerate(pushes, 1):
        if number % 10:
            yield self.answer(push)
""",
        "test_each_push_has_one_result_in_any_order",
    ),
    "two threads share what is in flight": (
        """
_flying = []
def send(self, pushes):
    import time
    for push in pushes:
        self._flying.append(push)
        time.sleep(0.001)
        yield self.answer(self._flying.pop())
""",
        "test_four_threads_may_send_at_once",
    ),
    "it raises where nobody answers": (
        """
def answer(self, push):
    if self.told.pop(push.token, None) == "unreachable":
        raise OSError("no route")
    return PushResult(push, Verdict.DELIVERED)
""",
        "test_an_answer_is_understood?unreachable?",
    ),
    "it gives milliseconds": (
        """
def answer(self, push):
    verdict = self.told.pop(push.token, Verdict.DELIVERED)
    return PushResult(push, verdict, reason="Why", gone_since=1_790_000_000_000)
""",
        "test_a_dead_token_says_since_when_in_seconds",
    ),
    "its reasons quote the token": (
        """
def answer(self, push):
    verdict = self.told.pop(push.token, Verdict.DELIVERED)
    return PushResult(push, verdict, reason=f"refused: {{push.token}}")
""",
        "test_a_refusal_has_a_reason_that_can_be_shown?gone?",
    ),
    "it logs the token": (
        """
def answer(self, push):
    import logging
    logging.getLogger("mine").info("pushing to %s", push.token)
    return PushResult(push, self.told.pop(push.token, Verdict.DELIVERED), reason="Why")
""",
        "test_no_token_is_logged",
    ),
}


@pytest.mark.parametrize(("mistake", "test"), PUSH_MISTAKES.values(), ids=list(PUSH_MISTAKES))
def test_a_push_backend_with_a_mistake_fails(
    project: pytest.Pytester, mistake: str, test: str
) -> None:
    result = run(project, PUSH, mistake.replace("{{", "{").replace("}}", "}"))
    result.stdout.fnmatch_lines([f"FAILED *::TestMyPush::{test}*"])
