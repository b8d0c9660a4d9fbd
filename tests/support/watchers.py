"""A real Prometheus and a real Alertmanager beside a real exporter, and a receiver of webhooks.

The shipped configurations and rules are used, only with other targets and shorter times.
"""

import asyncio
import contextlib
import functools
import json
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from aiohttp import ClientError, ClientSession, web

from detector.telemetry.health_server import HealthServer
from detector.telemetry.metrics import Metrics
from tests.support import neighbours
from tests.support.ports import LOOPBACK, free_ports

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
TOPIC = "detector.logs"
MAX_WAIT_SECONDS = 30.0
POLL_SECONDS = 0.05

Found = TypeVar("Found")


@dataclass
class Site:
    """What runs beside the test: one exporter, Prometheus, Alertmanager, and a receiver."""

    metrics: Metrics
    exporter: str
    prometheus: str
    alertmanager: str
    session: ClientSession
    delivered: list[dict[str, Any]] = field(default_factory=list)

    async def ask(self, address: str) -> Any:
        """Read JSON."""
        async with self.session.get(address) as answer:
            return await answer.json(content_type=None)

    async def status(self, address: str) -> int:
        """Return the status of a page."""
        async with self.session.get(address) as answer:
            return answer.status

    async def query(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Ask Prometheus; values by labels, without those of the target."""
        address = f"{self.prometheus}/api/v1/query"
        async with self.session.get(address, params={"query": expression}) as answer:
            found = (await answer.json())["data"]["result"]
        hidden = {"__name__", "job", "instance"}
        return {
            tuple(sorted((k, v) for k, v in one["metric"].items() if k not in hidden)): float(
                one["value"][1]
            )
            for one in found
        }


async def until(ask: Callable[[], Awaitable[Found]], is_met: Callable[[Found], bool]) -> Found:
    """Ask until the answer meets the condition; fail with the last answer."""
    last: object = None
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(ClientError, KeyError):
            last = found = await ask()
            if is_met(found):
                return found
        await asyncio.sleep(POLL_SECONDS)
    raise AssertionError(f"not so within {MAX_WAIT_SECONDS} seconds, last seen: {last!r}")


@contextlib.contextmanager
def running(program: str, folder: Path, *arguments: str) -> Iterator[None]:
    """Run a neighbour in its own folder and end it by its own process."""
    folder.mkdir(exist_ok=True)
    with (folder / "output.log").open("wb") as log:
        process = subprocess.Popen(
            [str(neighbours.require(program)), *arguments],
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
        )
    try:
        yield
    except BaseException:
        print((folder / "output.log").read_text(errors="replace")[-4000:])
        raise
    finally:
        process.terminate()
        process.wait(timeout=20)


def write_prometheus(folder: Path, exporter_port: int, alertmanager_port: int) -> Path:
    """Write the shipped configuration with other targets and shorter times."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {
        "scrape_interval": "200ms",
        "scrape_timeout": "200ms",
        "evaluation_interval": "200ms",
    }
    target = [{"targets": [f"{LOOPBACK}:{exporter_port}"]}]
    detector = next(job for job in config["scrape_configs"] if job["job_name"] == "detector")
    config["scrape_configs"] = [{**detector, "static_configs": target}]
    config["rule_files"] = [str(DEPLOY / "prometheus" / "alerts.yml")]
    [sender] = config["alerting"]["alertmanagers"]
    sender["static_configs"] = [{"targets": [f"{LOOPBACK}:{alertmanager_port}"]}]
    folder.mkdir(exist_ok=True)
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    return file


def write_alertmanager(folder: Path, webhook_port: int) -> Path:
    """Write the shipped configuration with shorter times and our receiver for the info alerts."""
    config = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())
    config["route"] |= {"group_wait": "0s", "group_interval": "100ms", "repeat_interval": "1h"}
    [nobody] = [each for each in config["receivers"] if each["name"] == "nobody"]
    nobody["webhook_configs"] = [{"url": f"http://{LOOPBACK}:{webhook_port}/alerts"}]
    folder.mkdir(exist_ok=True)
    file = folder / "alertmanager.yml"
    file.write_text(yaml.safe_dump(config))
    return file


@contextlib.asynccontextmanager
async def receiving(site: Site, port: int) -> AsyncIterator[None]:
    """Collect what Alertmanager posts."""

    async def receive(request: web.Request) -> web.Response:
        site.delivered.append(json.loads(await request.text()))
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/alerts", receive)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
        yield
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def site_in(tmp_path: Path) -> AsyncIterator[Site]:
    """Start everything on free loopback ports and wait until it is ready."""
    for program in ("prometheus", "alertmanager"):
        neighbours.require(program)
    prometheus_port, alertmanager_port, webhook_port = free_ports(3)
    metrics = Metrics(topics=[TOPIC], build={"version": "1"}, config_hash="0")
    async with contextlib.AsyncExitStack() as stack:
        server = HealthServer(
            host=LOOPBACK,
            port=0,
            registry=metrics.registry,
            readiness=dict,
            monotonic=time.monotonic,
        )
        await server.start()
        stack.push_async_callback(server.stop)
        site = Site(
            metrics,
            f"http://{LOOPBACK}:{server.port}",
            f"http://{LOOPBACK}:{prometheus_port}",
            f"http://{LOOPBACK}:{alertmanager_port}",
            await stack.enter_async_context(ClientSession()),
        )
        await stack.enter_async_context(receiving(site, webhook_port))
        folder = tmp_path / "alertmanager"
        config = write_alertmanager(folder, webhook_port)
        options = [f"--config.file={config}", f"--storage.path={folder / 'data'}"]
        options += [f"--web.listen-address={LOOPBACK}:{alertmanager_port}"]
        options += ["--cluster.listen-address="]
        stack.enter_context(running("alertmanager", folder, *options))
        folder = tmp_path / "prometheus"
        config = write_prometheus(folder, server.port, alertmanager_port)
        options = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
        options += [f"--web.listen-address={LOOPBACK}:{prometheus_port}"]
        # An alert that fires before Alertmanager was found would be sent again after a minute.
        options += ["--rules.alert.resend-delay=1s"]
        stack.enter_context(running("prometheus", folder, *options))
        for neighbour in (site.alertmanager, site.prometheus):
            ready = functools.partial(site.status, f"{neighbour}/-/ready")
            await until(ready, lambda code: code == 200)
        yield site
