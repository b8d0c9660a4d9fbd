"""``detector rules`` on files: check, explain and test; ``rules_app`` has the other commands."""

from pathlib import Path
from typing import Annotated

import typer

from detector.cli.group import EPILOG
from detector.cli.options import Config, Output, OutputOption, read_settings
from detector.cli.rules_app import rules

__all__ = ["rules"]

# The modules of a command are slow to import; other commands and --help must not wait for them.
# ruff: noqa: PLC0415

Place = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE|DIR]",
        help="Rule file, or directory of rule files; default the setting rules_dir.",
    ),
]
Lenient = Annotated[
    bool | None,
    typer.Option(
        "--lenient/--strict",
        help="Accept or refuse what CloudWatch would refuse; default the setting lenient_rules.",
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
    """Report all faults of rules with file and line, and what CloudWatch would refuse."""
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
            help="Records to try, one per line; default the rule's examples, or a made-up record.",
        ),
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Topic to assume for the records.")] = None,
) -> int:
    """Explain what rules count, and show what each record contributes or why it does not count."""
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
    """Run the examples in NAME_test.json next to each rule; exit code 1 if one fails."""
    settings = read_settings(config)
    from detector.cli import rule_file_commands

    return rule_file_commands.run_examples(settings, place, output, lenient=lenient)
