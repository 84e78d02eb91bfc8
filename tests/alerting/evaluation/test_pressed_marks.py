"""Marks of labels, pressed in a replay, hold the later pages that show less."""

from alerting.commands.labels import Label, LabelKind
from alerting.evaluation.pressed_marks import pressed_marks
from alerting.incidents.notice import Notice
from config.settings import Settings
from tests.alerting.given import T0
from tests.alerting.notices import resolved
from tests.alerting.pipeline.test_raised_thresholds import DAY, of_size

LABEL = Label(kind=LabelKind.NOT_AN_ANOMALY, start=T0 - 300, end=T0 + 3600, scope="table:items", by="mika")


def history() -> list[Notice]:
    """Return three pages of the same table, of which the second is smaller than the first."""
    found = []
    for name, size, at in (("a", 3.0, T0), ("b", 2.0, T0 + DAY), ("c", 9.0, T0 + 2 * DAY)):
        first = of_size(size, name, at)
        found += [first, resolved(first, at + 3600)]
    return found


def test_the_smaller_page_would_have_been_held_and_the_larger_not() -> None:
    found = pressed_marks(history(), [LABEL], Settings())
    assert (found.pressed, [incident.id for incident in found.held], found.pages) == (1, ["b"], 3)


def test_a_mark_works_from_the_press_on() -> None:
    late = Label(kind=LabelKind.EXPECTED, start=T0, end=T0 + 3600, scope="table:items", at=T0 + DAY + 7200)
    assert pressed_marks(history(), [late], Settings()).held == []


def test_a_label_of_an_incident_is_no_mark() -> None:
    real = Label(kind=LabelKind.INCIDENT, start=T0, end=T0 + 3600, scope="table:items")
    assert pressed_marks(history(), [real], Settings()).pressed == 0
