"""The result of a search: the lines for a terminal, and the proposal."""

from streams.offline.tune.pick import Rule
from streams.offline.tune.result import lines
from streams.offline.tune.trial import OutcomePair
from tests.streams.offline.tune.tuned_search import outcome, tuned


def test_times_are_those_of_the_digest_with_their_zone() -> None:
    still = OutcomePair(outcome(1, 1, 0), outcome(1, 1, 0))
    assert lines(tuned(Rule(True, None), still, None))[0].startswith(
        "searched 1970-01-02 09:00 JST to 1970-01-08 09:00 JST, validated until 1970-01-11 09:00 JST; "
    )


# -- a budget


def test_a_budget_that_nothing_meets_is_not_reported_as_met() -> None:
    present = OutcomePair(outcome(4, 5, 20), outcome(2, 2, 20))
    found = lines(tuned(Rule(True, 3), present, OutcomePair(outcome(4, 5, 8), outcome(2, 2, 8))))
    assert "no configuration tried stays within 3 pages a week; the closest has 12.0" in found
    assert "pick (closest to 3 pages a week):" in found
    assert not any("labels found within" in line for line in found)
    found = lines(tuned(Rule(True, 3), present, None))
    assert found[-1].endswith("the present configuration is the best one tried (closest to 3 pages a week)")


def test_with_a_budget_the_pages_a_week_in_validation_are_shown() -> None:
    present = OutcomePair(outcome(4, 5, 20), outcome(2, 2, 20))
    found = lines(tuned(Rule(True, 15), present, OutcomePair(outcome(4, 5, 8), outcome(2, 2, 8))))
    assert "pick (most labels found within 15 pages a week, then fewest false pages):" in found
    (unseen,) = [line for line in found if line.startswith("validation: ")]
    assert unseen.endswith("→ 2 of 2 labels found, 8.0 false pages a week, 10.0 pages a week")


# -- labels


def test_without_labels_in_validation_false_pages_decide_and_the_output_says_so() -> None:
    present = OutcomePair(outcome(4, 5, 20), outcome(0, 0, 20))
    calm = tuned(Rule(True, None), present, OutcomePair(outcome(4, 5, 8), outcome(0, 0, 8)))
    assert calm.better
    assert lines(calm)[-3:] == [
        "validation: 20.0 false pages a week → 8.0 false pages a week",
        "the validation period has no labels: only false pages are compared, misses are unknown",
        "proposed: 12.0 fewer false pages a week",
    ]
    alike = tuned(Rule(True, None), present, OutcomePair(outcome(4, 5, 8), outcome(0, 0, 20)))
    assert not alike.better
    assert lines(alike)[-1].endswith("the pick has no fewer false pages than the present configuration")


def test_labels_that_no_incident_matches_are_reported() -> None:
    nothing = outcome(0, 5, 20, fitting=0)
    found = lines(tuned(Rule(True, None), OutcomePair(nothing, nothing), None))
    assert found[-2].startswith("no label matches any incident")
    assert found[-1] == "no change is proposed"  # and not that the present configuration is the best
    dull = outcome(0, 5, 0)
    found = lines(tuned(Rule(True, None), OutcomePair(dull, dull), None))
    assert any("incidents that were not sent match some" in line for line in found)


def test_without_labels_found_and_false_are_null() -> None:
    still = OutcomePair(outcome(0, 0, 6), outcome(0, 0, 3))
    written = tuned(Rule(False, 9), still, None).to_json()
    trials = written["trials"]
    assert isinstance(trials, list)
    assert trials[0] == {
        "changes": {},
        "pages": 6,
        "pages_per_week": 6.0,
        **dict.fromkeys(["labels", "found", "recall", "false_pages", "false_pages_per_week", "f1", "delay"]),
    }
