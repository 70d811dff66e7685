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
from flask_allmine_liveactivity.simulator import Answer, LocalApns

from .worker import Worker, run_worker, working

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


# --- flask live-activity worker --metrics ---------------------------------------------------------


@pytest.fixture
def apns() -> Iterator[LocalApns]:
    with LocalApns() as made:
        yield made


@pytest.fixture
def worker(apns: LocalApns, tmp_path: Path) -> Iterator[Worker]:
    """A worker that serves its metrics; others register phones and announce ends."""
    with working(tmp_path, apns, "--metrics", "0") as made:
        yield made


def test_a_worker_fills_each_panel(worker: Worker, apns: LocalApns, tmp_path: Path) -> None:
    """It is what delivers: its pushes are counted nowhere else."""
    told, bad, gone = worker.phones(3)
    apns.answer_always(bad, Answer.bad_device_token())
    apns.answer_always(gone, Answer.gone(time.time() + 60))
    with _running(tmp_path, worker.metrics.removesuffix("/metrics")) as url:
        until = time.monotonic() + 60
        while value(url, "live_activity_storage_up") is None:
            assert time.monotonic() < until, "nothing was scraped"
            time.sleep(0.2)
        worker.end()
        while empty := [each for each in EXPRESSIONS if not ask(url, each)]:
            assert time.monotonic() < until, empty
            time.sleep(0.5)
        delivered = 'sum(increase(live_activity_pushes_total{outcome="delivered"}[1m]))'
        while not value(url, delivered):
            assert time.monotonic() < until, "its push was not counted"
            time.sleep(0.2)
        refused = {
            (each["metric"]["outcome"], each["metric"]["reason"]): float(each["value"][1])
            for each in ask(url, 'live_activity_pushes_total{outcome!~"delivered|updated"}')
        }
    assert refused == {("retrying", "BadDeviceToken"): 1, ("given up", "Unregistered"): 1}
    assert told in {push.token for push in apns.accepted}


def test_a_worker_serves_metrics_only_where_it_is_told_to(apns: LocalApns, tmp_path: Path) -> None:
    with working(tmp_path, apns) as worker:
        assert "Metrics" not in worker.said


def test_the_address_can_be_chosen(apns: LocalApns, tmp_path: Path) -> None:
    with working(tmp_path, apns, "--metrics", "0", "--metrics-host", "127.0.0.7") as worker:
        assert worker.metrics.startswith("http://127.0.0.7:")
        with urlopen(worker.metrics, timeout=10) as answer:
            assert b"live_activity_storage_up 1.0" in answer.read()


def test_an_app_that_measures_itself_is_no_obstacle(apns: LocalApns, tmp_path: Path) -> None:
    with working(tmp_path, apns, "--metrics", "0", measures_itself=True) as worker:
        worker.phones(1)
        worker.end()
        told = b'live_activity_pushes_total{outcome="delivered",reason=""} 1.0'
        until = time.monotonic() + 30
        while told not in urlopen(worker.metrics, timeout=10).read():
            assert time.monotonic() < until, worker.said
            time.sleep(0.2)


def test_a_port_in_use_is_one_line_that_says_what_to_do(
    worker: Worker, apns: LocalApns, tmp_path: Path
) -> None:
    port = worker.metrics.split(":")[2].partition("/")[0]
    done = run_worker(tmp_path, apns, "--metrics", port)
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: Metrics cannot be served at port {port} of 127.0.0.1 (Address already in use): "
        "choose another with --metrics, or another address with --metrics-host.\n"
    )


def test_without_prometheus_client_it_names_the_line_to_install_it(
    apns: LocalApns, tmp_path: Path
) -> None:
    done = run_worker(tmp_path, apns, "--metrics", "0", without="prometheus_client")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: prometheus_client is not installed: "
        'pip install "flask-allmine-liveactivity[prometheus]"\n'
    )


def test_without_prometheus_client_a_worker_without_metrics_runs(
    apns: LocalApns, tmp_path: Path
) -> None:
    with working(tmp_path, apns, without="prometheus_client") as worker:
        worker.phones(1)
        worker.end()
        assert apns.wait_for(1)
