"""Every client gets in by every mechanism, over TLS too, and none shows the password."""

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from detector.core.errors import SettingsError
from detector.core.topics import TopicSpec
from detector.kafka.kafka_security import (
    Security,
    aiokafka_client,
    faust_credentials,
    librdkafka_client,
    load_callback,
)
from detector.kafka.topic_admin import TopicAdmin
from detector.settings import load
from tests.support import kafka as real_kafka
from tests.support.kafka import RealKafka
from tests.support.ports import free_ports

USER, PASSWORD = "detector", "not-a-guess"
PLAIN = Security(protocol="SASL_PLAINTEXT", mechanism="PLAIN", username=USER, password=PASSWORD)


def unsecured_token() -> tuple[str, float]:
    """Make a token as Kafka's own unsecured login would; the callback under test."""
    expires = time.time() + 600
    claims = {"sub": USER, "iat": time.time() - 1, "exp": expires}
    parts = ({"alg": "none"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*encoded, b""]).decode(), expires


CALLBACK = f"{__name__}:unsecured_token"


def test_without_security_only_addresses_are_reported() -> None:
    none = Security()
    assert {"bootstrap.servers": "a:1,b:2", "security.protocol": "PLAINTEXT"} == librdkafka_client(
        "a:1,b:2", none
    )
    assert {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "PLAINTEXT",
    } == aiokafka_client("a:1,b:2", none)
    assert faust_credentials(none) is None


def test_each_client_is_told_in_its_own_words() -> None:
    scram = replace(PLAIN, mechanism="SCRAM-SHA-512", protocol="SASL_SSL", ca_file=None)
    assert {
        "bootstrap.servers": "a:1",
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": "probe",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": USER,
        "sasl.password": PASSWORD,
    } == librdkafka_client("a:1", scram)
    arguments = aiokafka_client("a:1", scram)
    assert arguments.pop("ssl_context").check_hostname
    assert {
        "bootstrap_servers": ["a:1"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": USER,
        "sasl_plain_password": PASSWORD,
    } == arguments


def test_the_settings_fit() -> None:
    env = {
        "DETECTOR_SECURITY__PROTOCOL": "SASL_PLAINTEXT",
        "DETECTOR_SECURITY__SASL_MECHANISM": "PLAIN",
        "DETECTOR_SECURITY__USERNAME": USER,
        "DETECTOR_SECURITY__PASSWORD": PASSWORD,
    }
    assert PLAIN == Security(**load(None, env).security.values())


def test_a_password_is_read_from_its_file_without_the_line_end(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    env = {
        "DETECTOR_SECURITY__PROTOCOL": "SASL_PLAINTEXT",
        "DETECTOR_SECURITY__SASL_MECHANISM": "PLAIN",
        "DETECTOR_SECURITY__USERNAME": USER,
        "DETECTOR_SECURITY__PASSWORD_FILE": str(file),
    }
    section = load(None, env).security
    assert PASSWORD == section.values()["password"]
    file.write_bytes(b"\xff")
    with pytest.raises(
        SettingsError, match=r"security\.password_file: found .*, expected a file of"
    ):
        section.values()


def test_a_password_is_not_shown() -> None:
    assert PASSWORD not in repr(PLAIN)
    assert PASSWORD not in repr(faust_credentials(PLAIN))


@pytest.mark.parametrize("name", ["nowhere:f", "json:nothing", "json"])
def test_a_callback_that_is_not_there_is_reported(name: str) -> None:
    with pytest.raises(SettingsError, match=f"security.oauth_callback: found '{name}', expected"):
        load_callback(name)


def test_files_that_hold_something_else_are_reported() -> None:
    wrong = Security(protocol="SSL", ca_file=Path(__file__))
    with pytest.raises(SettingsError, match=r"security\.ca_file: found .*, expected certificates"):
        aiokafka_client("a:1", wrong)
    wrong = Security(protocol="SSL", certificate_file=Path(__file__), key_file=Path(__file__))
    with pytest.raises(SettingsError, match=r"certificate_file: found .*, expected a certificate"):
        faust_credentials(wrong)


@dataclass(frozen=True)
class SecuredKafka:
    """A broker with two listeners that ask for credentials and one that asks for a certificate."""

    plaintext: str
    sasl: str
    sasl_tls: str
    tls: str
    ca_file: Path
    certificate_file: Path
    key_file: Path


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    real_kafka.require()
    folder = tmp_path_factory.mktemp("tls")
    certificates(folder)
    broker = RealKafka()
    sasl, sasl_tls, tls = free_ports(3)
    broker._overrides = listeners(broker, sasl, sasl_tls, tls, folder)
    with broker:
        add_scram_users(broker.bootstrap)
        broker.create_topic("secured")
        yield SecuredKafka(
            broker.bootstrap,
            f"localhost:{sasl}",
            f"localhost:{sasl_tls}",
            f"localhost:{tls}",
            folder / "ca.pem",
            folder / "client.pem",
            folder / "client.key",
        )


def certificates(folder: Path) -> None:
    """Make an authority, and certificates of it for broker and client, as PEM."""
    script = """
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority
    for name in broker client; do
        openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name
        openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $name.pem \
            -days 2 -extfile names
    done
    cat broker.key broker.pem > broker.store
    """
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    subprocess.run(
        ["/bin/sh", "-ec", script], cwd=folder, check=True, capture_output=True, timeout=60
    )


def listeners(
    broker: RealKafka, sasl: int, sasl_tls: int, tls: int, folder: Path
) -> dict[str, Any]:
    local = "127.0.0.1"
    own = f"PLAINTEXT://{broker.bootstrap}"
    controller = f"CONTROLLER://{local}:{broker._controller_port}"
    extra = (
        f"SASL_PLAINTEXT://localhost:{sasl},SASL_SSL://localhost:{sasl_tls},SSL://localhost:{tls}"
    )
    properties: dict[str, Any] = {
        "listeners": f"{own},{controller},{extra}",
        "advertised.listeners": f"{own},{extra}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
        "SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": folder / "broker.store",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": folder / "ca.pem",
        "listener.name.ssl.ssl.client.auth": "required",
    }
    modules = {
        "plain": f'plain.PlainLoginModule required user_{USER}="{PASSWORD}"',
        "scram-sha-256": "scram.ScramLoginModule required",
        "scram-sha-512": "scram.ScramLoginModule required",
        "oauthbearer": "oauthbearer.OAuthBearerLoginModule required "
        'unsecuredLoginStringClaim_sub="broker"',
    }
    for listener in ("sasl_plaintext", "sasl_ssl"):
        for mechanism, module in modules.items():
            name = f"listener.name.{listener}.{mechanism}.sasl.jaas.config"
            properties[name] = f"org.apache.kafka.common.security.{module};"
    return properties


def add_scram_users(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
        info = ScramCredentialInfo(mechanism, 4096)
        change = UserScramCredentialUpsertion(USER, info, PASSWORD.encode())
        for done in admin.alter_user_scram_credentials([change]).values():
            done.result(30)


def way_in(secured: SecuredKafka, way: str) -> tuple[str, Security]:
    """Return the address and the security of a way in, ``PLAIN+tls``."""
    mechanism, _, tls = way.partition("+")
    if not mechanism:
        return secured.tls, Security(
            protocol="SSL",
            ca_file=secured.ca_file,
            certificate_file=secured.certificate_file,
            key_file=secured.key_file,
        )
    security = replace(PLAIN, mechanism=mechanism)
    if mechanism == "OAUTHBEARER":
        security = Security(protocol="SASL_PLAINTEXT", mechanism=mechanism, oauth_callback=CALLBACK)
    if tls:
        return secured.sasl_tls, replace(security, protocol="SASL_SSL", ca_file=secured.ca_file)
    return secured.sasl, security


WAYS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
ALL_WAYS = ["+tls", *WAYS, *(f"{way}+tls" for way in WAYS)]


@pytest.mark.kafka
@pytest.mark.parametrize("way", ALL_WAYS)
def test_librdkafka_gets_in(secured: SecuredKafka, way: str) -> None:
    properties = librdkafka_client(*way_in(secured, way))
    failures: list[object] = []
    producer = Producer(properties)
    producer.produce("secured", way, on_delivery=lambda error, _: failures.append(error))
    producer.flush(30)
    assert [None] == failures
    consumer = Consumer(properties | {"group.id": way, "auto.offset.reset": "earliest"})
    consumer.subscribe(["secured"])
    deadline = time.monotonic() + 30
    found = None
    while found is None and time.monotonic() < deadline:
        found = consumer.poll(0.1)
    consumer.close()
    assert found is not None
    assert found.error() is None


@pytest.mark.kafka
@pytest.mark.parametrize("way", ALL_WAYS)
def test_the_topic_admin_gets_in(secured: SecuredKafka, way: str) -> None:
    admin = TopicAdmin(librdkafka_client(*way_in(secured, way)))
    assert ["secured"] == [state.name for state in admin.show(["secured"])]
    assert {"secured": False} == admin.create([TopicSpec("secured", 1, {})])


@pytest.mark.kafka
@pytest.mark.parametrize("way", ALL_WAYS)
async def test_aiokafka_gets_in(secured: SecuredKafka, way: str) -> None:
    arguments = aiokafka_client(*way_in(secured, way))
    async with AIOKafkaProducer(**arguments) as producer:
        sent = await producer.send_and_wait("secured", way.encode())
    async with AIOKafkaConsumer("secured", auto_offset_reset="earliest", **arguments) as consumer:
        async for record in consumer:
            if record.offset == sent.offset:
                assert way.encode() == record.value
                break


@pytest.mark.kafka
@pytest.mark.parametrize("way", ALL_WAYS)
async def test_faust_gets_in(secured: SecuredKafka, way: str) -> None:
    address, security = way_in(secured, way)
    app = faust.App(
        f"secured-{way.replace('+', '-')}",
        broker=f"kafka://{address}",
        broker_credentials=faust_credentials(security),
        autodiscover=False,
    )
    producer = app.producer
    await producer.start()
    try:
        metadata = await producer.send_and_wait("secured", None, way.encode(), None, None, {})
    finally:
        await producer.stop()
    assert "secured" == metadata.topic


@pytest.mark.kafka
async def test_a_wrong_password_is_refused(secured: SecuredKafka) -> None:
    wrong = replace(PLAIN, password="a-guess")
    producer = AIOKafkaProducer(**aiokafka_client(secured.sasl, wrong))
    with pytest.raises(Exception, match=r"[Aa]uthentication|Unable to bootstrap"):
        await producer.start()
    await producer.stop()


@pytest.mark.kafka
async def test_a_broker_of_an_unknown_authority_is_refused(secured: SecuredKafka) -> None:
    stranger = replace(PLAIN, protocol="SASL_SSL")
    producer = AIOKafkaProducer(**aiokafka_client(secured.sasl_tls, stranger))
    with pytest.raises(Exception, match="Unable to bootstrap"):
        await producer.start()
    await producer.stop()
