"""Shifts in force, and how much is left without a zone."""

from detector.decisions.zones import Shift, ShiftsInForce, hosts_left, zones_left

SHIFTS = (Shift("az1", "checkout", 100.0), Shift("az1", "cart", 200.0), Shift("az2", "cart", 50.0))


def test_a_shift_is_in_force_until_it_expires() -> None:
    assert ShiftsInForce.at(SHIFTS, 49.0).zones == ("az1", "az2")
    assert ShiftsInForce.at(SHIFTS, 50.0).zones == ("az1",)
    assert ShiftsInForce.at(SHIFTS, 200.0) == ShiftsInForce()


def test_a_zone_is_away_for_a_service_or_for_any() -> None:
    shifts = ShiftsInForce.at(SHIFTS, 100.0)
    assert shifts.is_away("az1")
    assert shifts.is_away("az1", "cart")
    assert not shifts.is_away("az1", "checkout")
    assert not shifts.is_away("az2")
    assert ShiftsInForce(SHIFTS).others("az1") == ("az2",)


def test_what_is_left_without_a_zone() -> None:
    assert [zones_left(zones) for zones in (0, 1, 3)] == [0, 0, 2]
    assert hosts_left(120, 40, 8) == 0.6
    assert hosts_left(10, 40, 0) == 0.0
    assert hosts_left(0, 0, 0) == 0.0
