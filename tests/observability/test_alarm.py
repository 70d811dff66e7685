"""When refused tokens are an alarm; the log, ``status`` and Prometheus agree on it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from flask_allmine_liveactivity import Verdict
from flask_allmine_liveactivity.model import Counts
from flask_allmine_liveactivity.model.alarm import (
    ALARMING_COUNT,
    ALARMING_SHARE,
    WRONG_ENVIRONMENT,
    environment_is_doubtful,
    is_alarming,
)
from flask_allmine_liveactivity.push.answers import verdict_of

from .test_deploy import RULES, promtool

ALERT = "LiveActivityTokensRejected"
# The least and the most that are answered where so many refused ones are just an alarm.
FEW, OF_MANY = ALARMING_COUNT, int(ALARMING_COUNT / ALARMING_SHARE) - 1
# Refused, of so many that were answered; and whether that is an alarm.
CASES = [
    (FEW, FEW, True),
    (FEW - 1, FEW - 1, False),
    (FEW, OF_MANY, True),
    (FEW, OF_MANY + 1, False),
    (100 * FEW, 100 * (OF_MANY + 1) - 1, True),
    (100 * FEW, 100 * (OF_MANY + 1), False),
    (0, 0, False),
]


@pytest.mark.parametrize(("rejected", "answered", "alarming"), CASES)
def test_many_are_an_alarm_if_they_are_most(rejected: int, answered: int, alarming: bool) -> None:
    assert is_alarming(rejected, answered) is alarming


@pytest.mark.parametrize(("rejected", "answered", "alarming"), CASES)
def test_those_that_wait_and_those_given_up_are_counted_together(
    rejected: int, answered: int, alarming: bool
) -> None:
    counts = standing(rejected, answered)
    assert environment_is_doubtful(counts) is alarming


def test_who_was_not_answered_yet_proves_nothing() -> None:
    assert environment_is_doubtful(
        Counts(active=1000, pending=1000, waiting={WRONG_ENVIRONMENT: 9})
    )


def test_who_was_told_an_update_was_answered() -> None:
    refused = {"waiting": {WRONG_ENVIRONMENT: FEW}}
    assert environment_is_doubtful(Counts(updated=FEW - 1, **refused))
    assert not environment_is_doubtful(Counts(updated=FEW, **refused))


def test_refusals_for_another_reason_say_nothing_of_the_environment() -> None:
    assert not environment_is_doubtful(Counts(dead={"Unregistered": 50}))


def standing(rejected: int, answered: int, reason: str = WRONG_ENVIRONMENT) -> Counts:
    """How sessions stand of which so many were refused, in all the ways that there are."""
    others = answered - rejected
    each = others // 4
    return Counts(
        ended=others - 3 * each,
        updated=each,
        waiting={reason: rejected - rejected // 2, "TooManyRequests": each},
        dead={reason: rejected // 2, "Unregistered": each},
    )


# --- Prometheus -----------------------------------------------------------------------------------


def alert() -> dict[str, Any]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    (found,) = [rule for rule in group["rules"] if rule["alert"] == ALERT]
    return found  # type: ignore[no-any-return]


def reasons_of_the_alert() -> list[str]:
    (listed,) = re.findall(r'reason=~"([^"]+)"', alert()["expr"])
    return listed.split("|")


def test_the_alert_is_about_refused_tokens() -> None:
    assert {verdict_of(400, reason) for reason in reasons_of_the_alert()} == {Verdict.REJECTED}
    assert WRONG_ENVIRONMENT in reasons_of_the_alert()


@pytest.mark.parametrize("reason", reasons_of_the_alert())
def test_prometheus_alarms_by_the_same_rule(tmp_path: Path, reason: str) -> None:
    said = {key: alert()[key] for key in ("labels", "annotations")}
    expected = [{"exp_labels": said["labels"], "exp_annotations": said["annotations"]}]
    (tmp_path / "alerts_test.yaml").write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(RULES)],
                "evaluation_interval": "1m",
                "tests": [
                    {
                        "name": f"{rejected} of {answered}",
                        "interval": "1m",
                        "input_series": series(standing(rejected, answered, reason)),
                        "alert_rule_test": [
                            {
                                "eval_time": "10m",
                                "alertname": ALERT,
                                "exp_alerts": expected if is_alarming(rejected, answered) else [],
                            }
                        ],
                    }
                    for rejected, answered, _ in CASES
                ],
            }
        )
    )
    promtool("test", "rules", str(tmp_path / "alerts_test.yaml"))


def series(counts: Counts) -> list[dict[str, str]]:
    """As each of two processes is scraped, which say the same."""
    values = {
        'live_activity_sessions{status="ended"': counts.ended,
        'live_activity_sessions{status="updated"': counts.updated,
        'live_activity_sessions{status="active"': 1000,
        **{
            f'live_activity_{gauge}{{reason="{reason}"': count
            for gauge, by_reason in (("waiting", counts.waiting), ("given_up", counts.dead))
            for reason, count in by_reason.items()
            if count
        },
    }
    return [
        {"series": f'{name},instance="{instance}"}}', "values": f"{value}x20"}
        for name, value in values.items()
        for instance in ("a", "b")
    ]
