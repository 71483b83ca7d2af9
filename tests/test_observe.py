"""Alert rules, dashboard and the profile of compose that shows them: what they ask for is there, and is tried."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families
from services import PREDICT, Service, free_port
from waiting import eventually

from app.drift.comparison import MeasuredDrift
from app.settings import TracingSettings
from app.telemetry import Telemetry
from app.telemetry.drift import DriftCounts, WatchedDrift
from app.telemetry.generation import GenerationObserver

ROOT = Path(__file__).parents[1]
OBSERVE = ROOT / "deploy" / "observe"
RULES = yaml.safe_load((OBSERVE / "rules.yml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
RECORDED = {rule["record"] for group in RULES["groups"] for rule in group["rules"] if "record" in rule}
BOARD = json.loads((OBSERVE / "grafana" / "dashboards" / "tessera.json").read_text())
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SHOWN = {name: one for name, one in COMPOSE["services"].items() if one.get("profiles") == ["observe"]}
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")

QUERIES = {
    f"{panel['title']}: {target['legendFormat']}": target["expr"]
    for panel in BOARD["panels"]
    for target in panel.get("targets", ())
}
ASKED = {
    **{rule.get("alert") or rule["record"]: rule["expr"] for group in RULES["groups"] for rule in group["rules"]},
    **QUERIES,
}
METRIC = re.compile(r"\b(tessera_\w+|process_\w+|up)\b(?:\{([^}]*)\})?")
BY_PROMETHEUS = {"job", "instance"}


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """The labels of each sample that the service tells, once everything has happened that it counts."""
    telemetry = Telemetry()
    observer = telemetry.observer("m", 1)
    observer.watch(lambda: 0, lambda: True)
    observer.batch(1, 1, 1.0, 0.1, [0.1])
    for reason in ("queue", "wait"):
        observer.refused(reason, 1)
        observer.dropped(reason, 1)
    observer.failed(1)
    observer.worker_died()
    observer.load_failed()
    writes = GenerationObserver(telemetry.generation, "m", "1")
    writes.watch(lambda: 0, lambda: 0)
    writes.stepped(1, 1, 0.1)
    writes.began(1, 0.1)
    writes.first_token(0.1)
    writes.ended("read", "abandoned")
    telemetry.request("POST", "/v1/models/{model}/predict", 200, 0.1, "m", "id")
    telemetry.key_requests.labels("laptop").inc()
    drifted = MeasuredDrift("tokens", 500, 0.1, 0.1)
    telemetry.drift.watched["m", "1"] = WatchedDrift(DriftCounts(), lambda: [drifted])
    telemetry.events.refused.labels("EventsUnavailable").inc()
    found: dict[str, set[str]] = {"up": set()}
    for family in text_string_to_metric_families(telemetry.render().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("query", [pytest.param(query, id=name) for name, query in ASKED.items()])
def test_each_metric_and_label_that_is_asked_for_is_told(query, labels):
    asked = METRIC.findall(query)
    assert asked or re.findall(r"tessera:[\w:]+", query)
    assert set(re.findall(r"tessera:[\w:]+", query)) <= RECORDED
    of_all = set().union(*(labels[name] for name, _ in asked)) | BY_PROMETHEUS
    for name, matchers in asked:
        assert set(re.findall(r"(\w+)\s*[=!]", re.sub(r'"[^"]*"', '""', matchers))) <= labels[name] | BY_PROMETHEUS, (
            name
        )
    grouped = re.findall(r"(?:by|on) \(([^)]*)\)", query)
    assert {one.strip() for group in grouped for one in group.split(",")} <= of_all


def test_each_bound_of_a_bucket_that_is_asked_for_is_there():
    telemetry = Telemetry()
    telemetry.request("POST", "r", 200, 0.1, "m", "id")
    for bound in set(re.findall(r'le="([^"]+)"', " ".join(ASKED.values()))):
        assert f'le="{bound}"' in telemetry.render().decode()


def test_each_alert_says_how_bad_it_is_and_what_to_do():
    page = (ROOT / "docs" / "observing.md").read_text()
    anchors = {
        re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    }
    for rule in ALERTS:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        file, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert file == "docs/observing.md"
        assert anchor in anchors, rule["alert"]
        assert rule["annotations"]["summary"]
    tried = {
        one["alertname"]
        for test in yaml.safe_load((OBSERVE / "rules_test.yml").read_text())["tests"]
        for one in test["alert_rule_test"]
        if one["exp_alerts"]
    }
    assert tried == {rule["alert"] for rule in ALERTS}


@pytest.mark.skipif(not PROMTOOL, reason="there is no promtool")
@pytest.mark.parametrize("command", [("check", "config"), ("test", "rules")], ids=" ".join)
def test_prometheus_own_tool_finds_nothing_wrong(command):
    file = "prometheus.yml" if "config" in command else "rules_test.yml"
    ended = subprocess.run([str(PROMTOOL), *command, OBSERVE / file], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@contextmanager
def prometheus(service: Service, scratch: Path) -> Iterator[str]:
    """A real one, with our configuration, that reads the metrics of a service every half a second."""
    configured = yaml.safe_load((OBSERVE / "prometheus.yml").read_text())
    configured["global"] = {"scrape_interval": "500ms", "evaluation_interval": "1s"}
    configured["rule_files"] = [str(OBSERVE / "rules.yml")]
    configured["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{service.port}"]
    (scratch / "prometheus.yml").write_text(json.dumps(configured))
    address = f"127.0.0.1:{free_port()}"
    command = [
        PROMETHEUS, f"--config.file={scratch / 'prometheus.yml'}", f"--storage.tsdb.path={scratch / 'data'}",
        f"--web.listen-address={address}", "--enable-feature=exemplar-storage", "--log.level=error",
    ]  # fmt: skip
    process = subprocess.Popen(command)
    try:
        yield f"http://{address}/api/v1"
    finally:
        process.terminate()
        process.wait(20)


def told(url: str, path: str, **parameters: Any) -> Any:
    reply = httpx.get(f"{url}/{path}", params=parameters).json()
    assert reply["status"] == "success", (reply, parameters)
    return reply["data"]


def has(url: str, query: str) -> bool:
    try:
        reply = httpx.get(f"{url}/query", params={"query": query})
    except httpx.TransportError:
        return False
    return reply.status_code == 200 and bool(reply.json()["data"]["result"])  # 503 while it starts


@pytest.mark.skipif(not PROMETHEUS, reason="there is no prometheus")
def test_a_real_prometheus_reads_the_service_evaluates_the_rules_and_answers_every_panel(models_dir, tmp_path):
    service = Service(models_dir)
    try:
        eventually(service.is_ready, 90)
        with prometheus(service, tmp_path) as url:
            eventually(lambda: has(url, 'tessera_model_ready{job="tessera"} == 1'), 60)
            for text in ("a good film", 3):  # the second is refused
                httpx.post(service.url + PREDICT, json={"inputs": [text]})
            answered = 'rate(tessera_request_seconds_count{model="tiny-sentiment",status="200"}[1m]) >= 0'
            eventually(lambda: has(url, answered), 60)
            eventually(lambda: all(one["health"] == "ok" for one in rules_of(url)), 60)
            assert len(rules_of(url)) == len(ALERTS) + len(RECORDED)
            firing = {one["name"] for one in rules_of(url) if one.get("state") == "firing"}
            assert firing == set()
            for query in QUERIES.values():
                for name, value in {"$job": "tessera", "$model": ".*", "$__rate_interval": "1m"}.items():
                    query = query.replace(name, value)
                told(url, "query", query=query)
            assert has(url, 'tessera_queue_wait_seconds{model="tiny-sentiment",version="1"} == 0')
    finally:
        service.close()


def rules_of(url: str) -> list[dict[str, Any]]:
    return [rule for group in told(url, "rules")["groups"] for rule in group["rules"]]


def test_the_dashboard_is_what_its_script_writes_and_what_grafana_reads(tmp_path):
    for file in ("make-dashboard", "grafana/dashboards/tessera.json"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(OBSERVE / file, tmp_path / file)
    (tmp_path / "grafana" / "dashboards" / "tessera.json").write_text("{}")
    subprocess.run([sys.executable, tmp_path / "make-dashboard"], check=True, timeout=120)
    assert json.loads((tmp_path / "grafana" / "dashboards" / "tessera.json").read_text()) == BOARD
    assert json.loads(JSONEncoder().encode(Dashboard.from_json(BOARD))) == BOARD


def test_panels_lie_beside_each_other_and_ask_the_chosen_prometheus():
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or panel["datasource"] == {"type": "prometheus", "uid": "${source}"}
    assert {one["name"] for one in BOARD["templating"]["list"]} == {"source", "job", "model"}


@pytest.mark.parametrize("name", SHOWN)
def test_what_shows_it_is_pinned_reached_from_this_machine_only_and_has_no_password(name):
    service = SHOWN[name]
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"])
    assert all(port.startswith("127.0.0.1:${") for port in service["ports"])
    assert service["read_only"] is True
    assert not [one for one in service.get("environment", {}) if "PASSWORD" in one]
    for volume in service.get("volumes", ()):
        source, _, options = volume.partition(":")
        assert source in COMPOSE["volumes"] or ((ROOT / source).exists() and options.endswith(":ro")), volume


def test_there_is_no_admin_of_grafana_and_everybody_may_only_look():
    given = SHOWN["grafana"]["environment"]
    assert given["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == given["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert "GF_AUTH_ANONYMOUS_ORG_ROLE" not in given  # Viewer


def test_what_is_provisioned_is_what_there_is():
    provisioning = OBSERVE / "grafana" / "provisioning"
    sources = yaml.safe_load((provisioning / "datasources" / "tessera.yml").read_text())["datasources"]
    for source in sources:
        host, _, port = source["url"].removeprefix("http://").partition(":")
        assert host in SHOWN
        assert SHOWN[host]["ports"][0].endswith(f":{port}")
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "tessera.yml").read_text())["providers"]
    mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in SHOWN["grafana"]["volumes"]}
    assert mounted[provider["options"]["path"]] == "./deploy/observe/grafana/dashboards"
    (job,) = yaml.safe_load((OBSERVE / "prometheus.yml").read_text())["scrape_configs"]
    assert job["static_configs"][0]["targets"] == ["service:8000"]
    assert "service" in COMPOSE["services"]


def test_the_service_of_compose_is_given_settings_of_traces_that_it_has():
    given = {name for name in COMPOSE["services"]["service"]["environment"] if name.startswith("OTEL_")}
    assert given <= {f"OTEL_{name.upper()}" for name in TracingSettings.model_fields}
