from zoneinfo import ZoneInfo

from alerting.evaluation.comparison import compare
from detectors.model.finding import Verdict
from streams.offline.replay.result_lines import comparison_lines
from tests.alerting.given import PUT, ROUTE, SERVICE, T0, TABLE, finding
from tests.alerting.made import LEDGER, made

TOKYO = ZoneInfo("Asia/Tokyo")
A = [
    made("later-a", after=60),
    made("lost-aaaaaaaaaaaa", LEDGER),
    made("verdict-a", PUT),
    made("held-a", ROUTE, sent="none"),
    made("alike", TABLE, start=7200),
]
B = [
    made("later-b", after=300),
    made("verdict-b", PUT, verdict=Verdict.SHIFT, after=0),
    made("held-b", ROUTE),
    made("fresh-bb", SERVICE, start=60),
    made("growth-b", LEDGER, sent="digest", verdict=Verdict.GROWTH),
    made("alike", TABLE, start=7200),
]


def test_the_most_important_comes_first() -> None:
    lines = comparison_lines(
        compare(A, B, first=T0, last=T0 + 7 * 86400), TOKYO, a="uneri.yaml", b="other.yaml"
    )
    assert lines == [
        "A  uneri.yaml  4  pages, 4.0 a week  0  in the digest  1  not sent",
        "B  other.yaml  5  pages, 5.0 a week  1  in the digest  0  not sent",
        "2 new pages",
        (
            "  2025-10-09 18:00 JST  spike  route POST /items/{id} (requests)  held-b   "
            " not sent in A: quiet_hours"
        ),
        "  2025-10-09 18:01 JST  spike  service inventory (requests)       fresh-bb  nothing in A",
        "1 lost page",
        "  2025-10-09 18:00 JST  spike  table ledger (wcu)  lost-aaa  nothing in B",
        "1 sent later",
        "  2025-10-09 18:00 JST  spike  table items (wcu)  later-b  4 min later",
        "1 with a different verdict",
        (
            "  2025-10-09 18:00 JST  shift  function inventory-put-item (requests)  "
            "verdict-  spike in A, 1 min earlier"
        ),
        "1 entry in only one digest",
        "  2025-10-09 18:00 JST  growth  table ledger (wcu)  growth-b  only in B",
        "1 incident the same in both",
    ]


def test_a_page_that_became_an_entry_of_the_digest_is_lost() -> None:
    lines = comparison_lines(compare([made("a")], [made("b", sent="digest")]), TOKYO)
    assert "1 lost page" in lines
    assert lines[-2].endswith("in the digest in B")


def test_an_incident_about_a_different_series_is_listed() -> None:
    a, b = made("a", members=[finding(PUT)]), made("b", PUT)
    lines = comparison_lines(compare([a], [b]), TOKYO)
    assert lines[2] == "1 about a different series"
    assert lines[3].endswith("function inventory-put-item (requests)  b  table items (wcu) in A")


def test_equal_results_take_three_lines() -> None:
    assert [line.split()[0] for line in comparison_lines(compare(A, A), TOKYO)] == ["A", "B", "5"]
    assert comparison_lines(compare([], []), TOKYO)[-1] == "0 incidents the same in both"


def test_long_sections_are_cut_with_the_number_left_out() -> None:
    many = [made(str(n), start=n * 3600) for n in range(12)]
    lines = comparison_lines(compare([], many), TOKYO, most=5)
    assert [line for line in lines if "more" in line] == ["  and 7 more in comparison.json"]
    assert len(lines) == 2 + 1 + 5 + 1 + 1


def test_names_from_events_cannot_control_the_terminal() -> None:
    hostile = made("a", TABLE._replace(name="items\n\x1b[2Jgone"))
    assert all(line.isprintable() for line in comparison_lines(compare([], [hostile]), TOKYO))
