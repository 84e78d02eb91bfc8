"""What is said of a search: the lines of the terminal, and what is proposed."""

from streams.tune.result import lines
from streams.tune.rule import Rule
from streams.tune.trial import Both
from tests.streams.tune.tuned_search import outcome, tuned


def test_times_are_those_of_the_digest_with_their_zone() -> None:
    still = Both(outcome(1, 1, 0), outcome(1, 1, 0))
    assert lines(tuned(Rule(True, None), still, None))[0].startswith(
        "searched 1970-01-02 09:00 JST to 1970-01-08 09:00 JST, unseen until 1970-01-11 09:00 JST; "
    )


# -- a budget


def test_a_budget_that_nothing_meets_is_not_said_to_be_met() -> None:
    present = Both(outcome(4, 5, 20), outcome(2, 2, 20))
    found = lines(tuned(Rule(True, 3), present, Both(outcome(4, 5, 8), outcome(2, 2, 8))))
    assert "nothing that was tried stays within 3 pages a week: the nearest has 12.0" in found
    assert "pick (the nearest to 3 pages a week):" in found
    assert not any("labels told within" in line for line in found)
    found = lines(tuned(Rule(True, 3), present, None))
    assert found[-1].endswith("the present configuration is the nearest to 3 pages a week")


def test_with_a_budget_the_pages_a_week_of_the_unseen_stretch_are_said() -> None:
    present = Both(outcome(4, 5, 20), outcome(2, 2, 20))
    found = lines(tuned(Rule(True, 15), present, Both(outcome(4, 5, 8), outcome(2, 2, 8))))
    assert "pick (the most labels told within 15 pages a week, then the fewest false pages):" in found
    (unseen,) = [line for line in found if "not seen" in line]
    assert unseen.endswith("→ 2 of 2 labels told, 8.0 false pages a week, 10.0 pages a week")


# -- labels


def test_where_the_unseen_stretch_has_no_label_false_pages_decide_and_that_is_said() -> None:
    present = Both(outcome(4, 5, 20), outcome(0, 0, 20))
    calm = tuned(Rule(True, None), present, Both(outcome(4, 5, 8), outcome(0, 0, 8)))
    assert calm.better
    assert lines(calm)[-3:] == [
        "on the stretch it has not seen: 20.0 false pages a week → 8.0 false pages a week",
        "no label lies there: false pages are compared, and what the pick misses is not known",
        "proposed: 12.0 false pages a week fewer",
    ]
    alike = tuned(Rule(True, None), present, Both(outcome(4, 5, 8), outcome(0, 0, 20)))
    assert not alike.better
    assert lines(alike)[-1].endswith("the pick has no fewer false pages than the present configuration")


def test_labels_that_no_incident_fits_are_said() -> None:
    nothing = outcome(0, 5, 20, fitting=0)
    found = lines(tuned(Rule(True, None), Both(nothing, nothing), None))
    assert found[-2].startswith("no incident of any configuration fits any label")
    assert found[-1] == "nothing is proposed"  # and not that the present configuration is the best
    dull = outcome(0, 5, 0)
    found = lines(tuned(Rule(True, None), Both(dull, dull), None))
    assert any("incidents that were not told fit some" in line for line in found)


def test_without_labels_nothing_is_written_of_what_is_found_or_false() -> None:
    still = Both(outcome(0, 0, 6), outcome(0, 0, 3))
    written = tuned(Rule(False, 9), still, None).to_json()
    trials = written["trials"]
    assert isinstance(trials, list)
    assert trials[0] == {
        "changes": {},
        "pages": 6,
        "pages_per_week": 6.0,
        **dict.fromkeys(["labels", "found", "recall", "false_pages", "false_pages_per_week", "f1", "delay"]),
    }
