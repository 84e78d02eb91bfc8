"""A reading adds to what was known."""

from config.capacity import NO_LIMITS, ReadLimits, ReadPart
from streams.ingest.limits.reading import IN_FORCE_AFTER, MOST_VALUES, FoundLimit, PartReading, merged

NOW = 1_790_000_040.0  # a whole minute
LATER = NOW + 86_400.0
IN_FORCE = int(LATER + IN_FORCE_AFTER)


def reading(*found: FoundLimit, service: str = "dynamodb", error: str = "") -> PartReading:
    return PartReading("1", "eu-west-1", service, found, error)


def wcu(value: float, name: str = "items") -> FoundLimit:
    return FoundLimit("table", name, "wcu", value, "provisioned")


FIRST = merged(NO_LIMITS, [reading(wcu(50.0))], NOW)


def values(known: ReadLimits) -> dict[str, tuple[tuple[int, float | None], ...]]:
    return {limit.name: limit.values for limit in known.limits}


def test_what_is_read_first_is_in_force_at_once() -> None:
    assert values(FIRST) == {"items": ((int(NOW), 50.0),)}
    assert FIRST.parts == (
        ReadPart(account="1", region="eu-west-1", service="dynamodb", read=int(NOW), tried=int(NOW)),
    )


def test_a_limit_that_changed_is_in_force_ten_minutes_later_and_the_old_one_is_remembered() -> None:
    known = merged(FIRST, [reading(wcu(80.0))], LATER)
    assert values(known) == {"items": ((int(NOW), 50.0), (IN_FORCE, 80.0))}
    assert [known.limits[0].at(at) for at in (0, IN_FORCE - 1, IN_FORCE)] == [50, 50, 80]


def test_a_limit_that_did_not_change_takes_no_room() -> None:
    known = merged(FIRST, [reading(wcu(50.0))], LATER)
    assert values(known) == values(FIRST)
    assert known.parts[0].read == int(LATER)


def test_a_limit_that_is_gone_is_none_from_then_on_and_may_come_back() -> None:
    gone = merged(FIRST, [reading()], LATER)
    assert values(gone) == {"items": ((int(NOW), 50.0), (IN_FORCE, None))}
    assert values(merged(gone, [reading()], LATER + 86_400)) == values(gone)
    back = merged(gone, [reading(wcu(20.0))], LATER + 86_400)
    assert back.limits[0].value == 20
    assert len(back.limits[0].values) == 3


def test_a_part_that_could_not_be_read_keeps_its_limits_and_their_age() -> None:
    quota = FoundLimit("quota", "lambda/L-1", "quota", 7.0)
    before = merged(NO_LIMITS, [reading(wcu(50.0)), reading(quota, service="servicequotas")], NOW)
    failed = reading(error="access denied: dynamodb:ListTables")
    known = merged(before, [failed, reading(quota, service="servicequotas")], LATER)
    assert values(known) == values(before)
    dynamodb, quotas = known.parts
    assert (dynamodb.read, dynamodb.tried, dynamodb.error) == (int(NOW), int(LATER), failed.error)
    assert (quotas.read, quotas.error) == (int(LATER), "")
    assert known.oldest == int(NOW)


def test_what_the_configuration_no_longer_names_is_dropped() -> None:
    assert merged(FIRST, [reading(service="lambda")], LATER).limits == ()


def test_the_changes_that_are_kept_are_bounded() -> None:
    known = FIRST
    for day in range(2 * MOST_VALUES):
        known = merged(known, [reading(wcu(day % 2 + 1.0))], LATER + day * 86_400)
    assert len(known.limits[0].values) == MOST_VALUES


def test_two_changes_before_the_first_is_in_force_are_one() -> None:
    known = merged(merged(FIRST, [reading(wcu(80.0))], LATER), [reading(wcu(90.0))], LATER + 1)
    assert [value for _, value in known.limits[0].values][-1] == 90
    times = [since for since, _ in known.limits[0].values]
    assert times == sorted(set(times))
