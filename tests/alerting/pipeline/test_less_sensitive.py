"""The digest proposes a sensitivity when people marked much of what paged them."""

from alerting.commands.command import CommandKind
from alerting.commands.dispatch import Precision
from alerting.incidents.notice import Notice
from alerting.words.locales import ENGLISH
from tests.alerting.given import PUT, T0
from tests.alerting.notices import digest, later, opened, pipeline, press, resolved
from tests.alerting.pipeline.test_raised_thresholds import DAY, of_size


def of_digest(sizes: list[float], marked: int) -> Precision:
    """Return the precision in the digest after pages of these sizes, the first of which were marked."""
    one, at = pipeline(), T0
    for number, size in enumerate(sizes):
        at = T0 + number * DAY // 2
        page: Notice = of_size(size, f"p{number}", at, fingerprint=f"of {number}")
        one.feed([page], at)
        if number < marked:
            one.command(press(CommandKind.NOT_AN_ANOMALY, f"p{number}", at + 60))
        one.feed([resolved(page, at + 3600)], at + 3600)
    [sent] = one.feed([digest(at + DAY, page.incident)], at + DAY)
    assert sent.precision is not None
    return sent.precision


def test_much_that_was_marked_and_small_makes_a_proposal_with_its_price() -> None:
    found = of_digest([1.1, 1.2, 1.2, 1.15, 1.1, 4.0, 5.0], marked=5)
    assert (found.sensitivity, found.left_out, found.lost) == (0.8, 5, 0)


def test_a_page_that_was_withdrawn_does_not_stand() -> None:
    one = pipeline()
    page, other = opened("a"), opened("b", PUT)
    one.feed([page, other], T0)
    one.feed([later(page, T0 + 600, state="withdrawn")], T0 + 600)
    [sent] = one.feed([digest(T0 + DAY, page.incident)], T0 + DAY)
    assert sent.precision == Precision(weeks=4, pages=2, expected=0, not_an_anomaly=0, withdrawn=1)
    assert ENGLISH.digest.precision(sent.precision).startswith(
        "50 % of 2 pages in the last 4 weeks stand: 0 marked"
    )


def test_a_few_marks_or_large_ones_make_none() -> None:
    assert of_digest([1.1, 1.2, 1.2, 4.0, 5.0], marked=3).sensitivity is None
    assert of_digest([8.0, 9.0, 9.0, 8.0, 9.0], marked=5).sensitivity is None
