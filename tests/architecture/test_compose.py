"""docker-compose.yml and deploy/Dockerfile name only what exists, and leave no door open.

No container engine is needed. The file is held against the Compose Specification's own schema
(`compose_schema.json`, unchanged from schema/compose-spec.json of github.com/compose-spec, under
`compose_schema.LICENSE`), and everything it names is held against the product. A real Kafka is
started with the broker's variables in tests/integration/test_compose_kafka.py. What neither can
show: that the images can be pulled and built.
"""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from detector.settings import Settings, load
from tests.support import kafka as real_kafka
from tests.support.ports import LOOPBACK

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = Path(__file__).with_name("compose_schema.json")
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
EVERY = sorted(SERVICES)
PINNED = re.compile(r"^[a-z0-9./-]+:v?\d+(\.\d+)+(-[a-z0-9]+)*$")


def product_settings(name: str) -> Settings:
    """Read a service's settings as the process in the container would."""
    env = {key: value for key, value in image_environment().items() if key.startswith("DETECTOR_")}
    env |= SERVICES[name].get("environment", {})
    mounted = {f"/run/secrets/{secret}" for secret in SERVICES[name].get("secrets", [])}
    # Some file stands for what is mounted in the container alone.
    return load(None, {key: __file__ if it in mounted else it for key, it in env.items()})


def instructions(text: str = DOCKERFILE) -> list[tuple[str, str]]:
    """Instructions of a Dockerfile with their arguments, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def image_environment() -> dict[str, str]:
    """Variables that the image itself sets."""
    pairs = [pair for word, rest in instructions() if word == "ENV" for pair in rest.split()]
    return dict(pair.split("=", 1) for pair in pairs)


def published(name: str) -> list[tuple[str, int, int]]:
    """Host address, host port and container port of each published port."""
    ports = [port.rsplit(":", 2) for port in SERVICES[name].get("ports", [])]
    return [(host, int(outer), int(inner)) for host, outer, inner in ports]


def environment_list(name: str, variable: str) -> dict[str, tuple[str, int]]:
    """Kafka's listeners by name: host and port."""
    entries = re.findall(r"(\w+)://([^:,]*):(\d+)", SERVICES[name]["environment"][variable])
    return {listener: (host, int(port)) for listener, host, port in entries}


def test_the_file_follows_the_compose_specification() -> None:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert [] == [error.message for error in validator.iter_errors(COMPOSE)]


def test_the_schema_refuses_a_misspelt_key() -> None:
    wrong = {"services": {"a": {"image": "a:1", "depend_on": ["b"]}}}
    assert not Draft202012Validator(json.loads(SCHEMA.read_text())).is_valid(wrong)


def test_the_services_are_the_broker_two_workers_an_actuator_an_api_and_the_watchers() -> None:
    expected = {"kafka", "topics", "detector-1", "detector-2", "actuator", "api"}
    assert expected | {"prometheus", "alertmanager", "grafana"} == set(SERVICES)
    commands = {name: SERVICES[name]["command"] for name in OURS}
    assert commands == {
        "topics": ["topics", "create"],
        "detector-1": ["run"],
        "detector-2": ["run"],
        "actuator": ["actuate"],
        "api": ["api"],
    }


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name: str) -> None:
    command = [sys.executable, "-m", "detector", *SERVICES[name]["command"], "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)


def test_the_image_starts_the_command_line() -> None:
    assert ("ENTRYPOINT", '["detector"]') in instructions()
    assert all("entrypoint" not in SERVICES[name] for name in OURS)


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_with_a_value_that_it_takes(name: str) -> None:
    """``load`` refuses names and values it does not know, all at once."""
    product_settings(name)
    known = variables()
    assert [] == [key for key in SERVICES[name]["environment"] if key not in known]


def variables() -> set[str]:
    """Every environment variable that sets something."""
    names: set[str] = set()
    for name, field in Settings.model_fields.items():
        members = getattr(field.annotation, "model_fields", None)
        names |= {f"{name}__{member}" for member in members} if members else {name}
    return {f"DETECTOR_{name}".upper() for name in names}


def test_each_worker_has_its_own_identity() -> None:
    names = ["detector-1", "detector-2", "actuator", "api"]
    assert [*names[:2], "actuator-1", "api-1"] == [
        product_settings(name).worker_id for name in names
    ]


def test_nothing_is_done_unless_somebody_changes_the_file() -> None:
    assert {"observe"} == {product_settings(name).mode.value for name in OURS}
    assert "dry-run" == product_settings("actuator").actuator.executor


@pytest.mark.parametrize("name", OURS)
def test_the_product_talks_to_the_broker_by_its_inner_listener(name: str) -> None:
    host, port = environment_list("kafka", "KAFKA_ADVERTISED_LISTENERS")["INTERNAL"]
    assert f"{host}:{port}" == product_settings(name).broker
    assert SERVICES["kafka"]["hostname"] == host
    assert "broker" in SERVICES[name]["networks"]
    assert "broker" in SERVICES["kafka"]["networks"]


def test_the_host_reaches_the_broker_at_the_address_it_is_told() -> None:
    host, port = environment_list("kafka", "KAFKA_ADVERTISED_LISTENERS")["HOST"]
    inner = environment_list("kafka", "KAFKA_LISTENERS")["HOST"][1]
    assert [(LOOPBACK, port, inner)] == published("kafka")
    assert "localhost" == host


@pytest.mark.parametrize("name", ["detector-1", "detector-2", "actuator", "api"])
def test_metrics_are_reachable_between_containers_and_checked_on_loopback(name: str) -> None:
    telemetry = product_settings(name).telemetry
    assert "0.0.0.0" == telemetry.metrics_host  # noqa: S104 - inside the container's network
    probe = SERVICES[name]["healthcheck"]["test"][-1]
    assert f"http://{LOOPBACK}:{telemetry.metrics_port}/readyz" in probe
    inner = [inner for _, _, inner in published(name)]
    assert {telemetry.metrics_port} == set(inner) - {product_settings(name).api.port}
    assert ("EXPOSE", str(telemetry.metrics_port)) in instructions()


def test_prometheus_scrapes_every_process_of_ours() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    targets = {
        job["job_name"]: [target for group in job["static_configs"] for target in group["targets"]]
        for job in config["scrape_configs"]
    }
    ports = {name: product_settings(name).telemetry.metrics_port for name in OURS}
    assert [f"{name}:{ports[name]}" for name in ("detector-1", "detector-2")] == targets["detector"]
    assert [f"actuator:{ports['actuator']}"] == targets["actuator"]
    assert [f"api:{ports['api']}"] == targets["api"]


def test_the_watchers_find_each_other() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    [alertmanager] = config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert f"alertmanager:{published('alertmanager')[0][2]}" == alertmanager
    provisioning = ROOT / "deploy/grafana/provisioning"
    [source] = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    assert f"http://prometheus:{published('prometheus')[0][2]}" == source["url"]
    [provider] = yaml.safe_load((provisioning / "dashboards/detector.yml").read_text())["providers"]
    mounted = {
        volume.split(":")[1]: volume.split(":")[0] for volume in SERVICES["grafana"]["volumes"]
    }
    folder = mounted[provider["options"]["path"]]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / folder / Path(home).name).is_file()


def test_every_mounted_file_exists_and_is_read_only() -> None:
    mounts = [volume.split(":") for each in SERVICES.values() for volume in each.get("volumes", [])]
    binds = [mount for mount in mounts if mount[0].startswith(".")]
    assert [] == [source for source, *_ in binds if not (ROOT / source).exists()]
    assert {"ro"} == {mount[2] for mount in binds}
    named = {mount[0] for mount in mounts if not mount[0].startswith(".")}
    assert set(COMPOSE["volumes"]) == named


@pytest.mark.parametrize("name", EVERY)
def test_ports_are_published_on_loopback_alone(name: str) -> None:
    assert [] == [host for host, _, _ in published(name) if host != LOOPBACK]


def test_no_two_services_publish_the_same_port() -> None:
    outer = [port for name in EVERY for _, port, _ in published(name)]
    assert sorted(set(outer)) == sorted(outer)


@pytest.mark.parametrize("name", EVERY)
def test_a_service_can_change_nothing_but_its_data(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert ["ALL"] == service["cap_drop"]
    assert ["no-new-privileges:true"] == service["security_opt"]
    assert str(service["user"]).split(":")[0] not in {"", "0", "root"}
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc"} & set(service)


@pytest.mark.parametrize("name", EVERY)
def test_a_service_is_pinned_bounded_and_restarted(name: str) -> None:
    service = SERVICES[name]
    assert PINNED.match(service["image"])
    assert {"cpus", "memory", "pids"} == set(service["deploy"]["resources"]["limits"])
    assert ("no" if name == "topics" else "unless-stopped") == service["restart"]
    assert {"max-size", "max-file"} == set(service["logging"]["options"])


@pytest.mark.parametrize("name", EVERY)
def test_a_service_waits_for_a_condition_that_can_come_true(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        probed = "test" in SERVICES[other].get("healthcheck", {})
        ends = SERVICES[other]["restart"] == "no"
        expected = "service_completed_successfully" if ends else "service_healthy"
        assert expected == wait["condition"]
        assert probed or ends


def test_nothing_in_the_file_is_a_secret() -> None:
    keys = [key for each in SERVICES.values() for key in each.get("environment", {})]
    told = [key for key in keys if re.search(r"PASSWORD|SECRET_|TOKEN|_KEY", key)]
    assert [] == [key for key in told if not key.endswith("_FILE")]


def test_a_secret_is_a_file_that_git_does_not_know() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    files = [secret["file"] for secret in COMPOSE["secrets"].values()]
    assert [] == [file for file in files if file.removeprefix("./") not in ignored]
    used = {secret for each in SERVICES.values() for secret in each.get("secrets", [])}
    assert set(COMPOSE["secrets"]) == used


def test_the_api_is_started_only_when_it_is_asked_for_and_answers_whoever_has_a_key() -> None:
    assert {"api": ["api"]} == {
        name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service
    }
    section = product_settings("api").api
    assert section.asks_for_keys
    assert section.port in [inner for _, _, inner in published("api")]
    assert ("EXPOSE", str(section.port)) in instructions()
    volume, _, directory = SERVICES["api"]["volumes"][0].partition(":")
    assert volume in COMPOSE["volumes"]
    assert product_settings("api").history.path.is_relative_to(directory)
    assert any(directory in rest for word, rest in instructions() if word == "RUN")


def test_the_image_is_built_from_files_that_exist_and_from_the_lock_alone() -> None:
    copies = [rest.split() for word, rest in instructions() if word == "COPY"]
    sources = [source for copy in copies if "--from=build" not in copy for source in copy[:-1]]
    assert [] == [source for source in sources if not (ROOT / source).exists()]
    installs = re.findall(r"pip install ([^&]*)", " && ".join(rest for _, rest in instructions()))
    assert [
        "--require-hashes --requirement deploy/requirements.lock",
        "--no-deps --no-build-isolation --no-index .",
    ] == [" ".join(install.split()) for install in installs]
    assert "deploy/requirements.lock" in sources


def test_only_what_the_image_needs_is_sent_to_the_engine() -> None:
    ignore = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    copies = [rest.split() for word, rest in instructions() if word == "COPY"]
    sources = {copy[0] for copy in copies if "--from=build" not in copy}
    assert {"*"} | {f"!{source}" for source in sources} | {"**/__pycache__"} == set(ignore[1:])


def test_the_project_installs_from_the_files_that_the_image_copies(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for word, rest in instructions():
        if word == "COPY" and "--from=build" not in rest and rest.split()[0] == rest.split()[1]:
            name = rest.split()[0]
            into = source / name
            into.parent.mkdir(parents=True, exist_ok=True)
            origin = ROOT / name
            (shutil.copytree if origin.is_dir() else shutil.copy)(origin, into)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "."]
    command = [sys.executable, "-m", "pip", "wheel", "--wheel-dir", str(tmp_path), *options]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert "detector/__main__.py" in archive.namelist()


def test_the_image_runs_as_nobody_in_particular_on_python_3_11() -> None:
    words = [word for word, _ in instructions()]
    last_stage = instructions()[len(words) - 1 - words[::-1].index("FROM") :]
    [user] = [rest for word, rest in last_stage if word == "USER"]
    assert {user} == {SERVICES[name]["user"] for name in OURS}
    bases = {rest.split()[0] for word, rest in instructions() if word == "FROM"}
    assert {"python:3.11-slim"} == bases


def test_the_shipped_rules_lie_where_the_image_looks() -> None:
    target = image_environment()["DETECTOR_RULES_DIR"]
    assert ("COPY", f"deploy/rules {target}") in instructions()


def test_the_image_carries_the_version_of_the_project() -> None:
    found = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert found
    assert {f"grayfail-detector:{found[1]}"} == {SERVICES[name]["image"] for name in OURS}


def test_the_broker_is_the_release_that_is_tested() -> None:
    versions = re.findall(
        r"<version>(4[\d.]+)</version>", (real_kafka.DEFINITION / "pom.xml").read_text()
    )
    assert {SERVICES["kafka"]["image"]} == {f"apache/kafka:{version}" for version in versions}
