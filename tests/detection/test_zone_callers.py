"""What the worst caller of each zone met there, also where a host does not list its callers."""

from detector.detection.zone_rows import worst_callers
from tests.support.windows import Host, fleet_of

ROWS = {"poison": [0, 1], "usual": [2, 4]}


def test_the_worst_caller_of_a_zone_explains_what_it_met_and_its_part_of_the_rest() -> None:
    """az1 lists 30 faults of which poison met 20; its fourth host lists nobody and has 9."""
    hosts = [
        Host("a", 12.0, zone="az1", caller="poison", caller_faults=11.0),
        Host("b", 10.0, zone="az1", caller="poison", caller_faults=9.0),
        Host("c", 8.0, zone="az1", caller="usual", caller_faults=8.0),
        Host("d", 9.0, zone="az1"),
        Host("e", 4.0, zone="az2", caller="usual", caller_faults=4.0),
        Host("f", 5.0, zone="az3"),
    ]
    excused = worst_callers(fleet_of(hosts), ROWS)
    assert [11.0, 9.0, 0.0, 9.0 * 20 / 30, 4.0, 0.0] == excused.tolist()
