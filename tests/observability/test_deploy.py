"""Alert rules and dashboard, looked at by Prometheus itself and asked of a real one."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml
from blueprint.host import Host
from openapi.served import served
from prometheus_client import CollectorRegistry, make_wsgi_app
from services import require
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from flask_allmine_liveactivity.observability.prometheus import measure

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yaml"
DASHBOARD = json.loads((DEPLOY / "grafana" / "live-activity.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
REMEDY = "Install it: apt-get install prometheus"


def promtool(*arguments: str) -> None:
    require(shutil.which("promtool") is not None, "promtool", REMEDY)
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_rules() -> None:
    promtool("check", "rules", str(RULES))


def test_the_rules_alarm_when_they_should() -> None:
    promtool("test", "rules", str(RULES.with_name("alerts_test.yaml")))


def test_each_alert_is_tried() -> None:
    alerts = {rule["alert"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}
    tried = yaml.safe_load(RULES.with_name("alerts_test.yaml").read_text())["tests"]
    assert alerts == {
        test["alertname"]
        for each in tried
        for test in each["alert_rule_test"]
        if test["exp_alerts"]
    }


@pytest.fixture
def prometheus(host: Host, tmp_path: Path) -> Iterator[str]:
    """A real one that scrapes a host; gives its URL."""
    require(shutil.which("prometheus") is not None, "Prometheus", REMEDY)
    registry = CollectorRegistry()
    measure(host.app, registry)
    metrics = {"/metrics": make_wsgi_app(registry)}
    host.app.wsgi_app = DispatcherMiddleware(host.app.wsgi_app, metrics)  # type: ignore[method-assign]
    with served(host) as there, _running(tmp_path, there.url) as url:
        yield url


@contextlib.contextmanager
def _running(folder: Path, target: str) -> Iterator[str]:
    scrape = {"job_name": "host", "static_configs": [{"targets": [target.partition("//")[2]]}]}
    configuration = {
        "global": {"scrape_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [scrape],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [
        "prometheus",
        f"--config.file={folder}/prometheus.yaml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={address}",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://{address}"
        finally:
            process.kill()


def ask(url: str, expression: str) -> list[Any]:
    asked = expression.replace("$__rate_interval", "10s")
    with urlopen(f"{url}/api/v1/query?{urlencode({'query': asked})}", timeout=10) as answer:
        found: list[Any] = json.load(answer)["data"]["result"]
    return found


def value(url: str, expression: str) -> float | None:
    with contextlib.suppress(OSError):
        found = ask(url, expression)
        return float(found[0]["value"][1]) if found else None
    return None


def test_a_real_one_shows_each_panel(host: Host, prometheus: str) -> None:
    until = time.monotonic() + 60
    while value(prometheus, "live_activity_storage_up") is None:
        assert time.monotonic() < until, "nothing was scraped"
        time.sleep(0.2)
    host.register()
    host.end()
    told = 'live_activity_pushes_total{outcome="delivered"}'
    while value(prometheus, told) is None:
        assert time.monotonic() < until, "the push was not scraped"
        time.sleep(0.2)
    # What has never happened has no value yet, but every expression is understood.
    shown = [each for each in EXPRESSIONS if not re.search(r"waiting|given_up|reason", each)]
    while not all(ask(prometheus, expression) for expression in shown):
        assert time.monotonic() < until, [each for each in shown if not ask(prometheus, each)]
        time.sleep(0.5)
    assert [ask(prometheus, each) for each in EXPRESSIONS if each not in shown] == [[], [], []]
    assert value(prometheus, "max(live_activity_oldest_pending_seconds)") == 0
