"""The report: what is in it, in whose words, and that nothing from outside becomes a part of the page."""

import re
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Action, Notice
from alerting.messages.render import Renderer
from alerting.words.locales import JAPANESE
from config.settings import (
    AlertmanagerSettings,
    JudgeSettings,
    LimitsSettings,
    NotifySettings,
    Settings,
    TableLimit,
    WebhookSettings,
)
from detectors.model.finding import Trace
from detectors.model.measures import Measure
from streams.screens.board.report.report import MOST, ReportHead, write_report
from streams.screens.board.report.report_curve import curve_page, merged
from streams.screens.board.report.settings_text import differing, effective
from tests.alerting.given import T0, TABLE, ended, finding, growth_finding, scope, table_finding, trace
from tests.alerting.message_makers import digest, said
from tests.alerting.messages.test_message import HOSTILE, names
from tests.alerting.preview.test_preview import Elements, notices_of
from tests.streams.screens.board.report.report_given import (
    LINKS,
    ZONE,
    curve,
    data_of,
    full_report,
    hostile_report,
    listed,
    message_in,
    month_report,
    of,
    spike,
    whole,
)

DAY = 86400
GROWING = (("w", Measure.WCU), ("r", Measure.RCU))
OUTSIDE = re.compile(r"""(?:src|url|import|action)\s*[=(]\s*["']?(?:https?:)?//""")


def reported(path: Path, incidents: list[Any], notices: list[Notice], **more: Any) -> str:
    write_report(path / "r.html", incidents, notices, Renderer(LINKS, ZONE), **more)
    return (path / "r.html").read_text("utf-8")


def test_it_sums_up_what_was_gone_through(tmp_path: Path) -> None:
    head = data_of(month_report(tmp_path / "r.html"))["head"]
    assert head == {
        "title": "What would have alerted",
        "source": "requests.ndjson.zst",
        "first": T0 - 28 * DAY,
        "last": T0,
        "records": 2_564_565,
        "seconds": 21.4,
        "notes": ["requests/0 begins at 2025-09-11 18:00 JST: what was before is no longer there."],
        "bad": [["not_json", 12], ["no_time", 3]],
        "sent": {"page": 7, "digest": 2, "none": 3},
        "open": 0,
        "young": 7 * DAY,
    }


def test_the_sentence_of_an_incident_is_there_in_both_languages(tmp_path: Path) -> None:
    incidents, notices = notices_of([[table_finding()]])
    [opened] = incidents.all()
    html = reported(tmp_path, [opened], notices)
    said = JAPANESE.incident.why(opened.primary)
    assert whole(html, opened.id)["incident"]["sentences"] == {"ja": said}


def test_a_page_has_its_curve_its_evidence_who_carries_it_and_its_message(tmp_path: Path) -> None:
    html = month_report(tmp_path / "r.html")
    first = min((one for one in listed(html) if one["sent"] == "page"), key=lambda one: one["start"])
    answer = whole(html, first["id"])
    incident, page = answer["incident"], answer["curve"]
    assert [one["name"] for one in incident["callers"]][:2] == ["inventory-put-item", "inventory-get-item"]
    assert (incident["limit"], incident["alerted"]) == (60.0, incident["start"] + 60)
    assert [moment["what"] for moment in answer["story"]] == ["began", "joined", "alerted", "resolved"]
    assert [shown["start"] for shown in page["incidents"]] == [incident["start"]]
    [measured] = page["measures"]
    assert measured["measure"] == incident["measure"]
    assert all(
        len(measured["curve"][name]) == page["points"] for name in ("observed", "before", "lower", "upper")
    )
    shown = Elements(message_in(html, first["id"])).text
    assert "RESOLVED after 30 min" in shown
    assert "32 % left of 60 wcu/s" in shown


def test_every_incident_is_in_the_list_once_and_whole(tmp_path: Path) -> None:
    html = month_report(tmp_path / "r.html")
    ids = [one["id"] for one in listed(html)]
    assert len(ids) == len(set(ids)) == 12
    assert all(whole(html, one)["incident"]["id"] == one for one in ids)
    held = [one["reason"] for one in listed(html) if one["sent"] == "none"]
    assert held == 3 * ["it ended before it was reported"]


def test_the_same_arguments_leave_the_same_bytes(tmp_path: Path) -> None:
    for write in (month_report, full_report, hostile_report):
        write(tmp_path / "a.html")
        write(tmp_path / "b.html")
        assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_it_needs_nothing_from_anywhere_and_may_not_ask(tmp_path: Path) -> None:
    html = full_report(tmp_path / "r.html")
    assert "default-src 'none'; script-src 'sha256-" in html
    assert "unsafe" not in html.partition("</head>")[0].partition("<style>")[0]
    page = re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    assert not OUTSIDE.search(page)
    assert not re.search(r"<(?:iframe|object|embed|img|base)\b", page)


def test_a_report_of_many_incidents_stays_small_and_says_what_is_left_out(tmp_path: Path) -> None:
    html = month_report(tmp_path / "r.html", more=300)
    assert len(html) < 4_000_000
    shown = [one["sent"] for one in listed(html)]
    assert (shown.count("page"), shown.count("none")) == (MOST["page"], MOST["none"])
    left_out = data_of(html)["answers"]["/board/incidents"]["left_out"]
    assert left_out == (307 - MOST["page"]) + (303 - MOST["none"])


def test_incidents_and_notices_alone_are_enough(tmp_path: Path) -> None:
    first = table_finding()
    incidents, notices = notices_of(
        [[first, growth_finding(scope("table", "users"))], [ended(first, T0 + 1200)]],
    )
    html = reported(tmp_path, incidents.all(), notices)
    shown = listed(html)
    assert len(shown) == 2
    [page] = [one["id"] for one in shown if one["sent"] == "page"]
    assert "RESOLVED after 21 min · table items" in Elements(message_in(html, page)).text
    assert "DIGEST · 1 series growing" in Elements(message_in(html, "digest")).text
    assert data_of(html)["settings"] is None


def test_messages_are_in_the_language_of_the_configuration(tmp_path: Path) -> None:
    html = month_report(tmp_path / "r.html", words=JAPANESE)
    assert data_of(html)["wall"]["language"] == "ja"
    messages = Elements(html.partition("<template")[2]).text
    assert "テーブル items の書き込み容量が急増（+400%）" in messages
    assert "日次ダイジェスト: 増加傾向 2件" in messages


def section(html: str, name: str) -> tuple[str, set[str]]:
    """Return the text of a section of tables, and the incidents that it leads to."""
    [found] = [one for one in data_of(html)["sections"] if one["id"] == name]
    rows = [cell for table in found["tables"] for row in table["rows"] for cell in row]
    texts = [*found["lines"], *(table["title"] for table in found["tables"]), *(cell[0] for cell in rows)]
    return "\n".join([*texts, *(" ".join(fact) for fact in found["facts"])]), {cell[1] for cell in rows} - {
        ""
    }


def test_what_differs_between_two_configurations_leads_to_the_incidents(tmp_path: Path) -> None:
    html = full_report(tmp_path / "r.html")
    text, incidents = section(html, "comparison")
    assert "1 new page and 1 lost page in sensitive.yaml; 3 reported differently, 9 alike." in text
    assert "Pages in sensitive.yaml but not in uneri.yaml" in text
    assert "3 min later" in text
    assert "other verdict" in text
    assert incidents
    assert incidents <= {one["id"] for one in listed(html)}


def test_what_was_sent_is_measured_against_the_labels(tmp_path: Path) -> None:
    text, _ = section(full_report(tmp_path / "r.html"), "evaluation")
    for expected in (
        "4 of 5 labels found",
        "By verdict",
        "By service",
        "spike, table:boxes",
        "opened by a bot",
        "no label matches",
    ):
        assert expected in text


def test_the_timeline_has_what_the_labels_know(tmp_path: Path) -> None:
    marks = data_of(full_report(tmp_path / "r.html"))["answers"]["/board/incidents"]["memos"]
    assert len(marks) == 5
    assert (marks[-1]["at"], marks[-1]["text"]) == (
        T0 - 3 * 3600,
        "spike, table:boxes · missed · opened by a bot",
    )
    assert [mark["text"].split(" · ")[1] for mark in marks[:4]] == 4 * ["found"]


def test_no_name_from_an_event_becomes_a_part_of_the_page(tmp_path: Path) -> None:
    html = hostile_report(tmp_path / "r.html")
    assert len(re.findall(r"<script", re.sub(r"<script>.*</script>", "<script>", html, flags=re.DOTALL))) == 2
    seen = Elements(re.sub(r"<script>.*</script>", "", html, flags=re.DOTALL))
    assert not {attribute for attribute in seen.attributes if attribute.startswith("on")}
    assert not {"img", "iframe", "object"} & seen.tags
    assert all(re.match("https://|#|data:image/svg", address) for address in seen.addresses)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=names, other=names | st.sampled_from(HOSTILE))
def test_no_string_at_all_becomes_a_part_of_the_page(tmp_path: Path, name: str, other: str) -> None:
    sent = (text.encode("utf-8", "replace").decode() for text in (name, other))
    html = hostile_report(tmp_path / "r.html", *sent)
    body = Elements(html[html.index("<body") : html.index("<script>")])
    assert body.tags & {"img", "iframe", "b2"} == set()
    assert html.count("<script") == 2 + html[html.index("<script>") :].count("<script") - 1
    assert not {attribute for attribute in body.attributes if attribute.startswith("on")}


def test_the_configuration_is_what_differs_beside_what_is_shipped_and_all_of_it() -> None:
    used = Settings(
        judge=JudgeSettings(sensitivity=1.4), limits=LimitsSettings(tables={"items: <b>": TableLimit(wcu=60)})
    )
    assert differing(used) == (
        "judge:\n  sensitivity: 1.4  # shipped: 1.0\nlimits:\n  tables:\n    'items: <b>':\n      wcu: 60.0\n"
    )
    assert "lateness: 30" in effective(used)
    assert "sensitivity: 1.4" in effective(used)


def test_no_secret_of_an_address_is_in_the_report(tmp_path: Path) -> None:
    used = Settings(
        notify=NotifySettings(
            webhooks=[
                WebhookSettings(name="pager", url="https://user:pass@hooks.example/T0/s3cr3t?token=abc")
            ],
            alertmanagers=[AlertmanagerSettings(name="am", url="http://u:pw@alerts.example:9093")],
        )
    )
    html = reported(tmp_path, [], [], settings=used)
    assert "https://hooks.example/…" in html
    assert "http://alerts.example:9093" in html
    assert not re.search("s3cr3t|pass@|pw@|token=abc", html)


def test_curves_that_follow_one_another_are_one_curve() -> None:
    parts = [
        Trace(
            start=T0 + 60 * begin,
            step=60,
            now=[value] * 4,
            last_week=[1.0] * 4,
            lower=[0.0] * 4,
            upper=[2.0] * 4,
        )
        for begin, value in ((0, 1.0), (2, 5.0), (8, 7.0))
    ]
    joined = merged(parts)
    assert joined is not None
    assert joined.start == T0
    assert joined.now == [1, 1, 5, 5, 5, 5, None, None, 7, 7, 7, 7]


def test_a_long_curve_is_thinned_without_losing_its_furthest_point() -> None:
    count = 5000
    now: list[float | None] = [5.0] * count
    now[3333] = 90.0
    long = Trace(
        start=T0 - count * 60,
        step=60,
        now=now,
        last_week=[5.0] * count,
        lower=[4.0] * count,
        upper=[6.0] * count,
    )
    incident = replace(of(spike(T0 - count * 60), lasted=count * 60), peak=90.0)
    page = curve_page(incident, incident.primary, long, T0)
    assert page.points == len(page.measures[0].curve.observed) < 500
    assert 90.0 in page.measures[0].curve.observed


def test_a_gap_in_a_curve_stays_a_gap() -> None:
    primary = spike(T0, trace=curve(T0, gap=True))
    assert primary.trace is not None
    observed = curve_page(of(primary), primary, primary.trace, T0).measures[0].curve.observed
    assert observed.count(None) == 10


def test_a_head_that_knows_nothing_takes_its_span_from_the_incidents(tmp_path: Path) -> None:
    head = data_of(reported(tmp_path, [of(spike(T0))], [], head=ReportHead(source="x")))["head"]
    assert (head["first"], head["last"]) == (T0, T0 + 1800)


# -- what the digest and the messages of incidents have said --------------------------------------------


def growing() -> tuple[Incidents, list[Notice]]:
    incidents = Incidents(Settings())
    return incidents, incidents.feed([growth_finding(TABLE, days=53.0)], T0 + DAY)


def test_growth_has_the_forecast_of_the_digest(tmp_path: Path) -> None:
    """The estimate of the next night is another one, which no message has shown yet."""
    incidents, notices = growing()
    [sent] = [notice for notice in notices if notice.action is Action.DIGEST]
    at = sent.at + 6 * 3600
    notices += incidents.feed([growth_finding(TABLE, days=47.0, revision=1, state="update", seen=at)], at)
    [known] = incidents.all()
    answer = whole(reported(tmp_path, [known], notices), known.id)
    assert answer["incident"]["growth"]["days_to_limit"] == 53.0
    assert "*limit in 42 to 84 days* (80 %)" in said(digest(sent.incidents, at=sent.at))
    assert answer["digested"] == answer["at"] == sent.at


def test_growth_that_is_over_is_shown_as_it_ended(tmp_path: Path) -> None:
    incidents, notices = growing()
    over = replace(ended(growth_finding(TABLE, days=400.0), T0 + 2 * DAY), observed=8.0)
    notices += incidents.feed([over], T0 + 3 * DAY)
    [known] = incidents.all()
    answer = whole(reported(tmp_path, [known], notices), known.id)
    assert (answer["digested"], answer["incident"]["observed"]) == (None, 8.0)


def test_what_was_too_small_to_page_has_a_curve_and_no_message(tmp_path: Path) -> None:
    incidents = Incidents(Settings())
    notices = incidents.feed([finding(TABLE, observed=9.0, expected=8.0, trace=trace())], T0)
    [known] = incidents.all()
    answer = whole(reported(tmp_path, [known], notices), known.id)
    assert (known.sent, answer["message"], answer["curve"] is None) == ("digest", False, False)


def test_series_that_grow_together_are_each_in_the_list_that_counts_them(tmp_path: Path) -> None:
    """A comparison leads to each of them."""
    series = (growth_finding(TABLE, id=name, measure=measure) for name, measure in GROWING)
    html = reported(tmp_path, [of(one, sent="digest", lasted=None) for one in series], [])
    assert [one["measure"] for one in listed(html)] == [measure for _, measure in GROWING]
    assert data_of(html)["head"]["sent"]["digest"] == 2


def test_an_incident_is_found_by_a_service_that_it_involves(tmp_path: Path) -> None:
    one = of(finding(TABLE, touches=[scope("service", "shop")]))
    [row] = listed(reported(tmp_path, [one], []))
    assert row["services"] == ["shop"]
