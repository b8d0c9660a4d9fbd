"""The lock files hold every pin of pyproject.toml with hashes, and nothing names a registry."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / "deploy" / "requirements.lock"
DEV = ROOT / "deploy" / "requirements-dev.lock"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)")
# Hosts of public package registries, their dots left out to keep this file itself free of them.
_HOSTS = (
    rb"pypi org", rb"pythonhosted org", rb"crates io", rb"npmjs (?:org|com)", rb"proxy golang org",
    rb"repo\d? maven", rb"maven org", rb"deb debian org",
)  # fmt: skip
REGISTRY = re.compile(b"|".join(host.replace(b" ", rb"\.") for host in _HOSTS))


def canonical(name: str) -> str:
    """Spell a distribution's name as lock files do."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(requirements: list[str]) -> dict[str, str]:
    """Version by name; every requirement must be an exact pin."""
    matches = [(requirement, PINNED.match(requirement)) for requirement in requirements]
    assert [] == [requirement for requirement, match in matches if match is None]
    return {canonical(match[1]): match[2] for _, match in matches if match}


def entries(lock: Path) -> list[str]:
    """Requirements of a lock file, one string each, comments left out."""
    lines = [line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#")]
    return [entry for entry in "\n".join(lines).replace("\\\n", " ").splitlines() if entry.strip()]


def project() -> dict[str, list[str]]:
    """Pins of pyproject.toml and of the build tools, by the lock file they belong to."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    build = [
        line
        for line in (ROOT / "deploy" / "requirements.in").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    runtime = table["project"]["dependencies"] + table["build-system"]["requires"] + build
    return {
        RUNTIME.name: runtime,
        DEV.name: runtime + table["project"]["optional-dependencies"]["dev"],
    }


def files_of_the_project() -> list[Path]:
    """Every file that is tracked or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git is on PATH wherever this is a clone
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    paths = [ROOT / name.decode() for name in listed.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.mark.parametrize("lock", [RUNTIME, DEV], ids=lambda lock: lock.name)
def test_every_pin_of_the_project_is_locked(lock: Path) -> None:
    expected = pins(project()[lock.name])
    locked = pins(entries(lock))
    assert expected == {name: locked.get(name) for name in expected}


@pytest.mark.parametrize("lock", [RUNTIME, DEV], ids=lambda lock: lock.name)
def test_every_locked_package_has_hashes(lock: Path) -> None:
    found = entries(lock)
    assert found
    assert [] == [entry for entry in found if "--hash=sha256:" not in entry]


def test_the_dev_lock_is_a_superset_of_the_runtime_lock() -> None:
    runtime, dev = set(entries(RUNTIME)), set(entries(DEV))
    assert set() == runtime - dev


@pytest.mark.parametrize("lock", [RUNTIME, DEV], ids=lambda lock: lock.name)
def test_a_lock_names_no_source_of_packages(lock: Path) -> None:
    lines = lock.read_text().splitlines()
    assert [] == [line for line in lines if "://" in line or line.startswith("-")]


def test_no_file_names_the_host_of_a_package_registry() -> None:
    named = [path for path in files_of_the_project() if REGISTRY.search(path.read_bytes())]
    assert [] == named
