"""Fixtures, Hypothesis profiles and the closing report shared by every test."""

import os
import secrets
import uuid
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support import kafka as real_kafka
from tests.support import neighbours, tansu
from tests.support.kafka import RealKafka
from tests.support.tansu import EmbeddedBroker
from tests.support.waiting import STARTED

# Examples are drawn anew each run; the blob that a failure prints repeats it anywhere. CI draws
# more, and the same for the same code, as Hypothesis does there by default: a change is judged by
# itself.
settings.register_profile(
    "dev",
    max_examples=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "ci", settings.get_profile("dev"), max_examples=200, derandomize=True, database=None
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if neighbours.on_ci() else "dev"))


def pytest_configure(config: pytest.Config) -> None:
    """Draw the run's seed once, before worker processes inherit the environment."""
    os.environ.setdefault("TEST_SEED", str(secrets.randbelow(2**32)))


def pytest_report_header(config: pytest.Config) -> str:
    """Print what repeats this run."""
    return f"TEST_SEED={os.environ['TEST_SEED']} (set it to repeat the seeded tests)"


def pytest_runtest_setup() -> None:
    """Begin to note which processes the test starts."""
    STARTED.forget()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Leave the last log lines of every process that a failing test has started."""
    report = yield
    if report.failed:
        report.sections += [
            (f"last log lines of {name}", log) for name, log in STARTED.tails().items()
        ]
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """On CI a skipped test is a failure: nothing may be left out unseen."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if neighbours.on_ci() and reporter and reporter.stats.get("skipped") and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was not run and why, and the earlier steps of ``deploy/test``."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        reasons[reason] = reasons.get(reason, 0) + 1
    if reasons:
        terminalreporter.section("skipped parts")
        for reason, count in sorted(reasons.items()):
            terminalreporter.write_line(f"{count} tests: {reason.removeprefix('Skipped: ')}")
        if neighbours.on_ci():
            terminalreporter.write_line("on CI nothing may be skipped: this run fails", red=True)
    if steps := os.environ.get("DEPLOY_TEST_STEPS"):
        terminalreporter.section("earlier steps of deploy/test")
        terminalreporter.write_line(steps)


@pytest.fixture
def seed() -> int:
    """Seed of a randomised test, printed so that ``TEST_SEED`` can repeat a failure."""
    value = int(os.environ["TEST_SEED"])
    print(f"TEST_SEED={value}")
    return value


@pytest.fixture
def unique_prefix() -> str:
    """Prefix for topics and groups that no other test uses."""
    return f"t{uuid.uuid4().hex[:10]}."


@pytest.fixture(scope="session")
def kafka() -> Iterator[RealKafka]:
    """One real Kafka for the whole run; tests keep apart by ``unique_prefix``."""
    real_kafka.require()
    with RealKafka() as broker:
        yield broker


@pytest.fixture
def private_kafka() -> Iterator[RealKafka]:
    """A real Kafka for one test alone, which may stop, kill and restart it."""
    real_kafka.require()
    with RealKafka() as broker:
        yield broker


@pytest.fixture(scope="session")
def broker_tansu() -> Iterator[EmbeddedBroker]:
    """One embedded broker for the whole run."""
    if parts := tansu.missing_parts():
        neighbours.give_up(parts)
    with EmbeddedBroker() as broker:
        yield broker
