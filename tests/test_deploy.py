"""The images and compose files by what they say; `deploy/try-images` tries them with an engine."""

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from app.api.health import ROUTES
from app.settings import OTHERS, PREFIX, Settings

ROOT = Path(__file__).parents[1]
DEPLOY = sorted((ROOT / "deploy").iterdir())
SCRIPTS = [path for path in DEPLOY if path.is_file() and not path.suffix]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields} | OTHERS
KEEPS_UP = "service_completed_successfully"
SERVES = ("tune", "service")


def stages() -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage of the Dockerfile, those it is built from first."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, list[tuple[str, str]]] = {}
    for line in filter(None, text.splitlines()):
        instruction, _, rest = line.strip().partition(" ")
        if instruction == "FROM":
            source, _, name = rest.partition(" AS ")
            found[name] = list(found.get(source, ()))
            stage = found[name]
        stage.append((instruction, rest.strip()))
    return found


STAGES = stages()
IMAGES = ("models", "service", "training")


def of(image: str, instruction: str) -> list[str]:
    return [rest for name, rest in STAGES[image] if name == instruction]


def environment(image: str) -> dict[str, str]:
    return dict(word.split("=", 1) for line in of(image, "ENV") for word in shlex.split(line))


def compose(*files: str) -> dict[str, Any]:
    """The services of compose files, put together as compose does: mappings are merged."""
    together: dict[str, Any] = {}
    for file in files:
        for name, service in yaml.safe_load((ROOT / file).read_text())["services"].items():
            together[name] = merged(together.get(name, {}), service)
    return together


def merged(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: merged(one.get(key), other[key]) if key in other else one[key] for key in {**one, **other}}
    return other


CPU = compose("docker-compose.yml")
GPU = compose("docker-compose.yml", "docker-compose.gpu.yml")
OURS = {name: service for name, service in CPU.items() if "build" in service}
"""The services whose images are made here; test_observe.py looks at the others."""
EACH = [pytest.param(name, service, id=name) for name, service in CPU.items()]


def ignored(path: str) -> bool:
    """Whether the file is kept from the engine by .dockerignore: its last line that matches decides."""
    kept = False
    for line in (ROOT / ".dockerignore").read_text().split():
        pattern = line.removeprefix("!")
        if pattern == "*" or path == pattern or path.startswith(f"{pattern}/") or fnmatch.fnmatch(path, pattern):
            kept = line.startswith("!")
    return not kept


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_nobody_in_particular_and_reports_to_nobody(image):
    assert STAGES[image][-1][0] in ("CMD", "ENTRYPOINT")
    assert of(image, "USER") == ["tessera"]
    assert environment(image)["ORT_DISABLE_TELEMETRY"] == "1"


@pytest.mark.parametrize("image", ["models", "service"])
def test_nothing_can_be_installed_in_what_serves(image):
    assert "--without-pip" in " ".join(of("build", "RUN"))
    assert "pip uninstall" in " ".join(of(image, "RUN"))


@pytest.mark.parametrize("image", IMAGES)
def test_the_locale_that_string_normalisers_ask_for_is_there(image):
    assert "--from=build /usr/lib/locale/en_US.utf8 /usr/lib/locale/en_US.utf8" in of(image, "COPY")


def test_what_the_images_are_made_of_is_there_and_sent_to_the_engine():
    sources = [
        word for stage in STAGES for line in of(stage, "COPY") if "--from" not in line for word in line.split()[:-1]
    ]
    assert {"app", "training", "models", "pyproject.toml"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        files = [ROOT / source] if (ROOT / source).is_file() else (ROOT / source).glob("*/*")
        assert any(not ignored(str(file.relative_to(ROOT))) for file in files), source
    assert all(ignored(path) for path in ("keys.json", ".git/config", ".venv/bin/python", "models/my-own/1/model.onnx"))


def test_settings_of_images_and_services_are_known():
    given = {name for image in IMAGES for name in environment(image)}
    given |= {name for service in (*CPU.values(), *GPU.values()) for name in service.get("environment", {})}
    assert {name for name in given if name.startswith(PREFIX)} <= SETTINGS
    known = (PREFIX, "OTEL_")
    assert all(name.startswith(known) for service in OURS.values() for name in service.get("environment", {}))


def test_the_health_of_the_service_is_asked_where_no_key_is_needed():
    (check,) = of("service", "HEALTHCHECK")
    address = re.search(r"'http'\) \+ '://127\.0\.0\.1:(\d+)(/[\w/]+)", check)
    assert address
    assert address[1] == environment("service")["TESSERA_PORT"]
    assert address[2] in {route.path for route in ROUTES if route.is_open}


@pytest.mark.parametrize(("name", "service"), EACH)
def test_a_container_has_few_rights_and_limits_on_what_it_takes(name, service):
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service["mem_limit"]
    assert service["pids_limit"] >= 1024  # threads count, and each model has as many as there are cores
    assert {"max-size", "max-file"} <= service["logging"]["options"].keys()
    assert name not in OURS or service["build"]["target"] in STAGES
    assert service.get("read_only") is True or name == "training"


def test_only_the_service_is_published_and_only_on_loopback():
    ports = {name: service["ports"] for name, service in OURS.items() if "ports" in service}
    assert ports == {"service": ["127.0.0.1:${PORT:-8000}:8000"]}
    assert f":{environment('service')['TESSERA_PORT']}" in ports["service"][0]


def test_the_service_can_read_the_models_and_not_change_them():
    assert "models:/models:ro" in CPU["service"]["volumes"]
    for name, service in OURS.items():
        volumes = {volume.split(":")[1] for volume in service["volumes"]}
        declared = {path for line in of(service["build"]["target"], "VOLUME") for path in yaml.safe_load(line)}
        assert volumes <= declared | {"/models"}, name


def needed(name: str) -> set[str]:
    """Return the services that must have ended well before a service is started."""
    return {other for one in CPU[name].get("depends_on", {}) for other in (one, *needed(one))}


def test_the_service_waits_for_the_copied_models_and_for_nothing_else():
    assert needed("service") == {"models"}
    assert needed("tune") == {"models", "service"}  # or it would be measured while it loads
    assert "--when-idle" in CPU["tune"]["entrypoint"][-1]
    assert float(CPU["service"]["environment"]["TESSERA_FOLLOW_S"]) > 0  # takes up what is published and measured


def test_training_is_a_profile_of_its_own_that_nothing_waits_for():
    assert [name for name, service in CPU.items() if service.get("profiles") == ["training"]] == ["training"]
    assert not any("training" in needed(name) for name in CPU)
    assert "training.beside" in " ".join(of("training", "CMD"))


@pytest.mark.parametrize("services", [pytest.param(CPU, id="cpu"), pytest.param(GPU, id="gpu")])
def test_what_is_measured_is_what_serves(services):
    """Or the plan would have another fingerprint."""
    measured, serving = (
        {key: services[name].get(key) for key in ("image", "build", "cpus", "mem_limit", "deploy")} for name in SERVES
    )
    assert measured == serving
    assert services["tune"].get("environment", {}).items() <= services["service"]["environment"].items()
    assert "models:/models" in services["tune"]["volumes"]


def test_the_image_for_gpus_is_made_for_gpus_and_gets_one():
    for name in SERVES:
        assert GPU[name]["build"]["args"]["RUNTIME"] in PROJECT["optional-dependencies"]
        (device,) = GPU[name]["deploy"]["resources"]["reservations"]["devices"]
        assert device["capabilities"] == ["gpu"]
        assert GPU[name]["image"] != CPU[name]["image"]


def test_the_time_to_stop_is_longer_than_the_time_to_answer_what_was_admitted():
    grace_s = float(CPU["service"]["stop_grace_period"].removesuffix("s"))
    assert grace_s >= Settings.model_fields["drain_timeout_s"].default + 5


def test_arguments_of_builds_are_arguments_of_the_dockerfile():
    for service in (*OURS.values(), *(GPU[name] for name in OURS)):
        arguments = {line.partition("=")[0] for stage in STAGES for line in of(stage, "ARG")}
        assert service["build"].get("args", {}).keys() <= arguments


def test_no_index_of_packages_is_named():
    assert "ARG TORCH_INDEX=\n" in (ROOT / "Dockerfile").read_text()
    for file in ("Dockerfile", "docker-compose.yml", "docker-compose.gpu.yml", "Makefile"):
        assert not re.search(r"https?://(?!127\.0\.0\.1)", (ROOT / file).read_text()), file


@pytest.mark.parametrize("script", [pytest.param(path, id=path.name) for path in SCRIPTS])
def test_scripts_can_be_run_and_read(script):
    interpreter = script.read_text().splitlines()[0]
    assert os.access(script, os.X_OK)
    if "python" in interpreter:
        compile(script.read_text(), script, "exec")
    else:
        shell = interpreter.removeprefix("#!").split("/")[-1]
        subprocess.run([shell, "-n", script], check=True)


def test_the_runtime_for_gpus_brings_its_cuda_libraries():
    runtime = next(one for one in map(Requirement, PROJECT["optional-dependencies"]["gpu"]) if "gpu" in one.name)
    assert runtime.extras == {"cuda", "cudnn"}


def test_a_runtime_without_cuda_is_no_runtime_for_gpus():
    checked = subprocess.run([sys.executable, ROOT / "deploy" / "check-cuda"], capture_output=True, text=True)
    assert checked.returncode == 1
    assert checked.stderr == "this onnxruntime has no CUDA provider; install the extra `gpu`\n"


@pytest.mark.skipif(not shutil.which("docker"), reason="there is no docker")
@pytest.mark.parametrize("files", [["docker-compose.yml"], ["docker-compose.yml", "docker-compose.gpu.yml"]], ids=len)
def test_compose_can_read_its_files(files):
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("there is no docker compose")
    options = [word for file in files for word in ("-f", file)]
    subprocess.run(["docker", "compose", *options, "config", "--quiet"], cwd=ROOT, check=True)
