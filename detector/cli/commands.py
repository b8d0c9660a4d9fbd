"""All commands with their options and help; each imports the module that implements it."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from detector.cli.group import EPILOG, ExitCodeGroup
from detector.cli.options import Config, Output, OutputOption, read_settings
from detector.cli.rules_group import rules

app = typer.Typer(
    name="detector",
    cls=ExitCodeGroup,
    help="Finds hosts and zones in gray failure from structured logs on Kafka, and requests "
    "explained, rate-limited actions.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
topics = typer.Typer(help="Create, check or show the topics on the broker.", no_args_is_help=True)
kill_switch = typer.Typer(
    help="Forbid all actions, allow them again, or show the state. An unknown state counts as on.",
    no_args_is_help=True,
)
app.add_typer(topics, name="topics")
app.add_typer(kill_switch, name="kill-switch")
app.add_typer(rules, name="rules")

# The modules of a command are slow to import; other commands and --help must not wait for them.
# ruff: noqa: PLC0415


@app.command(epilog=EPILOG)
def run(config: Config = None) -> int:
    """Run a worker until SIGTERM: count, detect, decide. Logs `ready` once it has partitions."""
    settings = read_settings(config)
    from detector import bootstrap

    return bootstrap.run_worker(settings)


@app.command(epilog=EPILOG)
def actuate(config: Config = None) -> int:
    """Run the actuator until SIGTERM: carry out granted actions. The default only records them."""
    settings = read_settings(config)
    from detector import bootstrap

    return bootstrap.run_actuator(settings)


@app.command(epilog=EPILOG)
def api(config: Config = None) -> int:
    """Serve CloudWatch's API for AWS clients until SIGTERM; without keys only on loopback."""
    settings = read_settings(config)
    from detector import bootstrap

    return bootstrap.run_api(settings)


@app.command(epilog=EPILOG)
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Exit after both alarms and the action were seen.")
    ] = False,
    json_output: Annotated[
        bool, typer.Option("--json", help="With --once: print the figures as one JSON object.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the fleet, to repeat an earlier run.")
    ] = None,
    screen: Annotated[
        bool, typer.Option("--screen/--no-screen", help="Live screen, or plain lines.")
    ] = True,
) -> int:
    """Run everything on this machine: broker, simulated fleet, worker and dry-run actuator."""
    from detector.demo.run import DemoOptions, run_demo

    return run_demo(DemoOptions(once=once, json_output=json_output, seed=seed, screen=screen))


@app.command(epilog=EPILOG)
def check(
    config: Config = None,
    output: OutputOption = Output.TABLE,
    example: Annotated[
        bool, typer.Option("--example", help="Print an example file with all settings instead.")
    ] = False,
) -> int:
    """Check settings and rules; report all faults at once, with file and line."""
    from detector.cli import checking

    return checking.print_example() if example else checking.check(config, output)


@app.command(epilog=EPILOG)
def decode(
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="Records, one per line; - is standard input.")
    ],
    config: Config = None,
    output: OutputOption = Output.TABLE,
    whole: Annotated[
        bool, typer.Option("--whole", help="Read the file as a single record.")
    ] = False,
    topic: Annotated[str | None, typer.Option(help="Topic to assume for the records.")] = None,
) -> int:
    """Show how each record is decoded: envelope, fields and rules, or why it is refused.

    Exit code 1 if a record is refused.
    """
    settings = read_settings(config)
    from detector.cli import decoding

    return decoding.decode(settings, file, output, whole=whole, topic=topic)


@app.command(epilog=EPILOG)
def backtest(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|topic:NAME",
            help="Records, one per line (.gz is decompressed), a .parquet file, or a topic.",
        ),
    ],
    config: Config = None,
    rules: Annotated[
        Path | None,
        typer.Option("--rules", help="Directory of rules; default the setting rules_dir."),
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="Settings file to compare with.")
    ] = None,
    against_rules: Annotated[
        Path | None, typer.Option("--against-rules", help="Directory of rules to compare with.")
    ] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", help="Start of the range: ISO 8601 or epoch milliseconds."),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="End of the range, exclusive.")] = None,
    output: OutputOption = Output.TABLE,
) -> int:
    """Show the alarms and actions that recorded records would have caused, and their cost."""
    settings = read_settings(config)
    from detector.cli import backtesting

    return backtesting.run(
        source,
        settings,
        rules=rules,
        against=against,
        against_rules=against_rules,
        span=(begin, end),
        output=output,
    )


class Tailed(StrEnum):
    """Topics that ``detector tail`` prints."""

    ALARMS = "alarms"
    ACTIONS = "actions"
    DECISIONS = "decisions"
    OUTCOMES = "outcomes"
    DEAD_LETTERS = "dead-letters"


@app.command(epilog=EPILOG)
def tail(
    topic: Annotated[Tailed, typer.Argument(help="Topic to read.")],
    config: Config = None,
    output: OutputOption = Output.TABLE,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Start with the oldest record.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Wait for new records, or stop at the end.")
    ] = True,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", "-n", min=0, help="Stop after this many records; 0 means no limit."
        ),
    ] = 0,
) -> int:
    """Print records of a topic as they arrive, until Ctrl-C."""
    settings = read_settings(config)
    from detector.cli import tailing

    return tailing.tail(
        settings, topic.value, output, from_beginning=from_beginning, follow=follow, limit=limit
    )


class OrderBy(StrEnum):
    """How contributors are ranked: by their sum, or by their largest datapoint."""

    SUM = "Sum"
    MAXIMUM = "Maximum"


@app.command(epilog=EPILOG)
def report(
    rule: Annotated[str, typer.Argument(help="Name of a rule, or fleet:NAME.")],
    config: Config = None,
    start: Annotated[
        str, typer.Option(help="Start: RFC 3339, or how long ago (90s, 15m, 6h, 2d).")
    ] = "1h",
    end: Annotated[str, typer.Option(help="End: like --start, or now.")] = "now",
    period: Annotated[int, typer.Option(help="Seconds per datapoint: a multiple of a pane.")] = 60,
    top: Annotated[int, typer.Option(help="Maximum number of contributors, 1 to 500.")] = 10,
    order_by: Annotated[
        OrderBy, typer.Option(help="Rank by the sum, or by the largest datapoint.")
    ] = OrderBy.SUM,
    output: OutputOption = Output.TABLE,
) -> int:
    """Show contributors and metrics of a rule or a fleet over a time range.

    Reads the history that `detector api` keeps, or else the reports topic.
    """
    settings = read_settings(config)
    from detector.cli import reporting
    from detector.cloudwatch.metrics.ranges import RankOrder

    options = reporting.ReportOptions(rule, start, end, period, top, RankOrder(order_by.value))
    return reporting.report(settings, options, output)


@topics.command("create", epilog=EPILOG)
def create_topics(config: Config = None, output: OutputOption = Output.TABLE) -> int:
    """Create missing topics; existing ones are not changed."""
    settings = read_settings(config)
    from detector.cli import topic_commands

    return topic_commands.create(settings, output)


@topics.command("check", epilog=EPILOG)
def check_topics(config: Config = None, output: OutputOption = Output.TABLE) -> int:
    """Report topics that are missing or differ; exit code 1 if there are any."""
    settings = read_settings(config)
    from detector.cli import topic_commands

    return topic_commands.check(settings, output)


@topics.command("show", epilog=EPILOG)
def show_topics(config: Config = None, output: OutputOption = Output.TABLE) -> int:
    """Show the topics as they are on the broker."""
    settings = read_settings(config)
    from detector.cli import topic_commands

    return topic_commands.show(settings, output)


Reason = Annotated[str, typer.Option("--reason", "-r", help="Reason, recorded with the change.")]
By = Annotated[
    str | None, typer.Option("--by", help="Author of the change; default the user's name.")
]


@kill_switch.command("on", epilog=EPILOG)
def kill_switch_on(reason: Reason, by: By = None, config: Config = None) -> int:
    """Forbid all actions."""
    return _set_kill_switch(config, engaged=True, reason=reason, by=by)


@kill_switch.command("off", epilog=EPILOG)
def kill_switch_off(reason: Reason, by: By = None, config: Config = None) -> int:
    """Allow actions again."""
    return _set_kill_switch(config, engaged=False, reason=reason, by=by)


@kill_switch.command("status", epilog=EPILOG)
def kill_switch_status(config: Config = None, output: OutputOption = Output.TABLE) -> int:
    """Show whether it is on; exit code 1 if that is unknown, which counts as on."""
    settings = read_settings(config)
    from detector.cli import kill_switch_commands

    return kill_switch_commands.status(settings, output)


def _set_kill_switch(config: Path | None, *, engaged: bool, reason: str, by: str | None) -> int:
    settings = read_settings(config)
    from detector.cli import kill_switch_commands

    return kill_switch_commands.switch(settings, engaged=engaged, reason=reason, by=by)
