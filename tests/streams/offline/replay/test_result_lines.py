from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from alerting.commands.labels import Label, LabelKind
from alerting.evaluation.comparison import compare
from alerting.evaluation.evaluation import Evaluation, evaluate
from alerting.evaluation.pressed_marks import PressedMarks
from alerting.incidents.incident import Incident
from detectors.model.finding import Verdict
from streams.offline.replay.result_lines import comparison_lines, evaluation_lines, mark_lines
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


def known(scope: str, start: int = 0, kind: LabelKind = LabelKind.INCIDENT, **fields: Any) -> Label:
    return Label(kind=kind, start=T0 + start, end=T0 + start + 600, scope=scope, **fields)


def evaluated(incidents: list[Incident], *labels: Label) -> Evaluation:
    return evaluate(incidents, labels, T0 - 3600, T0 - 3600 + 7 * 86400)


def test_figures_come_first_and_then_missed_labels_and_false_pages() -> None:
    incidents = [
        made("items-aaaa", members=[finding(SERVICE)]),
        made("puts-bbbb", PUT, start=7200, verdict=Verdict.SHIFT, after=180),
        made("ledger-cccc", LEDGER),
        made("growth-dddd", TABLE, start=9000, sent="digest", verdict=Verdict.GROWTH, after=86400),
        made("held-eeee", LEDGER, start=90_000, sent="none"),
    ]
    labels = [
        known("table:items", verdict="spike"),
        known("function:inventory-put-item", 7200, verdict="spike"),
        known("table:items", 9000, verdict="growth"),
        known("table:ledger", 90_000, note="a load test that went wrong"),
        known("table:orders", 95_000, verdict="drop"),
        known("table:ledger", kind=LabelKind.EXPECTED, by="U1", note="a sale"),
        known("table:items", -90_000),
        known("table:items", 8 * 86400),
    ]
    lines = evaluation_lines(evaluated(incidents, *labels), TOKYO)
    assert lines[:4] == [
        "3 of 5 labels found (60 %), 1 only in the digest, 1 with a different verdict",
        "3 pages, 1 false, precision 67 %, 1.0 false pages a week",
        "paged after 2 min (median), 3 min (p90), 3 min (max)",
        "in the digest after 1 d (median), 1 d (p90), 1 d (max)",
    ]
    table = {line[:18].strip(): line[18:].split() for line in lines[5:11]}
    assert table["total"][:4] == ["5", "3", "60", "%"]
    assert table["verdict growth"] == ["1", "1", "100", "%", "0", "0", "–", "0.0", *["1", "d"] * 3]
    assert table["verdict drop"] == ["1", "0", "0", "%", "0", "0", "–", "0.0", "–", "–", "–"]
    rest = lines[lines.index("2 missed labels") :]
    assert rest == [
        "2 missed labels",
        (
            "  2025-10-10 19:00 JST  incident  table:ledger  "
            "a load test that went wrong  held-eee not sent: quiet_hours"
        ),
        "  2025-10-10 20:23 JST  drop      table:orders                               no matching incident",
        "1 false page",
        "  2025-10-09 18:00 JST  spike  table ledger (wcu)  ledger-c  expected by U1: a sale",
        "1 found with a different verdict",
        "  2025-10-09 20:00 JST  shift  function inventory-put-item (requests)  puts-bbb  labelled spike",
        "not counted: 1 label before 2025-10-09 17:00 JST, during the warm-up of baselines",
        "not counted: 1 label after 2025-10-16 17:00 JST, the end of the replay",
    ]


def test_the_reason_why_an_incident_did_not_count_is_shown() -> None:
    growing = known("table:items", verdict="growth")
    spiking = known("table:items", verdict="spike")
    press = known("table:items", kind=LabelKind.NOT_AN_ANOMALY, incident="a")
    for case, labels, why in (
        (made("a", verdict=Verdict.SHIFT), [growing], "a a page, but growth belongs in the digest"),
        (made("a", start=-9000, lasts=None), [spiking], "a sent before the label starts"),
        (made("a"), [spiking, press], "a labelled as no incident"),
        (made("a", after=7 * 86400), [spiking], "a sent outside the evaluated period"),
    ):
        lines = evaluation_lines(evaluated([case], *labels), TOKYO)
        assert lines[lines.index("1 missed label") + 1].endswith(why), why


def test_nothing_to_measure_is_shown_without_ratios() -> None:
    lines = evaluation_lines(evaluate([], [], 0, 0), TOKYO)
    assert lines[:2] == ["no labels of incidents in the evaluated period", "0 pages, 0 false"]
    assert lines[-1].split() == ["total", "0", "0", "–", "0", "0", "–", "–", "–", "–", "–"]


def test_an_incident_sent_before_its_label_has_a_negative_delay() -> None:
    lines = evaluation_lines(evaluated([made("a", start=-300)], known("table:items")), TOKYO)
    assert lines[2] == "paged after −4 min (median), −4 min (p90), −4 min (max)"


def test_long_sections_are_cut_and_names_from_events_are_harmless() -> None:
    hostile = TABLE._replace(name="items\x1b[2J\n")
    pages = [made(str(n), hostile, start=n * 3600) for n in range(9)]
    lines = evaluation_lines(evaluated(pages), TOKYO, most=4)
    assert lines[-1] == "  and 5 more in evaluation.json"
    assert all(line.isprintable() for line in lines)


def test_the_json_has_labels_and_incidents_by_name_and_id() -> None:
    written = msgspec.json.decode(
        msgspec.json.encode(
            evaluated(
                [made("a"), made("b", LEDGER)], known("table:items"), known("table:orders", 7200)
            ).to_json()
        )
    )
    assert written["total"]["recall"] == 0.5
    assert [entry["incident"]["id"] for entry in written["found"]] == ["a"]
    assert [entry["label"]["scope"] for entry in written["missed"]] == ["table:orders"]
    assert [(entry["incident"]["id"], entry["label"]) for entry in written["false_pages"]] == [("b", None)]
    assert written["total"]["delay"] == {"median": 60.0, "p90": 60, "max": 60}


def test_what_marks_would_have_held_is_counted_and_listed() -> None:
    held = [made("puts-bbbb", PUT, start=7200)]
    first, *rest = mark_lines(PressedMarks(1, held, 3), TOKYO)
    assert first == "1 mark pressed when the labels say so would have held 1 page of 3"
    assert rest[0] == "held, since they show less than one like them that was marked"
    assert "puts-bbb" in rest[1]
    assert mark_lines(PressedMarks(0, [], 3), TOKYO) == [
        "0 marks pressed when the labels say so would have held 0 pages of 3"
    ]
