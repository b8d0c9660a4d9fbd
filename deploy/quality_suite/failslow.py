"""Part (a): labelled production data through the real way, and how firm the figures are."""

from collections.abc import Sequence
from time import monotonic

from rich.table import Table

from deploy.quality_suite.failslow_data import Cluster, DataError, clusters_in
from deploy.quality_suite.failslow_score import Score, incident_precision, score
from deploy.quality_suite.failslow_trials import (
    choose,
    chosen_tunings,
    first_alarms,
    judged,
    moved_tunings,
    ratios_of,
)
from deploy.quality_suite.failslow_way import alarms_of
from deploy.quality_suite.parts import Options, Result

LEAST_PRECISION = LEAST_RECALL = 0.95
MOST_MEDIAN_MINUTES = 40.0


def measure(options: Options) -> Result:
    """Score every cluster, one set of constants for all of them."""
    try:
        clusters = [*clusters_in(options.data)]
    except DataError as error:
        return Result({"clusters": {}}, shortfalls=[str(error)])
    scores: dict[str, Score] = {}
    table = _score_table("Labelled production data, events through the real way")
    shortfalls = []
    for cluster in clusters:
        begun = monotonic()
        alarms = alarms_of(cluster)
        found = scores[cluster.name] = score(cluster, alarms.first)
        incidents = "{} + {}".format(*incident_precision(cluster, alarms.incidents))
        table.add_row(cluster.name, *_cells(found), incidents)
        options.say(
            f"cluster {cluster.name}: {cluster.timestamps.size:,} events of {len(cluster.hosts)} "
            f"devices in {monotonic() - begun:.0f} s"
        )
        shortfalls += _shortfalls(cluster.name, found)
        if (first_alarms(ratios_of(cluster), cluster) != alarms.first).any():
            shortfalls.append(f"cluster {cluster.name}: trials do not find what the real way finds")
    tables = [table]
    if not options.quick:
        options.say("what would be with other constants")
        tables += [_left_out(clusters), _moved(clusters)]
    return Result(
        {"clusters": {name: each.figures() for name, each in scores.items()}}, tables, shortfalls
    )


def _left_out(clusters: Sequence[Cluster]) -> Table:
    """Choose the factor of the noise on all clusters but one, and judge it on that one."""
    table = _score_table("Left out: records_per_noise chosen on the other clusters", "chosen")
    if len(clusters) < 2:  # noqa: PLR2004
        return table
    tunings = chosen_tunings()
    scores = judged(clusters, tunings)
    for number, cluster in enumerate(clusters):
        others = [row[:number] + row[number + 1 :] for row in scores]
        best = choose(others)
        chosen = f"{tunings[best].records_per_noise:g}"
        table.add_row(cluster.name, *_cells(scores[best][number]), chosen)
    return table


def _moved(clusters: Sequence[Cluster]) -> Table:
    table = _score_table("Each constant moved by a quarter", "constant")
    names, tunings = zip(*moved_tunings(), strict=True)
    for name, row in zip(names, judged(clusters, tunings), strict=True):
        for cluster, found in zip(clusters, row, strict=True):
            table.add_row(cluster.name, *_cells(found), name)
    return table


def _score_table(title: str, last: str = "incidents right + wrong") -> Table:
    table = Table(title=title)
    names = ("cluster", "precision", "tolerant", "recall", "median min", "p90 min", "TP/FP/FN")
    for name in (*names, last):
        table.add_column(name)
    return table


def _cells(found: Score) -> list[str]:
    parts = (found.precision, found.precision_tolerant, found.recall)
    minutes = (found.ttd_median_minutes, found.ttd_p90_minutes)
    return [
        *(f"{each:.3f}" for each in parts),
        *("never" if each is None else f"{each:.1f}" for each in minutes),
        f"{found.true_positives}/{found.false_positives}/{found.false_negatives}",
    ]


def _shortfalls(name: str, found: Score) -> list[str]:
    told = []
    if found.precision_tolerant < LEAST_PRECISION:
        told.append(f"precision {found.precision_tolerant:.3f}, must {LEAST_PRECISION}")
    if found.recall < LEAST_RECALL:
        told.append(f"recall {found.recall:.3f}, must {LEAST_RECALL}")
    wait = found.ttd_median_minutes
    if wait is None or wait > MOST_MEDIAN_MINUTES:
        told.append(f"median time to detect {wait} minutes, must {MOST_MEDIAN_MINUTES:g}")
    return [f"cluster {name}: {each}" for each in told]
