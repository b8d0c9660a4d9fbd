"""Programs that stand beside the detector, and the rule for tests that need one that is missing.

The rule: on CI (environment variable ``CI`` set) a missing part fails the test, elsewhere the test
is skipped with the reason, and the end of the run lists what was skipped.
"""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

# Names under which a program may be installed, and the Debian package that holds it.
_PROGRAMS = {
    "prometheus": (("prometheus",), "prometheus"),
    "promtool": (("promtool",), "prometheus"),
    "alertmanager": (("alertmanager", "prometheus-alertmanager"), "prometheus-alertmanager"),
    "amtool": (("amtool",), "prometheus-alertmanager"),
    "kcat": (("kcat", "kafkacat"), "kcat"),
    "java": (("java",), "openjdk-17-jre-headless"),
    "mvn": (("mvn",), "maven"),
}


def on_ci() -> bool:
    """Tell whether nothing may be skipped."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def find(program: str) -> Path | None:
    """Find a known program on PATH; ``None`` when it is not installed."""
    names, _ = _PROGRAMS[program]
    found = next((path for name in names if (path := shutil.which(name))), None)
    return Path(found) if found else None


def missing(*programs: str) -> list[str]:
    """Name the programs that are not installed, each with the package to install."""
    return [
        f"{program} (Debian package {_PROGRAMS[program][1]})"
        for program in programs
        if find(program) is None
    ]


def give_up(parts: list[str]) -> NoReturn:
    """Fail on CI, skip elsewhere: the parts named are not on this machine."""
    reason = f"not on this machine: {', '.join(parts)}"
    if on_ci():
        pytest.fail(f"{reason}; on CI nothing may be skipped", pytrace=False)
    pytest.skip(reason)


def require(program: str) -> Path:
    """Find a program or give up on the test that asks for it."""
    path = find(program)
    if path is None:
        give_up(missing(program))
    return path
