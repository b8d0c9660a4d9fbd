"""The broker of docker-compose.yml starts with the variables that the file gives it.

Kafka's image renders variables to a configuration with a program that lies in Kafka's own jars, so
the same program and the same Kafka can be run without a container engine. Only hosts, ports and the
data folder are moved.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from confluent_kafka.admin import AdminClient

from tests.support import kafka as real_kafka
from tests.support.ports import LOOPBACK, free_ports

ROOT = Path(__file__).resolve().parents[2]


def moved_environment(data: Path) -> tuple[dict[str, str], list[str]]:
    """Return the file's variables on free loopback ports, and the listeners that clients use."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    variables: dict[str, str] = compose["services"]["kafka"]["environment"]
    address = re.compile(r"\b(kafka|localhost|0\.0\.0\.0):(\d+)")
    ports = sorted({match[2] for value in variables.values() for match in address.finditer(value)})
    moved = dict(zip(ports, free_ports(len(ports)), strict=True))
    environment = {
        name: address.sub(lambda match: f"{LOOPBACK}:{moved[match[2]]}", value)
        for name, value in variables.items()
    }
    environment["KAFKA_LOG_DIRS"] = str(data)
    clients = re.findall(r"//([^,]+)", environment["KAFKA_ADVERTISED_LISTENERS"])
    return environment, clients


@pytest.mark.kafka
@pytest.mark.slow
def test_kafka_starts_with_the_variables_of_the_file(tmp_path: Path) -> None:
    """The configuration is rendered into an empty folder, as on the file's tmpfs."""
    real_kafka.require()
    environment, clients = moved_environment(tmp_path / "data")
    folders = {name: tmp_path / name for name in ("default", "mounted", "final")}
    for folder in folders.values():
        folder.mkdir()
    java = ["java", "-Xmx256m", "-Dlog4j2.level=WARN", f"-Djava.io.tmpdir={tmp_path}"]
    java += ["-cp", f"{real_kafka.jars()}/*"]
    options = [f"--{name}-configs-dir={folder}" for name, folder in folders.items()]
    subprocess.run(
        [*java, "kafka.docker.KafkaDockerWrapper", "setup", *options],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        timeout=60,
    )
    with (tmp_path / "kafka.log").open("wb") as log:
        command = [*java, "kafka.Kafka", str(folders["final"] / "server.properties")]
        broker = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        assert 2 == len(clients)
        for listener in clients:
            admin = AdminClient({"bootstrap.servers": listener, "log_level": 0})
            [node] = admin.list_topics(timeout=60).brokers.values()
            assert listener == f"{node.host}:{node.port}"
    finally:
        broker.kill()
        broker.wait()
