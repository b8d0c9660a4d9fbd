"""The SQL statements that read the history; all values are passed as parameters.

``$subject`` is the subject's number; ``$pane``, ``$window`` and ``$period`` are lengths and
``$begin`` the start of the range, in milliseconds. Periods begin at multiples of their length since
the epoch plus ``$phase``. Windows that end in ``[$first, $last)`` are read.

Theory of operation: windows overlap, so only their newest panes are added up. The number of
contributors of a period and its largest contributor are the maximum over three sources: the merged
listed contributors of its panes, each pane by itself, and the windows within the period. All three
are lower bounds; a window that equals the period is exact. With observations below zero a single
pane is no lower bound and is not used.
"""

from typing import Final

from detector.cloudwatch.metrics.fleets import FleetColumn
from detector.cloudwatch.metrics.ranges import MAX_DATAPOINTS, RankOrder

# Statements are built only from the constants in this file.
# ruff: noqa: S608

_PANES: Final = """
CREATE TEMP TABLE panes AS SELECT * {columns},
    window_end - $pane - (window_end - $pane - $phase) % $period AS period
FROM reports WHERE subject = $subject AND window_end >= $first AND window_end < $last"""
PANES: Final = _PANES.format(columns="")
"""Creates the table of the panes in the range; the other statements read from it."""
BARE_PANES: Final = _PANES.format(
    columns="REPLACE (NULL::VARCHAR[] AS keys, NULL::DOUBLE[] AS amounts)"
)
"""The same without contributors, which are most of the data."""
OWNED: Final = """
CREATE TEMP TABLE owned AS SELECT period, contributor, sum(amount) AS amount FROM (
    SELECT period, unnest(keys) AS contributor, unnest(amounts) AS amount FROM panes
) GROUP BY ALL"""
"""Creates the table of the amount of each contributor in each period."""
POINTS: Final = """
WITH merged AS (
    SELECT period, count(*) AS contributors, max(amount) AS top FROM owned GROUP BY period
), counted AS (
    SELECT period, sum(total) AS total, sum(samples) AS samples,
        min(minimum) FILTER (samples > 0) AS minimum, max(maximum) FILTER (samples > 0) AS maximum,
        max(pane_unique) AS pane_unique, max(pane_top) AS pane_top,
        max(window_unique) FILTER (window_end - $window >= greatest(period, $begin))
            AS window_unique,
        max(window_top) FILTER (window_end - $window >= greatest(period, $begin)) AS window_top,
        bool_and(complete) AS complete, $period = $pane AS is_pane, $period = $window AS is_window
    FROM panes GROUP BY period HAVING sum(samples) > 0
)
SELECT period, complete, total, samples, minimum, maximum,
    CASE WHEN is_window AND window_unique IS NOT NULL THEN window_unique
        WHEN is_pane THEN pane_unique
        ELSE greatest(contributors, pane_unique, window_unique) END AS contributors,
    CASE WHEN is_window AND window_top IS NOT NULL THEN window_top
        WHEN is_pane THEN pane_top
        WHEN minimum < 0 THEN coalesce(top, 0)
        ELSE greatest(top, pane_top, window_top) END AS top
FROM counted LEFT JOIN merged USING (period) ORDER BY period"""
CONTRIBUTORS: Final = {
    order: f"""
WITH ranked AS (
    SELECT contributor, sum(amount) AS value, max(amount) AS largest FROM owned
    GROUP BY contributor ORDER BY {column} DESC, value DESC, contributor LIMIT $most
)
SELECT contributor, value, largest, period, amount FROM ranked JOIN owned USING (contributor)
ORDER BY {column} DESC, value DESC, contributor, period LIMIT {MAX_DATAPOINTS + 1}"""
    for order, column in ((RankOrder.SUM, "value"), (RankOrder.MAXIMUM, "largest"))
}
WHOLE: Final = """
SELECT coalesce(sum(total), 0), coalesce(sum(unlisted), 0), count(*), count_if(NOT complete),
    greatest(
        coalesce(max(pane_unique), 0),
        coalesce(max(window_unique) FILTER (window_end - $window >= $begin), 0),
        (SELECT count(DISTINCT contributor) FROM owned)
    )
FROM panes"""

_COUNTED: Final = """
SELECT window_end - $pane - (window_end - $pane - $phase) % $period AS period,
    bool_and(complete) AS complete, sum(samples) AS samples, sum({column}) AS total
FROM reports WHERE subject = $subject AND window_end >= $first AND window_end < $last
GROUP BY period HAVING sum(samples) > 0 ORDER BY period"""
_LEVEL: Final = """
SELECT window_end - $pane - (window_end - $pane - $phase) % $period AS period,
    bool_and(complete) AS complete, count(*) FILTER (seen) AS samples,
    sum(hosts) FILTER (seen) AS total, min(hosts) FILTER (seen) AS minimum,
    max(hosts) FILTER (seen) AS maximum
FROM (
    SELECT *, $period < $window OR window_end % $window = 0 AS seen FROM reports
    WHERE subject = $subject AND window_end >= $first AND window_end < $last
) GROUP BY period HAVING count(*) FILTER (seen) > 0 AND sum(samples) > 0 ORDER BY period"""
FLEET_COLUMNS: Final = {
    FleetColumn.REQUESTS: _COUNTED.format(column="samples"),
    FleetColumn.FAULTS: _COUNTED.format(column="total"),
    FleetColumn.SLOW: _COUNTED.format(column="slow"),
    FleetColumn.CONNECTION_FAILURES: _COUNTED.format(column="connection_failures"),
    FleetColumn.HOSTS: _LEVEL,
}
