"""``detector rules`` on live rules: commands with their options and help."""

from pathlib import Path
from typing import Annotated

import typer

from detector.cli.group import EPILOG
from detector.cli.options import Config, Output, OutputOption, read_settings

rules = typer.Typer(
    help="Check rule files; show and change contributor rules while workers run.",
    no_args_is_help=True,
)

# The modules of a command are slow to import; other commands and --help must not wait for them.
# ruff: noqa: PLC0415

Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of rules.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Reason, recorded with the change.")]
By = Annotated[
    str | None, typer.Option("--by", help="Author of the change; default the user's name.")
]


@rules.command("list", epilog=EPILOG)
def list_rules(config: Config = None, output: OutputOption = Output.TABLE) -> int:
    """Show all rules after their last change, and from when it is in force."""
    settings = read_settings(config)
    from detector.cli import rule_commands

    return rule_commands.list_rules(settings, output)


@rules.command("put", epilog=EPILOG)
def put_rule(
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="The rule in JSON; - is standard input.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the rule; default that of the file.")
    ] = None,
    disabled: Annotated[
        bool | None, typer.Option("--disabled/--enabled", help="Whether the rule counts.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Tag of a new rule.")
    ] = None,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Accept what CloudWatch would refuse.")
    ] = False,
    reason: Reason = "",
    by: By = None,
    config: Config = None,
) -> int:
    """Create a rule or replace its definition, from the next pane that all workers share."""
    settings = read_settings(config)
    from detector.cli import rule_commands

    return rule_commands.put(
        settings,
        file,
        name=name,
        disabled=disabled,
        tags=tag or [],
        lenient=lenient,
        author=(by, reason),
    )


@rules.command("enable", epilog=EPILOG)
def enable_rules(names: Names, reason: Reason = "", by: By = None, config: Config = None) -> int:
    """Enable rules."""
    return _switch(config, names, enabled=True, author=(by, reason))


@rules.command("disable", epilog=EPILOG)
def disable_rules(names: Names, reason: Reason = "", by: By = None, config: Config = None) -> int:
    """Disable rules; they stop counting but can be enabled again."""
    return _switch(config, names, enabled=False, author=(by, reason))


@rules.command("delete", epilog=EPILOG)
def delete_rules(names: Names, reason: Reason = "", by: By = None, config: Config = None) -> int:
    """Delete rules, including those from files."""
    settings = read_settings(config)
    from detector.cli import rule_commands

    return rule_commands.delete(settings, names, (by, reason))


@rules.command("tag", epilog=EPILOG)
def tag_rule(
    name: Annotated[str, typer.Argument(help="Name of the rule.")],
    tags: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Tags to set.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="KEY", help="Tag to remove.")
    ] = None,
    reason: Reason = "",
    by: By = None,
    config: Config = None,
) -> int:
    """Set or remove tags of a rule."""
    settings = read_settings(config)
    from detector.cli import rule_commands

    return rule_commands.tag(settings, name, tags or [], remove or [], (by, reason))


def _switch(
    config: Path | None, names: list[str], *, enabled: bool, author: tuple[str | None, str]
) -> int:
    settings = read_settings(config)
    from detector.cli import rule_commands

    return rule_commands.switch(settings, names, enabled=enabled, author=author)
