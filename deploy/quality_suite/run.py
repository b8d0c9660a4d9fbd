"""Run the parts of the quality benchmark, print their tables, and say what falls short first."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from deploy.quality_suite.parts import Options
from deploy.quality_suite.registry import PARTS

DATA = Path(__file__).parents[2] / ".." / "shared" / "data" / "failslow"


def main() -> int:
    """Run what the arguments name; return 1 when a figure falls short."""
    parser = argparse.ArgumentParser(description="quality benchmark")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", action="append", choices=[*PARTS])
    arguments = parser.parse_args()
    # Whoever wants JSON wants nothing else on stdout.
    screen = Console(stderr=arguments.json, width=130)
    options = Options(arguments.data.resolve(), arguments.quick, screen.print)
    figures: dict[str, Any] = {}
    shortfalls: list[str] = []
    for name in arguments.only or PARTS:
        result = PARTS[name](options)
        figures |= result.figures
        shortfalls += [f"{name}: {each}" for each in result.shortfalls]
        for table in result.tables:
            screen.print(table)
    for each in shortfalls:
        screen.print(f"falls short: {each}", style="bold")
    if arguments.json:
        sys.stdout.write(json.dumps(figures) + "\n")
    return 1 if shortfalls else 0


if __name__ == "__main__":
    sys.exit(main())
