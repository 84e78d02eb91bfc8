import pytest

from alerting.commands.labels import Label, LabelKind
from alerting.evaluation.comparison import compare
from alerting.evaluation.evaluation import Evaluation, FailOn, evaluate, failures, lost_labels, unanswerable
from alerting.incidents.incident import Incident
from tests.alerting.given import T0
from tests.alerting.made import LEDGER, made

KNOWN = [
    Label(kind=LabelKind.INCIDENT, start=T0, scope=scope)
    for scope in ("table:items", "table:ledger", "table:x")
]


def evaluation(*incidents: Incident) -> Evaluation:
    return evaluate(incidents, KNOWN, T0 - 60, T0 + 86400)


def test_new_pages_fail_and_lost_ones_do_not() -> None:
    few, many = [made("a")], [made("a"), made("b", LEDGER)]
    assert failures([FailOn.NEW_PAGES], comparison=compare(few, many)) == ["new-pages: 1 not in A"]
    assert failures([FailOn.NEW_PAGES], comparison=compare(many, few)) == []
    assert failures([FailOn.MISSED_LABELS], comparison=compare(few, many)) == []


def test_alone_every_label_must_be_found() -> None:
    assert failures([FailOn.MISSED_LABELS], evaluation=evaluation(made("a"))) == [
        "missed-labels: 2 of 3 not found"
    ]


def test_against_another_what_only_the_other_misses_fails() -> None:
    both, one = evaluation(made("a"), made("b", LEDGER)), evaluation(made("a"))
    assert [lost_label.label.scope for lost_label in lost_labels(both, one)] == ["table:ledger"]
    assert failures([FailOn.MISSED_LABELS], evaluation=both, against=one) == [
        "missed-labels: 1 found by A and missed by B"
    ]
    assert failures([FailOn.MISSED_LABELS], evaluation=one, against=both) == [], "x is missed by both"


def test_all_that_is_asked_for_is_said_at_once() -> None:
    a, b = [made("a")], [made("b", LEDGER)]
    found = failures(
        list(FailOn), comparison=compare(a, b), evaluation=evaluation(*a), against=evaluation(*b)
    )
    assert [line.split(":")[0] for line in found] == ["new-pages", "missed-labels"]
    assert failures([], comparison=compare(a, b), evaluation=evaluation()) == []


@pytest.mark.parametrize(
    ("asked", "against", "labels", "said"),
    [
        ([FailOn.NEW_PAGES], False, True, "--against"),
        ([FailOn.MISSED_LABELS], True, False, "--labels"),
        ([FailOn.NEW_PAGES, FailOn.MISSED_LABELS], True, True, None),
        ([], False, False, None),
    ],
)
def test_what_is_missing_to_answer_is_said(
    asked: list[FailOn], against: bool, labels: bool, said: str | None
) -> None:
    missing = unanswerable(asked, against=against, labels=labels)
    assert missing is None if said is None else said in str(missing)
