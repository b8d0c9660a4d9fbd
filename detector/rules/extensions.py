"""What a rule may ask beyond CloudWatch, in the member ``Extensions`` of its definition.

``Keys`` and ``Filters`` are added to those of the contribution, ``AnyOf`` is groups of filters of
which one must pass whole, ``Ratio`` and ``Percentiles`` give a contributor another value than its
count. Bounds, all of them: 8 keys and 16 filters together with those of the contribution, 8 groups
of up to 8 filters, one measure.
"""

from dataclasses import dataclass
from typing import Any

from detector.logs.field_paths import FieldPath
from detector.rules.filters import read_filters
from detector.rules.json_lines import JsonPath
from detector.rules.reading import Reading, counted, is_list, shown
from detector.rules.rules import Aggregate, AnyOf, Filter, Percentiles, Ratio

MOST_KEYS = 8
MOST_FILTERS = 16
MOST_GROUPS = 8
MOST_IN_GROUP = 8
MOST_PERCENTILES = 5
MOST_SKETCHED = 20_000
"""Contributors of one pane that a rule may have sketched; a sketch takes some kilobytes."""
SKETCHED = 2_000

_MEMBERS = ("Keys", "Filters", "AnyOf", "Ratio", "Percentiles")
_RATIO_MEMBERS = ("Numerator", "MinimumDenominator")
_PERCENTILES_MEMBERS = ("Of", "At", "MinimumSamples", "MostContributors")
_LARGEST_MINIMUM = 1e15


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the member says."""

    keys: tuple[FieldPath, ...] = ()
    filters: tuple[Filter, ...] = ()
    any_of: AnyOf = ()
    measure: Ratio | Percentiles | None = None


def read_extensions(
    reading: Reading,
    value: Any,
    aggregate: Aggregate | None,
    keys: tuple[FieldPath, ...],
    filters: tuple[Filter, ...],
) -> Extensions:
    """Read the member; ``aggregate``, ``keys`` and ``filters`` are those of the plain rule."""
    path: JsonPath = ("Extensions",)
    members = reading.object_at(value, path, _MEMBERS)
    for name in members:
        if name in _MEMBERS:
            reading.warn((*path, name), "an extension of ours", "no member Extensions")
    if "Ratio" in members and "Percentiles" in members:
        reading.fault((*path, "Percentiles"), "Ratio as well", "one of the two")
    measure: Ratio | Percentiles | None = None
    if "Ratio" in members:
        measure = _read_ratio(reading, members["Ratio"])
    elif "Percentiles" in members:
        measure = _read_percentiles(reading, members["Percentiles"], aggregate)
    return Extensions(
        _read_keys(reading, members["Keys"], MOST_KEYS - len(keys)) if "Keys" in members else (),
        read_filters(
            reading,
            members.get("Filters", []),
            (*path, "Filters"),
            most=MOST_FILTERS - len(filters),
            extended=True,
        ),
        _read_groups(reading, members["AnyOf"]) if "AnyOf" in members else (),
        measure,
    )


def _read_keys(reading: Reading, value: Any, most: int) -> tuple[FieldPath, ...]:
    path: JsonPath = ("Extensions", "Keys")
    if not is_list(value) or len(value) > most:
        reading.fault(path, counted(value, "keys"), f"a list of at most {most} more fields")
        return ()
    read = [reading.field(key, (*path, position)) for position, key in enumerate(value)]
    return tuple(found for found in read if found is not None)


def _read_groups(reading: Reading, value: Any) -> AnyOf:
    path: JsonPath = ("Extensions", "AnyOf")
    if not is_list(value) or not 1 <= len(value) <= MOST_GROUPS:
        expected = f"a list of 1 to {MOST_GROUPS} groups of filters"
        reading.fault(path, counted(value, "groups"), expected)
        return ()
    groups = []
    for position, group in enumerate(value):
        place = (*path, position)
        if is_list(group) and not group:
            reading.fault(place, "no filters", f"a list of 1 to {MOST_IN_GROUP} filters")
        groups.append(read_filters(reading, group, place, most=MOST_IN_GROUP, extended=True))
    return tuple(groups)


def _read_ratio(reading: Reading, value: Any) -> Ratio | None:
    path: JsonPath = ("Extensions", "Ratio")
    members = reading.object_at(value, path, _RATIO_MEMBERS, required=("Numerator",))
    minimum: float | None = 1.0
    if "MinimumDenominator" in members:
        place = (*path, "MinimumDenominator")
        minimum = reading.number(members["MinimumDenominator"], place, 1e-9, _LARGEST_MINIMUM)
    if "Numerator" not in members:
        return None
    place = (*path, "Numerator")
    numerator = reading.object_at(members["Numerator"], place, ("Filters", "ValueOf"))
    if isinstance(members["Numerator"], dict) and not numerator:
        reading.fault(place, "{}", "Filters, ValueOf or both")
    filters = read_filters(
        reading,
        numerator.get("Filters", []),
        (*place, "Filters"),
        most=MOST_IN_GROUP,
        extended=True,
    )
    value_of = None
    if "ValueOf" in numerator:
        value_of = reading.field(numerator["ValueOf"], (*place, "ValueOf"))
    return None if minimum is None else Ratio(filters, value_of, minimum)


def _read_percentiles(
    reading: Reading, value: Any, aggregate: Aggregate | None
) -> Percentiles | None:
    path: JsonPath = ("Extensions", "Percentiles")
    members = reading.object_at(value, path, _PERCENTILES_MEMBERS, required=("Of", "At"))
    if aggregate is Aggregate.SUM:
        expected = "no Percentiles, since AggregateOn is Sum: Of names the field"
        reading.fault(path, shown(value), expected)
    of = reading.field(members["Of"], (*path, "Of")) if "Of" in members else None
    at = _read_ranks(reading, members["At"]) if "At" in members else ()
    minimum = reading.number(
        members.get("MinimumSamples", 1), (*path, "MinimumSamples"), 1, _LARGEST_MINIMUM
    )
    most = reading.number(
        members.get("MostContributors", SKETCHED),
        (*path, "MostContributors"),
        1,
        MOST_SKETCHED,
        whole=True,
    )
    if of is None or not at or minimum is None or most is None:
        return None
    return Percentiles(of, at, minimum, int(most))


def _read_ranks(reading: Reading, value: Any) -> tuple[float, ...]:
    path: JsonPath = ("Extensions", "Percentiles", "At")
    if not is_list(value) or not 1 <= len(value) <= MOST_PERCENTILES:
        expected = f"a list of 1 to {MOST_PERCENTILES} percentiles, the one that ranks first"
        reading.fault(path, counted(value, "percentiles"), expected)
        return ()
    read = [reading.number(rank, (*path, position), 0, 100) for position, rank in enumerate(value)]
    return tuple(rank for rank in read if rank is not None)
