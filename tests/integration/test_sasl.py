"""Every way to prove who one is, against a real Kafka that asks for it: SASL and TLS."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.support import kafka as real_kafka
from tests.support import neighbours
from tests.support.deployment import PARTITIONS, Deployment
from tests.support.kafka import RealKafka
from tests.support.ports import LOOPBACK, free_ports
from tests.support.producing import PacedProducer
from tests.support.worker import DetectorProcess

USER, PASSWORD = "detector", "correct horse 1$ battery"
EVENTS = 6_000
OPENSSL = shutil.which("openssl")
ROOT = Path(__file__).resolve().parents[2]

MODULE = "org.apache.kafka.common.security"
JAAS = {
    "plain": f'{MODULE}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
    "scram-sha-256": f"{MODULE}.scram.ScramLoginModule required;",
    "scram-sha-512": f"{MODULE}.scram.ScramLoginModule required;",
    "oauthbearer": f"{MODULE}.oauthbearer.OAuthBearerLoginModule required "
    'unsecuredLoginStringClaim_sub="broker";',
}
"""Kafka's own modules; the last one accepts unsigned tokens, which is enough to see them sent."""


def token(*, age_seconds: float = 1.0) -> tuple[str, float]:
    """Return an unsigned token, as the setting ``oauth_callback`` is to do, and when it expires.

    The broker rounds and would refuse one that is younger than half a millisecond.
    """
    now = time.time() - age_seconds
    claims = {"sub": USER, "iat": now, "exp": now + 300}
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    encoded = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts]
    return f"{'.'.join(encoded)}.", now + 300


def early_token() -> tuple[str, float]:
    """Return a token that only the broker refuses: it is from a future hour."""
    return token(age_seconds=-3_600)


def openssl(*arguments: str) -> None:
    """Run openssl."""
    assert OPENSSL is not None
    subprocess.run([OPENSSL, *arguments], check=True, capture_output=True, timeout=30)


class Authority:
    """A throw-away certificate authority with one broker and one client."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self._key = folder / "ca.pem", folder / "ca.key"
        self._folder = folder
        openssl(*self._request("authority", self._key, self.certificate))

    @staticmethod
    def _request(name: str, key: Path, certificate: Path) -> tuple[str, ...]:
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")
        files = ("-keyout", str(key), "-out", str(certificate))
        return ("req", "-x509", *curve, *files, "-subj", f"/CN={name}", "-days", "2")

    def sign(self, name: str) -> tuple[Path, Path]:
        """Return certificate and key of somebody on loopback."""
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        signer = ("-CA", str(self.certificate), "-CAkey", str(self._key))
        extensions = ("-addext", f"subjectAltName=IP:{LOOPBACK}")
        openssl(*self._request(name, key, certificate), *signer, *extensions)
        return certificate, key


class GuardedKafka(RealKafka):
    """A broker with four listeners: plain text for the test, and three that ask for proof."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        names = ("SASL_PLAINTEXT", "SASL_SSL", "SSL")
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.address = {name: f"{LOOPBACK}:{port}" for name, port in ports.items()}
        self.authority = Authority(folder)
        certificate, key = self.authority.sign("broker")
        both = folder / "broker.both.pem"
        both.write_text(key.read_text() + certificate.read_text())
        listeners = [f"{name}://{address}" for name, address in self.address.items()]
        listeners.append(f"PLAINTEXT://{self.bootstrap}")
        protocols = [f"{name}:{name}" for name in (*names, "PLAINTEXT")]
        self._overrides = {
            "listeners": ",".join(
                [*listeners, f"CONTROLLER://{LOOPBACK}:{self._controller_port}"],
            ),
            "advertised.listeners": ",".join(listeners),
            "listener.security.protocol.map": ",".join([*protocols, "CONTROLLER:PLAINTEXT"]),
            "sasl.enabled.mechanisms": ",".join(each.upper() for each in JAAS),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(both),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.certificate),
            "listener.name.ssl.ssl.client.auth": "required",
            **{
                f"listener.name.{listener}.{mechanism}.sasl.jaas.config": jaas
                for listener in ("sasl_plaintext", "sasl_ssl")
                for mechanism, jaas in JAAS.items()
            },
        }

    def add_scram_user(self) -> None:
        """Make the user known under both SCRAM mechanisms."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            info = ScramCredentialInfo(mechanism, 4096)
            secret = UserScramCredentialUpsertion(USER, info, PASSWORD.encode())
            admin.alter_user_scram_credentials([secret])[USER].result(10)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    """One broker for this module."""
    parts = real_kafka.missing_parts()
    if OPENSSL is None:
        parts.append("openssl (Debian package openssl)")
    if parts:
        neighbours.give_up(parts)
    with GuardedKafka(tmp_path_factory.mktemp("authority")) as broker:
        broker.add_scram_user()
        yield broker


def settings_of(guarded: GuardedKafka, way: str, folder: Path) -> dict[str, str]:
    """Return the environment of one way to connect."""
    protocol, _, mechanism = way.partition(" ")
    security = {"protocol": protocol}
    if mechanism == "OAUTHBEARER":
        security |= {"sasl_mechanism": mechanism, "oauth_callback": f"{Path(__file__).stem}:token"}
    elif mechanism:
        secret = folder / "password"
        secret.write_text(f"{PASSWORD}\n")
        security |= {
            "sasl_mechanism": mechanism,
            "username": USER,
            "password_file": str(secret),
        }
    if protocol.endswith("SSL"):
        security["ca_file"] = str(guarded.authority.certificate)
    if protocol == "SSL":
        certificate, key = guarded.authority.sign("client")
        security |= {"certificate_file": str(certificate), "key_file": str(key)}
    named = {f"DETECTOR_SECURITY__{name.upper()}": value for name, value in security.items()}
    python_path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    return {"DETECTOR_BROKER": guarded.address[protocol], "PYTHONPATH": python_path, **named}


def create_topics(env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run ``detector topics create``."""
    return subprocess.run(
        [sys.executable, "-m", "detector", "topics", "create"],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.parametrize(
    "way",
    [
        "SASL_PLAINTEXT PLAIN",
        "SASL_PLAINTEXT SCRAM-SHA-256",
        "SASL_SSL SCRAM-SHA-512",
        "SASL_PLAINTEXT OAUTHBEARER",
        "SSL",
    ],
)
def test_topics_are_created_and_events_counted_by_whoever_can_prove_who_they_are(
    guarded: GuardedKafka, unique_prefix: str, tmp_path: Path, way: str
) -> None:
    """Admin, librdkafka, aiokafka and Faust are all told the same; so is the actuator."""
    env = settings_of(guarded, way, tmp_path)
    done = create_topics({**env, "DETECTOR_TOPIC_PREFIX": unique_prefix})
    assert 0 == done.returncode, done.stderr
    deployment = Deployment(guarded.bootstrap, unique_prefix, tmp_path, env)
    load = PacedProducer(
        guarded.bootstrap, deployment.topics.logs, partitions=PARTITIONS, rate=2_000, total=EVENTS
    )
    with deployment.process("run", "worker-0") as worker:
        worker.wait_event("ready")
        load.start()
        load.finish(30)
        truth = deployment.wait_exact(total=EVENTS)
        assert EVENTS == sum(rows.total() for rows in truth.requests.values())
        assert 0 == worker.terminate()
    with deployment.process("actuate", "actuator") as actuator:
        actuator.wait_event("ready")
        assert 0 == actuator.terminate()
    assert PASSWORD not in (tmp_path / "worker-0.log").read_text()


def ends_without_a_broker(process: DetectorProcess, *, seconds: float) -> None:
    """Assert that the process ends by itself, and that its last line says why."""
    assert 4 == process.wait()
    last = process.events()[-1]
    assert ("broker unreachable", "critical") == (last["event"], last["level"])


@pytest.mark.kafka
def test_a_wrong_password_ends_with_a_clear_line_and_never_shows_itself(
    guarded: GuardedKafka, unique_prefix: str, tmp_path: Path
) -> None:
    env = settings_of(guarded, "SASL_PLAINTEXT PLAIN", tmp_path)
    wrong = "wrong staple"
    (tmp_path / "password").write_text(wrong)
    deployment = Deployment(guarded.bootstrap, unique_prefix, tmp_path, env)
    done = create_topics({**env, "DETECTOR_TOPIC_PREFIX": unique_prefix})
    assert 4 == done.returncode
    assert "[security]" in done.stderr
    with deployment.process("run", "worker-0") as worker:
        ends_without_a_broker(worker, seconds=30)
    assert wrong not in done.stdout + done.stderr + (tmp_path / "worker-0.log").read_text()


@pytest.mark.kafka
def test_a_refused_token_ends_with_a_line_that_tells_the_refusal(
    guarded: GuardedKafka, unique_prefix: str, tmp_path: Path
) -> None:
    env = settings_of(guarded, "SASL_PLAINTEXT OAUTHBEARER", tmp_path)
    assert 0 == create_topics({**env, "DETECTOR_TOPIC_PREFIX": unique_prefix}).returncode
    env["DETECTOR_SECURITY__OAUTH_CALLBACK"] = f"{Path(__file__).stem}:early_token"
    deployment = Deployment(guarded.bootstrap, unique_prefix, tmp_path, env)
    for role in ("run", "actuate"):
        with deployment.process(role, role) as process:
            ends_without_a_broker(process, seconds=60)
            assert "the broker refused the token" in process.tail()
