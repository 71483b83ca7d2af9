"""The manifests for Kubernetes, as kustomize renders them and as the schemas of Kubernetes have them. No cluster."""

import re
import subprocess
import sysconfig
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from every_route import every_route
from test_deploy import ROOT, STAGES, environment, of

from app.remote.address import address_of
from app.settings import OTHERS, PREFIX, Settings
from app.telemetry import TEXT, Telemetry

KUBECTL = Path(sysconfig.get_path("scripts"), "kubectl")
FOLDER = ROOT / "deploy" / "kubernetes"
WAYS = [".", *(f"overlays/{path.name}" for path in sorted((FOLDER / "overlays").iterdir()))]
# Kinds that others define; no package ships their schemas.
FROM_ELSEWHERE = {"ScaledObject", "ServiceMonitor", "HTTPRoute", "ServingRuntime", "InferenceService"}
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields} | OTHERS
OLDEST = "1.34"  # in which preStop may sleep
SLACK_S = 10  # of the grace, for the process to end and for the kubelet to notice


@cache
def rendered(way):
    text = subprocess.run([KUBECTL, "kustomize", FOLDER / way], capture_output=True, text=True, check=True).stdout
    return list(yaml.safe_load_all(text))


def kinds(way, kind):
    return [one for one in rendered(way) if one["kind"] == kind]


def pods(way):
    """The pods that serve, each with its container and what it belongs to."""
    found = [(one, one["spec"]["template"]["spec"]) for one in kinds(way, "Deployment")]
    found += [(one, one["spec"]) for one in kinds(way, "ServingRuntime")]
    return [(one, pod, pod["containers"][0]) for one, pod in found]


def settings_of(way, container):
    maps = {one["metadata"]["name"]: one["data"] for one in kinds(way, "ConfigMap")}
    given = {one["name"]: one["value"] for one in container.get("env", ())}
    for source in container.get("envFrom", ()):
        given |= maps[source["configMapRef"]["name"]] if "configMapRef" in source else {}
    return {name: value for name, value in given.items() if name.startswith(PREFIX)}


EACH_POD = [
    pytest.param(way, *one, id=f"{way}-{one[0]['metadata']['name']}".removeprefix("overlays/"))
    for way in WAYS
    for one in pods(way)
]


@pytest.fixture(scope="module")
def routes():
    return every_route()


@pytest.mark.parametrize("way", WAYS)
def test_what_is_rendered_is_valid(way):
    found = rendered(way)
    names = [(one["kind"], one["metadata"]["name"]) for one in found]
    assert len(set(names)) == len(names)
    for one in found:
        assert one["metadata"].get("namespace", "tessera") == "tessera"
        if one["kind"] not in FROM_ELSEWHERE:
            kubernetes_validate.validate(one, OLDEST, strict=True)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_referred_to_is_there(way):
    there = {(one["kind"], one["metadata"]["name"]) for one in rendered(way)}
    for one in kinds(way, "HorizontalPodAutoscaler") + kinds(way, "ScaledObject"):
        target = one["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) in there
    for route in kinds(way, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            assert all(("Service", one["name"]) in there for one in rule["backendRefs"])
    for deployment, pod, _ in pods(way):
        claims = [one["persistentVolumeClaim"] for one in pod["volumes"] if "persistentVolumeClaim" in one]
        assert all(("PersistentVolumeClaim", one["claimName"]) in there for one in claims)
        if deployment["kind"] == "Deployment":
            assert ("ServiceAccount", pod["serviceAccountName"]) in there
            labels = deployment["spec"]["template"]["metadata"]["labels"].items()
            selectors = [deployment["spec"]["selector"]["matchLabels"]]
            selectors += [one["labelSelector"]["matchLabels"] for one in pod["topologySpreadConstraints"]]
            assert all(one.items() <= labels for one in selectors)
            for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
                assert sum(selector(one).items() <= labels for one in kinds(way, kind)) == 1, kind


def selector(one):
    spec = one["spec"]
    found = spec.get("podSelector", spec.get("selector"))
    return found.get("matchLabels", found)


@pytest.mark.parametrize(("way", "owner", "pod", "container"), EACH_POD)
def test_a_pod_has_few_rights_and_limits_on_what_it_takes(way, owner, pod, container):
    together = {**pod.get("securityContext", {}), **container["securityContext"]}
    uid = re.search(r"--uid (\d+)", " ".join(of("service", "RUN")))
    assert uid
    assert together["runAsNonRoot"] is True
    assert together["runAsUser"] == int(uid[1])
    assert together["seccompProfile"] == {"type": "RuntimeDefault"}
    assert together["allowPrivilegeEscalation"] is False
    assert together["readOnlyRootFilesystem"] is True
    assert together["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"]["memory"]
    assert container["resources"]["requests"]["cpu"] == settings_of(way, container)["TESSERA_THREADS"]
    writable = {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")}
    assert writable <= {"/tmp", "/models"}
    assert ("/models" in writable) == ("TESSERA_MODELS_URL" in settings_of(way, container))
    if owner["kind"] == "Deployment":
        assert pod["automountServiceAccountToken"] is False
    # A service of the cluster that is called tessera would make settings that there are not.
    links = [pod, *(one["spec"]["predictor"] for one in kinds(way, "InferenceService"))]
    assert any(one.get("enableServiceLinks") is False for one in links)


@pytest.mark.parametrize(("way", "owner", "pod", "container"), EACH_POD)
def test_settings_are_known_and_can_be_read(way, owner, pod, container, monkeypatch):
    given = settings_of(way, container)
    assert given.keys() <= SETTINGS
    for name, value in {**environment("service"), **given}.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    assert settings.asks_for_keys
    assert settings.port == container["ports"][0]["containerPort"]
    mounts = {one["mountPath"] for one in container["volumeMounts"]} | {"/mnt/models"}  # which KServe mounts
    assert str(settings.models_dir) in mounts
    assert str(settings.keys_file.parent) in mounts
    committed = {path.name for path in (ROOT / "models").iterdir()}
    assert {*settings.required_models, *settings.models} <= committed
    if settings.models_url:
        assert address_of(settings.models_url).scheme == "s3"
        assert settings.follow_s


@pytest.mark.parametrize(("way", "owner", "pod", "container"), EACH_POD)
def test_a_pod_has_the_time_to_answer_what_it_admitted(way, owner, pod, container, monkeypatch):
    for name, value in settings_of(way, container).items():
        monkeypatch.setenv(name, value)
    (grace_s,) = {
        one["terminationGracePeriodSeconds"]
        for one in (pod, *(each["spec"]["predictor"] for each in kinds(way, "InferenceService")))
        if "terminationGracePeriodSeconds" in one
    }
    leaves_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert grace_s >= leaves_s + Settings.load().drain_timeout_s + SLACK_S
    if owner["kind"] == "Deployment":
        assert owner["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        readiness = container["readinessProbe"]
        assert leaves_s >= readiness["timeoutSeconds"]


@pytest.mark.parametrize(("way", "owner", "pod", "container"), EACH_POD)
def test_probes_ask_routes_that_need_no_key_and_liveness_asks_nothing_of_models(way, owner, pod, container, routes):
    is_open = {route.path for route in routes if route.is_open}
    probes = {
        kind: container[kind] for kind in ("startupProbe", "readinessProbe", "livenessProbe") if kind in container
    }
    assert {"readinessProbe", "livenessProbe"} <= probes.keys()
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    for kind, probe in probes.items():
        asked = probe["httpGet"]
        assert asked["path"] in is_open
        assert asked["path"].endswith("ready") == (kind == "readinessProbe")
        assert asked["port"] in ports or asked["port"] in ports.values()


def test_pools_hold_each_model_once_and_each_has_its_way(routes):
    held = {}
    for deployment, _, container in pods("overlays/pools"):
        for model in settings_of("overlays/pools", container)["TESSERA_MODELS"].split(","):
            assert held.setdefault(model, deployment["metadata"]["name"]) == deployment["metadata"]["name"]
    assert set(held) == {path.parent.name for path in (ROOT / "models").glob("*/[0-9]*") if is_committed(path)}
    (route,) = kinds("overlays/pools", "HTTPRoute")
    *rules, rest = route["spec"]["rules"]
    known = {re.sub(r"\{\w+\}", "{}", one.path) for one in routes}
    led = {}
    for rule in rules:
        for match in rule["matches"]:
            prefix, _, model = match["path"]["value"].rpartition("/")
            assert any(path.startswith(f"{prefix}/{{}}") for path in known), prefix
            led.setdefault(model, set()).add(prefix)
            assert held[model] == rule["backendRefs"][0]["name"]
        assert len(rule["matches"]) <= 8  # as many as the API of gateways allows for each rule
    assert all(prefixes == {"/v1/models", "/v2/models", "/hf/models"} for prefixes in led.values())
    assert {held[model] for model in held.keys() - led.keys()} == {rest["backendRefs"][0]["name"]}


def is_committed(version):
    return bool(subprocess.run(["git", "ls-files", version], cwd=ROOT, capture_output=True, check=True).stdout)


def test_autoscalers_go_by_a_metric_that_the_service_tells():
    (autoscaler,) = kinds(".", "HorizontalPodAutoscaler")
    (scaled,) = kinds("overlays/keda", "ScaledObject")
    assert not kinds("overlays/keda", "HorizontalPodAutoscaler")
    metric = autoscaler["spec"]["metrics"][0]["pods"]["metric"]["name"]
    assert metric in scaled["spec"]["triggers"][0]["metadata"]["query"]
    assert metric in (ROOT / "docs" / "kubernetes.md").read_text()
    telemetry = Telemetry()
    telemetry.observer("some-model", 1)
    assert f"# TYPE {metric} gauge" in telemetry.render(TEXT).decode()


def test_the_images_are_those_that_are_built():
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    images = {
        container["image"]
        for way in WAYS
        for one in (*kinds(way, "Deployment"), *kinds(way, "Job"))
        for container in one["spec"]["template"]["spec"]["containers"]
    } | {container["image"] for _, _, container in pods("overlays/kserve")}
    assert images == {f"{name}:{version[1]}" for name in ("tessera", "tessera-gpu", "tessera-models")}
    assert {"service", "models"} <= STAGES.keys()


def test_the_job_may_only_write_the_volume():
    for way in (".", "overlays/pools", "overlays/kserve"):
        (job,) = kinds(way, "Job")
        pod = job["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert [one["mountPath"] for one in container["volumeMounts"]] == ["/models"]
    assert not kinds("overlays/remote-models", "Job")
    assert not kinds("overlays/remote-models", "PersistentVolumeClaim")
