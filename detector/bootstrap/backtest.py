"""Composition of a backtest: its recording and its configurations."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from detector.backtest.recording import Recording, TimeRange
from detector.backtest.recordings import LineRecording, ParquetRecording, TopicRecording
from detector.backtest.results import Result
from detector.backtest.run import Configuration, backtest
from detector.bootstrap.brokers import Brokers
from detector.bootstrap.live_rules import tally_settings
from detector.core.vocabulary import Mode
from detector.rules.rule_files import load_rules
from detector.settings import Settings

TOPIC_PREFIX = "topic:"


class Side(NamedTuple):
    """One configuration, from its settings; ``rules_dir`` overrides that of the settings."""

    name: str
    settings: Settings
    rules_dir: Path | None


def run_backtest(
    source: str, span: TimeRange, sides: list[Side], on_progress: Callable[[float], None]
) -> list[Result]:
    """Run ``source`` through every side and return a result for each, in order.

    ``source`` is a file of lines, a ``.parquet`` file, or ``topic:NAME``, which is read from the
    broker of the first side. Raises ``OperatorError`` for invalid rules and ``DetectorError`` for
    an unusable source.
    """
    configurations = [_configuration(side) for side in sides]
    return backtest(_recording(source, span, sides[0].settings), configurations, on_progress)


def _recording(source: str, span: TimeRange, settings: Settings) -> Recording:
    if source.startswith(TOPIC_PREFIX):
        return TopicRecording(
            Brokers(settings).librdkafka(),
            source.removeprefix(TOPIC_PREFIX),
            span,
            timeout_seconds=settings.kafka.request_timeout_seconds,
        )
    path, topic = Path(source), settings.input_topics[0]
    if path.suffix == ".parquet":
        return ParquetRecording(path, topic, span)
    return LineRecording(path, topic, span)


def _configuration(side: Side) -> Configuration:
    settings = side.settings
    rules = load_rules(side.rules_dir or settings.rules_dir, lenient=settings.lenient_rules)
    return Configuration(
        name=side.name,
        settings=tally_settings(settings, rules),
        evaluate=settings.alarms.config(
            settings.share_test, settings.zone_test, settings.detectors
        ),
        decide=settings.budgets.config(Mode.ENFORCE),
    )
