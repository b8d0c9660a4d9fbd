"""Composition of the rules that change while the workers run: the timeline and its reader."""

from collections.abc import Callable

from detector.core.notices import NoticeListener
from detector.core.steady_time import SteadyTime
from detector.ingest.tallying import TallySettings
from detector.rules.live_rules import LiveRules
from detector.rules.log_reducer import TimelineTerms
from detector.rules.parser import LENIENT, parse_rule
from detector.rules.rule_files import load_rules, read_definition
from detector.rules.rules import ContributorRule, RuleSet
from detector.rules.timeline import RuleTimeline
from detector.settings import Settings
from detector.tables.tally import TallyLimits


def timeline_terms(settings: Settings) -> TimelineTerms:
    """Return the terms that all workers of a group must share."""
    ahead_seconds = settings.windows.future_tolerance_seconds + settings.rules.lead_seconds
    return TimelineTerms(
        pane_ms=settings.windows.times().pane_ms,
        ahead_ms=round(ahead_seconds * 1000),
        max_rules=settings.rules.most,
    )


def tally_settings(settings: Settings, rules: RuleSet) -> TallySettings:
    """Return the settings of the tallying agent."""
    return TallySettings(
        rules=rules,
        mapping=settings.fields.mapping(),
        limits=settings.input.limits(),
        times=settings.windows.times(),
        tally_limits=TallyLimits(
            exact_contributors=settings.input.exact_contributors,
            ids_per_pane=settings.input.dedup_ids_per_pane,
        ),
        topics=settings.topic_names(),
        max_record_bytes=settings.tallies.max_record_bytes,
    )


def followed_rules(
    settings: Settings,
    clock: Callable[[], SteadyTime],
    listener: NoticeListener,
    rule_set: RuleSet | None = None,
) -> LiveRules:
    """Return the rules of the files (or ``rule_set`` if already read), with their changes.

    Raises ``RuleError`` with all faults of the files.
    """
    rules = (
        load_rules(settings.rules_dir, lenient=settings.lenient_rules)
        if rule_set is None
        else rule_set
    )
    files = [(rule, read_definition(settings.rules_dir, rule.name)) for rule in rules]
    terms = timeline_terms(settings)
    return LiveRules(
        lambda: RuleTimeline(files, terms, _read_rule),
        clock=clock,
        max_age_seconds=settings.rules.lead_seconds / 2,
        listener=listener,
    )


def _read_rule(name: str, definition: str) -> ContributorRule:
    # Writers may have stricter limits; all readers must accept the same rules.
    return parse_rule(definition, name=name, limits=LENIENT)
