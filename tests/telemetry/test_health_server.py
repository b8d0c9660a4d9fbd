"""Metrics and health over HTTP: right formats, right codes, also while the process is stuck."""

import asyncio
import json
import subprocess
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.error import HTTPError

import pytest
from prometheus_client import CollectorRegistry, Counter

from detector.telemetry.health_server import HealthServer
from tests.support import neighbours
from tests.support.ports import free_port


class World:
    """What the server looks at."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.checks: dict[str, tuple[bool, str]] = {}
        self.registry = CollectorRegistry()
        Counter("things", "Things.", registry=self.registry).inc(3)

    def server(self, port: int = 0) -> HealthServer:
        return HealthServer(
            host="127.0.0.1",
            port=port,
            registry=self.registry,
            readiness=lambda: self.checks,
            monotonic=lambda: self.seconds,
            stalled_seconds=10.0,
        )


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def server(world: World) -> AsyncIterator[HealthServer]:
    server = world.server()
    await server.start()
    yield server
    await server.stop()


def get_now(server: HealthServer, path: str, accept: str = "*/*") -> tuple[int, str, str]:
    """Return code, content type and text."""
    url = f"http://127.0.0.1:{server.port}{path}"
    request = urllib.request.Request(url, headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  (loopback)
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


async def get(server: HealthServer, path: str, accept: str = "*/*") -> tuple[int, str, str]:
    return await asyncio.to_thread(get_now, server, path, accept)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;version=0.0.4;q=0.3", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0;charset=utf-8",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
    ],
)
async def test_the_scraper_chooses_the_format(
    server: HealthServer, accept: str, content_type: str
) -> None:
    code, found, text = await get(server, "/metrics", accept)
    assert (200, content_type) == (code, found)
    assert "things_total 3.0" in text
    assert ("openmetrics" in content_type) == text.endswith("# EOF\n")


async def test_a_process_whose_loop_turns_is_alive(server: HealthServer) -> None:
    assert (200, "ok\n") == (await get(server, "/livez"))[::2]


async def test_a_stuck_process_says_so_itself(world: World, server: HealthServer) -> None:
    """The question is answered although this very loop, the one that is watched, does not turn."""
    world.seconds = 11.0
    code, _, text = get_now(server, "/livez")
    assert (503, "the event loop has not turned for 11.0 s\n") == (code, text)
    assert 200 == get_now(server, "/metrics")[0]


async def test_a_process_that_turns_again_is_alive_again(
    world: World, server: HealthServer
) -> None:
    world.seconds = 11.0
    assert 503 == get_now(server, "/livez")[0]
    async with asyncio.timeout(10):
        while (await get(server, "/livez"))[0] != 200:
            pass


async def test_readiness_names_what_is_missing(world: World, server: HealthServer) -> None:
    world.checks = {"partitions": (True, "4 assigned"), "tallies": (False, "not writable")}
    assert (503, "[-] tallies: not writable\nnot ready\n") == (await get(server, "/readyz"))[::2]
    world.checks["tallies"] = (True, "writable")
    assert (200, "ready\n") == (await get(server, "/readyz"))[::2]
    verbose = "[+] partitions: 4 assigned\n[+] tallies: writable\nready\n"
    assert (200, verbose) == (await get(server, "/readyz?verbose"))[::2]


async def test_nothing_else_is_served(server: HealthServer) -> None:
    assert 404 == (await get(server, "/"))[0]


async def test_a_taken_port_is_refused(world: World, server: HealthServer) -> None:
    second = world.server(server.port)
    with pytest.raises(OSError, match="in use"):
        await second.start()


async def test_a_stopped_server_can_start_again_and_stopping_twice_is_harmless(
    world: World,
) -> None:
    server = world.server()
    await server.stop()
    await server.start()
    first = server.port
    await server.stop()
    await server.stop()
    await server.start()
    assert first == server.port
    assert 200 == (await get(server, "/livez"))[0]
    await server.stop()


@pytest.mark.neighbours
async def test_a_real_prometheus_scrapes_it(server: HealthServer, tmp_path: Path) -> None:
    prometheus = neighbours.require("prometheus")
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(
        "scrape_configs:\n"
        "  - job_name: detector\n    scrape_interval: 100ms\n    scrape_timeout: 100ms\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{server.port}']}}]\n"
    )
    process = await asyncio.create_subprocess_exec(
        prometheus,
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(30):
            while not (found := await asyncio.to_thread(query, port, "things_total")):
                pass
    finally:
        process.terminate()
        await process.wait()
    assert "3" == found[0]["value"][1]


def query(port: int, expression: str) -> list[dict[str, list[str]]]:
    """Ask a Prometheus; nothing while it does not answer."""
    url = f"http://127.0.0.1:{port}/api/v1/query?query={expression}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found: list[dict[str, list[str]]] = json.load(answer)["data"]["result"]
            return found
    except OSError:
        return []
