"""``detector rules`` on files: check, explain and test; ``rules_app`` has those on live rules."""

from pathlib import Path
from typing import Annotated

import typer

from detector.cli.group import EPILOG
from detector.cli.options import Config, Output, OutputOption, read_settings
from detector.cli.rules_app import rules

__all__ = ["rules"]

# What a command needs is slow to load; another command, or --help, must not pay for it.
# ruff: noqa: PLC0415

Place = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE|DIR]",
        help="A rule file or a directory of them; default the setting rules_dir.",
    ),
]
Lenient = Annotated[
    bool | None,
    typer.Option(
        "--lenient/--strict",
        help="Read rules beyond CloudWatch's limits, or refuse them; default the setting.",
        show_default=False,
    ),
]


@rules.command("check", epilog=EPILOG)
def check_rules(
    place: Place = None,
    config: Config = None,
    output: OutputOption = Output.TABLE,
    lenient: Lenient = None,
) -> int:
    """Tell every fault of rules with file and line, and what CloudWatch would refuse of them."""
    settings = read_settings(config)
    from detector.cli import rule_file_commands

    return rule_file_commands.check(settings, place, output, lenient=lenient)


@rules.command("explain", epilog=EPILOG)
def explain_rules(
    place: Place = None,
    config: Config = None,
    output: OutputOption = Output.TABLE,
    lenient: Lenient = None,
    sample: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="Records to try, one a line; default the rule's own examples, or a made-up one.",
        ),
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="Topic that the records would come from.")
    ] = None,
) -> int:
    """Say in words what rules count, and show on records what each contributes or what stops it."""
    settings = read_settings(config)
    from detector.cli import rule_file_commands

    return rule_file_commands.explain(
        settings, place, output, lenient=lenient, sample=sample, topic=topic
    )


@rules.command("test", epilog=EPILOG)
def try_rules(
    place: Place = None,
    config: Config = None,
    output: OutputOption = Output.TABLE,
    lenient: Lenient = None,
) -> int:
    """Run the examples that lie beside rules as NAME_test.json; exit code 1 when one differs."""
    settings = read_settings(config)
    from detector.cli import rule_file_commands

    return rule_file_commands.run_examples(settings, place, output, lenient=lenient)
