"""Facts about rows grouped by zone, against loops over the same rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.detection.statistics import pearson_dispersion
from detector.detection.zone_rows import ZoneRows

ZONES = 3
Row = tuple[int, int, int, bool]
many_rows = st.lists(
    st.tuples(st.integers(0, ZONES - 1), st.integers(0, 90), st.integers(0, 9), st.booleans()),
    max_size=30,
)


def rows_of(rows: list[Row]) -> ZoneRows:
    zone, requests, faults, suspect = (
        np.array([row[column] for row in rows], dtype=np.int64) for column in range(4)
    )
    return ZoneRows.read(zone, requests, faults, ZONES, suspect.astype(np.bool_))


@given(many_rows)
def test_a_zone_has_all_its_hosts_and_its_peers_are_the_clean_of_the_others(
    rows: list[Row],
) -> None:
    found = rows_of(rows).compare()
    for zone in range(ZONES):
        own = [row for row in rows if row[0] == zone]
        peers = [row for row in rows if row[0] != zone and not row[3]]
        assert (
            sum(row[1] for row in own),
            sum(row[2] for row in own),
            sum(row[1] for row in peers),
            sum(row[2] for row in peers),
        ) == (
            found.requests[zone],
            found.faults[zone],
            found.peer_requests[zone],
            found.peer_faults[zone],
        )


@given(many_rows.map(lambda rows: [row for row in rows if row[1] > 0]))
def test_the_scatter_of_a_zone_is_that_of_its_peers(rows: list[Row]) -> None:
    """Hosts without requests but with faults belong to no rate, so they are left out here."""
    grouped = rows_of(rows)
    found = grouped.scatter(grouped.compare())
    for zone in range(ZONES):
        peers = (grouped.zone != zone) & grouped.clean
        if peers.sum() > 1 and grouped.faults[peers].sum() > 0:
            expected = pearson_dispersion(grouped.requests, grouped.faults, peers)
            assert expected == pytest.approx(found[zone], rel=1e-9, abs=1e-9)
        else:
            assert 0.0 == pytest.approx(found[zone], abs=1e-9)


@given(many_rows)
def test_the_worst_host_has_most_faults_beyond_the_rate_of_the_peers(rows: list[Row]) -> None:
    grouped = rows_of(rows)
    zones = grouped.compare()
    worst = grouped.worst_hosts(zones)
    without = grouped.without_hosts(zones, worst)
    for zone in range(ZONES):
        hosts = [host for host, row in enumerate(rows) if row[0] == zone]
        if not hosts:
            assert (-1, 0.0) == (worst[zone], without.faults[zone])
            continue
        peers = zones.peer_requests[zone]
        rate = zones.peer_faults[zone] / peers if peers else 0.0
        excess = [rows[host][2] - rate * rows[host][1] for host in hosts]
        expected = hosts[excess.index(max(excess))]
        assert expected == worst[zone]
        assert zones.faults[zone] - rows[expected][2] == without.faults[zone]
