"""``detector check``: all faults of settings and rules at once."""

import os
from dataclasses import asdict
from pathlib import Path

from detector.bootstrap.brokers import Brokers
from detector.cli.group import ExitCode
from detector.cli.options import Output
from detector.cli.printing import print_json, warning_line
from detector.core.errors import Fault, OperatorError, RuleError, SettingsError
from detector.core.safe_text import escape_controls
from detector.rules.rule_files import read_rules
from detector.settings import Settings, load
from detector.settings.example import example_toml
from detector.settings.loading import likely_rules_dir


def print_example() -> int:
    """Print the commented example file of settings."""
    print(example_toml(), end="")
    return ExitCode.OK


def check(config: Path | None, output: Output) -> int:
    """Print all faults, or the valid rules if there are none."""
    faults: list[Fault] = []
    rules_dir, lenient = likely_rules_dir(config, os.environ), False
    try:
        settings = load(config, os.environ)
        rules_dir, lenient = settings.rules_dir, settings.lenient_rules
        faults += _security_faults(settings)
    except SettingsError as error:
        faults += error.faults
    names: list[str] = []
    warnings: tuple[Fault, ...] = ()
    try:
        read = read_rules(rules_dir, lenient=lenient)
        names, warnings = [rule.name for rule in read.rule_set], read.warnings
    except RuleError as error:
        faults += error.faults
    if output is Output.JSON:
        found = {"faults": list(map(asdict, faults)), "warnings": list(map(asdict, warnings))}
        print_json({"ok": not faults, **found, "rules": names})
        return ExitCode.INVALID if faults else ExitCode.OK
    for warning in warnings:
        print(escape_controls(warning_line(warning)))
    if faults:
        for fault in faults:
            print(escape_controls(str(fault)))
        print("1 fault" if len(faults) == 1 else f"{len(faults)} faults")
    else:
        print("settings are valid")
        print(f"rules are valid: {', '.join(names) or 'none'} ({rules_dir})")
    return ExitCode.INVALID if faults else ExitCode.OK


def _security_faults(settings: Settings) -> list[Fault]:
    """Open the files and import the callback as a worker would; return the faults."""
    try:
        Brokers(settings).aiokafka()
    except OperatorError as error:
        return list(error.faults)
    return []
