"""The command line under test: in this process, in an empty working directory."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from detector.cli import app

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run ``detector`` with arguments and variables; the result has exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: str | bytes | None = None, **env: str) -> Result:
        return CliRunner().invoke(
            app, arguments, input=stdin, env={"NO_COLOR": "1", "COLUMNS": "240", **env}
        )

    return run
