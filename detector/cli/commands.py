"""Every command with its options and help; what it does is in the module that it loads."""

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
    help="Finds hosts and zones in gray failure from structured logs on Kafka, and asks for "
    "explained, rate-limited actions.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
topics = typer.Typer(help="Create, check or show the topics on the broker.", no_args_is_help=True)
kill_switch = typer.Typer(
    help="Forbid all actions at once, allow them again, or ask. Not known counts as on.",
    no_args_is_help=True,
)
app.add_typer(topics, name="topics")
app.add_typer(kill_switch, name="kill-switch")
app.add_typer(rules, name="rules")

# What a command needs is slow to load; another command, or --help, must not pay for it.
# ruff: noqa: PLC0415


@app.command(epilog=EPILOG)
def run(config: Config = None) -> int:
    """Run a worker: count, judge and decide, until SIGTERM. Logs `ready` when it has partitions."""
    settings = read_settings(config)
    from detector import bootstrap

    return bootstrap.run_worker(settings)


@app.command(epilog=EPILOG)
def actuate(config: Config = None) -> int:
    """Run the actuator: carry out granted actions, until SIGTERM. The default only records them."""
    settings = read_settings(config)
    from detector import bootstrap

    return bootstrap.run_actuator(settings)


@app.command(epilog=EPILOG)
def api(config: Config = None) -> int:
    """Serve CloudWatch's API for AWS clients, until SIGTERM; without keys on loopback alone."""
    settings = read_settings(config)
    from detector import bootstrap

    return bootstrap.run_api(settings)


@app.command(epilog=EPILOG)
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End when both alarms and the action were seen.")
    ] = False,
    json_output: Annotated[
        bool, typer.Option("--json", help="With --once: print the figures as one JSON object.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Repeat the fleet of an earlier run.")] = None,
    screen: Annotated[
        bool, typer.Option("--screen/--no-screen", help="A live screen, or plain lines.")
    ] = True,
) -> int:
    """Show everything on this machine: broker, simulated fleet, worker and dry-run actuator."""
    from detector.demo.run import DemoOptions, run_demo

    return run_demo(DemoOptions(once=once, json_output=json_output, seed=seed, screen=screen))


@app.command(epilog=EPILOG)
def check(
    config: Config = None,
    output: OutputOption = Output.TABLE,
    example: Annotated[
        bool, typer.Option("--example", help="Print a settings file with every setting instead.")
    ] = False,
) -> int:
    """Check settings and rules; tell every fault at once, with file and line."""
    from detector.cli import checking

    return checking.print_example() if example else checking.check(config, output)


@app.command(epilog=EPILOG)
def decode(
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="Records, one a line; - is standard input.")
    ],
    config: Config = None,
    output: OutputOption = Output.TABLE,
    whole: Annotated[bool, typer.Option("--whole", help="The file is a single record.")] = False,
    topic: Annotated[
        str | None, typer.Option(help="Topic that the records would come from.")
    ] = None,
) -> int:
    """Show how each record would be understood: envelope, fields and rules, or why not.

    Exit code 1 when a record was refused.
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
            help="Records, one a line (.gz is unpacked), a .parquet file, or a topic.",
        ),
    ],
    config: Config = None,
    rules: Annotated[
        Path | None, typer.Option("--rules", help="Directory of rules instead of the settings'.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="Settings file to compare with.")
    ] = None,
    against_rules: Annotated[
        Path | None, typer.Option("--against-rules", help="Directory of rules to compare with.")
    ] = None,
    begin: Annotated[
        str | None, typer.Option("--from", help="First time, ISO 8601 or epoch milliseconds.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="First time that no longer counts.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> int:
    """Tell what would have fired on recorded records, what would have been done, and its cost."""
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
    """Topics that can be tailed."""

    ALARMS = "alarms"
    ACTIONS = "actions"
    DECISIONS = "decisions"
    OUTCOMES = "outcomes"
    DEAD_LETTERS = "dead-letters"


@app.command(epilog=EPILOG)
def tail(
    topic: Annotated[Tailed, typer.Argument(help="What to read.")],
    config: Config = None,
    output: OutputOption = Output.TABLE,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Begin with the oldest record.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Wait for more, or end at the end.")
    ] = True,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, help="End after so many records; 0 is never.")
    ] = 0,
) -> int:
    """Print what happens, as it happens, until Ctrl-C."""
    settings = read_settings(config)
    from detector.cli import tailing

    return tailing.tail(
        settings, topic.value, output, from_beginning=from_beginning, follow=follow, limit=limit
    )


class OrderBy(StrEnum):
    """By what contributors are ranked: their sum, or their largest datapoint."""

    SUM = "Sum"
    MAXIMUM = "Maximum"


@app.command(epilog=EPILOG)
def report(
    rule: Annotated[str, typer.Argument(help="A rule, or a fleet as fleet:NAME.")],
    config: Config = None,
    start: Annotated[
        str, typer.Option(help="Begin: RFC 3339, or how long ago (90s, 15m, 6h, 2d).")
    ] = "1h",
    end: Annotated[str, typer.Option(help="End: as --start, or now.")] = "now",
    period: Annotated[int, typer.Option(help="Seconds of a datapoint: whole panes.")] = 60,
    top: Annotated[int, typer.Option(help="Most contributors, 1 to 500.")] = 10,
    order_by: Annotated[
        OrderBy, typer.Option(help="Rank by the sum, or by the largest datapoint.")
    ] = OrderBy.SUM,
    output: OutputOption = Output.TABLE,
) -> int:
    """Show contributors and metrics of a rule or a fleet over a range of time.

    From the history that `detector api` keeps, or straight from the reports topic.
    """
    settings = read_settings(config)
    from detector.cli import reporting
    from detector.cloudwatch.metrics.ranges import RankOrder

    options = reporting.ReportOptions(rule, start, end, period, top, RankOrder(order_by.value))
    return reporting.report(settings, options, output)


@topics.command("create", epilog=EPILOG)
def create_topics(config: Config = None, output: OutputOption = Output.TABLE) -> int:
    """Create the topics that do not exist yet; existing ones are not changed."""
    settings = read_settings(config)
    from detector.cli import topic_commands

    return topic_commands.create(settings, output)


@topics.command("check", epilog=EPILOG)
def check_topics(config: Config = None, output: OutputOption = Output.TABLE) -> int:
    """Tell what is missing or differs; exit code 1 when anything does."""
    settings = read_settings(config)
    from detector.cli import topic_commands

    return topic_commands.check(settings, output)


@topics.command("show", epilog=EPILOG)
def show_topics(config: Config = None, output: OutputOption = Output.TABLE) -> int:
    """Show the topics as the broker has them."""
    settings = read_settings(config)
    from detector.cli import topic_commands

    return topic_commands.show(settings, output)


Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, for whoever reads it later.")]
By = Annotated[str | None, typer.Option("--by", help="Who; default the user's name.")]


@kill_switch.command("on", epilog=EPILOG)
def kill_switch_on(reason: Reason, by: By = None, config: Config = None) -> int:
    """Forbid all actions from now on."""
    return _set_kill_switch(config, engaged=True, reason=reason, by=by)


@kill_switch.command("off", epilog=EPILOG)
def kill_switch_off(reason: Reason, by: By = None, config: Config = None) -> int:
    """Allow actions again."""
    return _set_kill_switch(config, engaged=False, reason=reason, by=by)


@kill_switch.command("status", epilog=EPILOG)
def kill_switch_status(config: Config = None, output: OutputOption = Output.TABLE) -> int:
    """Tell whether it is on; exit code 1 when that cannot be known, which counts as on."""
    settings = read_settings(config)
    from detector.cli import kill_switch_commands

    return kill_switch_commands.status(settings, output)


def _set_kill_switch(config: Path | None, *, engaged: bool, reason: str, by: str | None) -> int:
    settings = read_settings(config)
    from detector.cli import kill_switch_commands

    return kill_switch_commands.switch(settings, engaged=engaged, reason=reason, by=by)
