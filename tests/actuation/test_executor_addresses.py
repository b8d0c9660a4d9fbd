"""The webhook never posts inside a network that is not listed."""

import socket
from pathlib import Path
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from detector.actuation.executors import (
    WebhookConfig,
    load_secret,
)
from detector.core.errors import ExecutorError
from tests.support.deciding import action
from tests.support.webhooks import SECRET, receiving, webhook


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.com/", "http or https"),
        ("https:///act", "name a host"),
        ("https://user:pw@example.com/", "hold no password"),
        ("http://example.com/", "plain http"),
        ("https://10.0.0.1/", "not public"),
        ("https://192.168.1.1/", "not public"),
        ("https://169.254.169.254/latest/meta-data/", "not public"),
        ("https://[fd00::1]/", "not public"),
        ("https://[::ffff:10.0.0.1]/", "not public"),
        ("https://0.0.0.0/", "not public"),
        ("https://224.0.0.1/", "not public"),
    ],
)
def test_an_address_that_must_not_be_posted_to_is_refused_at_the_start(
    url: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        WebhookConfig(url=url, secret=SECRET)
    assert "pw@" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("https://example.com/act", {}),
        ("https://93.184.215.14/act", {}),
        ("http://127.0.0.1:1/act", {}),
        ("http://localhost:1/act", {}),
        ("http://[::1]:1/act", {}),
        ("http://example.com/act", {"allow_http": True}),
        ("https://10.1.2.3/act", {"allowed_networks": ("10.1.0.0/16",)}),
    ],
)
def test_public_loopback_and_listed_addresses_are_permitted(url: str, more: Any) -> None:
    assert WebhookConfig(url=url, secret=SECRET, **more).url == url


def test_a_network_that_is_none_and_a_short_secret_are_refused() -> None:
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 network"):
        WebhookConfig(url="https://example.com", secret=SECRET, allowed_networks=("ten",))
    with pytest.raises(ValueError, match="5 bytes, expected at least 16"):
        WebhookConfig(url="https://example.com", secret=b"short")


class Pointing(AbstractResolver):
    """Points every name at the given addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=a, port=port, family=family, proto=0, flags=0)
            for a in self.addresses
        ]

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "no address"]
)
async def test_a_name_that_points_inside_a_network_is_not_connected_to(address: str) -> None:
    async with receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        resolver = Pointing(address)
        url = f"http://inside.example:{port}/act"
        async with webhook(url, resolver=resolver, allow_http=True, retries=0) as made:
            with pytest.raises(ExecutorError, match="could not be reached"):
                await made.execute(action())
    assert receiver.calls == []
    assert resolver.closed


async def test_a_name_in_a_listed_network_is_connected_to() -> None:
    async with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "listed.example")
        pointing = Pointing("10.255.255.1", "127.0.0.1")
        listed: dict[str, Any] = {"allow_http": True, "allowed_networks": ("127.0.0.0/8",)}
        async with webhook(url, resolver=pointing, **listed) as made:
            assert await made.execute(action()) == "http 200"
    [(headers, _)] = receiver.calls
    assert headers["Host"].startswith("listed.example")


async def test_localhost_is_connected_to_as_it_says_what_it_is() -> None:
    async with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        async with webhook(url, resolver=Pointing("127.0.0.1")) as made:
            assert await made.execute(action()) == "http 200"


def test_the_secret_comes_from_a_file_or_the_environment_and_is_shown_nowhere(
    tmp_path: Path,
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(SECRET + b"\n")
    assert load_secret({}, file) == SECRET
    assert load_secret({"DETECTOR_WEBHOOK_SECRET": SECRET.decode()}) == SECRET
    with pytest.raises(ValueError, match="no webhook secret in DETECTOR_WEBHOOK_SECRET"):
        load_secret({})
    config = WebhookConfig(url="https://example.com", secret=SECRET)
    assert SECRET.decode() not in repr(config)
