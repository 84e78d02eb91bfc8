"""The report: what is in it, in whose words, and that nothing from outside becomes a part of the page."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.messages.render import Renderer
from alerting.report.chart import chart, merged
from alerting.report.report import PAGES, ROWS, ReportHead, differing, effective, write_report
from alerting.words.locales import ENGLISH, JAPANESE
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
from tests.alerting.given import T0, ended, growth_finding, scope, table_finding
from tests.alerting.messages.test_message import HOSTILE, names
from tests.alerting.report.test_preview import Elements, notices_of
from tests.alerting.report_given import (
    LINKS,
    ZONE,
    curve,
    full_report,
    hostile_report,
    month_report,
    of,
    spike,
)

OUTSIDE = re.compile(r"""(?:src|url|import|action)\s*[=(]\s*["']?(?:https?:)?//""")


def test_it_sums_up_what_was_gone_through(tmp_path: Path) -> None:
    seen = Elements(month_report(tmp_path / "r.html")).text
    for expected in (
        "What would have alerted",
        "requests.ndjson.zst",
        "2025-09-11 18:00 JST to 2025-10-09 18:00 JST (28 d), times in Asia/Tokyo",
        "requests/0 begins at 2025-09-11 18:00 JST",
        "120,000 per second, 113,000 times real time",
        "not_json",
    ):
        assert expected in seen
    figures = re.findall(r"<dt>([^<]+)</dt><dd><b>([^<]+)</b>", month_report(tmp_path / "r.html"))
    assert figures[:6] == [
        ("pages", "7"),
        ("pages per week", "1.8"),
        ("in the digest", "2"),
        ("not sent", "3"),
        ("records", "2,564,565"),
        ("bad records", "15"),
    ]


def test_a_page_has_its_chart_its_evidence_who_carries_it_and_its_message(tmp_path: Path) -> None:
    first = Elements(month_report(tmp_path / "r.html").split('<article class="card"')[1]).text
    for expected in (
        "table items",
        "wcu +400 %",
        "2025-09-30 18:00 JST – 18:30 · 30 min",
        "41 wcu/s",
        "6.1 – 11",
        "alerted 18:01",
        "1 min after it began",
        "0.9993",
        "1, 2, 3",
        "limit 60 wcu/s",
        "inventory-put-item",
        "91 %",
        "stands out",
        "1 related finding",
        "RESOLVED after 30 min",
        "the floor of 0.2/s is passed",
    ):
        assert expected in first


def test_every_incident_is_there_once_and_the_timeline_leads_to_it(tmp_path: Path) -> None:
    html = month_report(tmp_path / "r.html")
    ids = re.findall(r' id="(i-[^"]+)"', html)
    linked = re.findall(r'<a class="bar [^"]*" href="#(i-[^"]+)"', html)
    assert len(ids) == len(set(ids)) == 12
    assert sorted(ids) == sorted(linked)


def test_a_page_without_a_curve_says_why_it_has_no_chart(tmp_path: Path) -> None:
    seen = Elements(month_report(tmp_path / "r.html")).text
    assert "No chart: a new error has no earlier curve to compare with." in seen


def test_what_grows_is_drawn_as_the_trend_that_was_fitted(tmp_path: Path) -> None:
    html = month_report(tmp_path / "r.html")
    digest = html[html.index('<h2 id="digest">') :]
    seen = Elements(digest).text
    assert digest.count("fitted trend") == 2
    for expected in (
        "DIGEST · 2 series growing",
        "+3.0 % a day",
        "9 to 19 days",
        "80 %",
        "41 % of it used",
    ):
        assert expected in seen


def test_the_same_arguments_leave_the_same_bytes(tmp_path: Path) -> None:
    for write in (month_report, full_report, hostile_report):
        write(tmp_path / "a.html")
        write(tmp_path / "b.html")
        assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_it_needs_nothing_from_anywhere_and_may_not_ask(tmp_path: Path) -> None:
    html = full_report(tmp_path / "r.html")
    assert "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:" in html
    assert not OUTSIDE.search(html)
    assert not re.search(r"<(?:iframe|object|embed|img|base)\b", html)


def test_a_report_of_many_incidents_stays_small_and_says_what_is_left_out(tmp_path: Path) -> None:
    html = month_report(tmp_path / "r.html", more=300)
    assert len(html) < 4_000_000
    assert html.count('<article class="card"') == PAGES + 2
    assert html.count("<tr id=") == ROWS
    assert f"{307 - PAGES} more are in incidents.jsonl." in html
    assert f"{303 - ROWS} more are in incidents.jsonl." in html
    assert "The 18 scopes with most pages have a lane; 18 others share the last." in html
    assert len(re.findall('class="bar ', html)) == 612, (
        "those without a place on the page are drawn all the same"
    )


def test_a_report_of_a_quiet_week_says_so(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", [], [], Renderer(LINKS, ZONE))
    html = (tmp_path / "r.html").read_text("utf-8")
    assert "Nothing happened" in html
    assert "<form" not in html


def test_incidents_and_notices_alone_are_enough(tmp_path: Path) -> None:
    first = table_finding()
    incidents, notices = notices_of(
        [[first, growth_finding(scope("table", "users"))], [ended(first, T0 + 1200)]],
    )
    write_report(tmp_path / "r.html", incidents.all(), notices, Renderer(LINKS, ZONE))
    html = (tmp_path / "r.html").read_text("utf-8")
    seen = Elements(html).text
    assert html.count('<article class="card"') == 2
    assert "RESOLVED after 21 min · table items" in seen
    assert "DIGEST · 1 series growing" in seen
    assert "Configuration" not in seen


def test_it_is_in_the_language_of_its_messages(tmp_path: Path) -> None:
    html = month_report(tmp_path / "r.html", words=JAPANESE)
    assert 'lang="ja"' in html
    seen = Elements(html).text
    assert "テーブル items の書き込み容量が急増（+400%）" in seen
    assert "日次ダイジェスト: 増加傾向 2件" in seen


def test_what_differs_between_two_configurations_leads_to_the_incidents(tmp_path: Path) -> None:
    html = full_report(tmp_path / "r.html")
    section = html[html.index('<h2 id="comparison">') : html.index('<h2 id="evaluation">')]
    seen = Elements(section).text
    assert "1 new page and 1 lost page in sensitive.yaml; 3 reported differently, 9 alike." in seen
    assert "Pages in sensitive.yaml but not in uneri.yaml" in seen
    assert "3 min later" in seen
    assert "other verdict" in seen
    assert 'href="#i-' in section


def test_what_was_sent_is_measured_against_the_labels(tmp_path: Path) -> None:
    html = full_report(tmp_path / "r.html")
    section = html[html.index('<h2 id="evaluation">') : html.index('<h2 id="pages">')]
    seen = Elements(section).text
    for expected in (
        "4 of 5 labels found",
        "By verdict",
        "By service",
        "spike, table:boxes",
        "opened by a bot",
    ):
        assert expected in seen
    assert "no label matches" in seen


@pytest.mark.parametrize("write", [month_report, full_report, hostile_report])
def test_every_open_element_is_closed(tmp_path: Path, write: object) -> None:
    html = write(tmp_path / "r.html")  # type: ignore[operator]
    body = html[html.index("<body") : html.index("<script>")]
    for tag in (
        "div",
        "section",
        "article",
        "table",
        "tr",
        "td",
        "ul",
        "li",
        "dl",
        "svg",
        "figure",
        "details",
        "a",
    ):
        assert len(re.findall(rf"<{tag}[ >]", body)) == body.count(f"</{tag}>"), tag


def test_no_name_from_an_event_becomes_a_part_of_the_page(tmp_path: Path) -> None:
    html = hostile_report(tmp_path / "r.html")
    assert len(re.findall(r"<script", html)) == 1
    assert "&lt;script&gt;" in html
    seen = Elements(html)
    assert not {attribute for attribute in seen.attributes if attribute.startswith("on")}
    assert not {"img", "iframe", "object"} & seen.tags
    assert all(re.match("https://|#|data:image/svg", address) for address in seen.addresses)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=names, other=names | st.sampled_from(HOSTILE))
def test_no_string_at_all_becomes_a_part_of_the_page(tmp_path: Path, name: str, other: str) -> None:
    html = hostile_report(tmp_path / "r.html", name, other)
    body = Elements(html[html.index("<body") : html.index("<script>")])
    assert not {"script", "img", "iframe", "b2"} & body.tags
    assert not {attribute for attribute in body.attributes if attribute.startswith("on")}
    assert not re.search(r"[\u200b-\u200f\u202a-\u202e\u2066-\u2069]", html)


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
    write_report(tmp_path / "r.html", [], [], Renderer(LINKS, ZONE), settings=used)
    html = (tmp_path / "r.html").read_text("utf-8")
    assert "https://hooks.example/…" in html
    assert "http://alerts.example:9093" in html
    assert not re.search("s3cr3t|pass@|pw@|token=abc", html)


def test_a_gap_in_a_curve_is_a_gap_in_its_chart() -> None:
    whole, broken = spike(T0), spike(T0, trace=curve(T0, gap=True))
    paths = [
        chart(of(finding), finding, finding.trace, ZONE, ENGLISH).now
        for finding in (whole, broken)
        if finding.trace is not None
    ]
    assert [path.count("M") for path in paths] == [1, 2]


def test_a_single_value_between_gaps_is_a_dot() -> None:
    lone = Trace(
        start=T0, step=60, now=[None, 3.0, None], last_week=[None] * 3, lower=[None] * 3, upper=[None] * 3
    )
    drawn = chart(of(spike(T0)), spike(T0), lone, ZONE, ENGLISH)
    assert re.fullmatch(r"M500 [\d.]+h\.1", drawn.now)
    assert (drawn.band, drawn.last_week) == ("", "")


def test_curves_that_follow_one_another_are_one_chart() -> None:
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
    whole = merged(parts)
    assert whole is not None
    assert whole.start == T0
    assert whole.now == [1, 1, 5, 5, 5, 5, None, None, 7, 7, 7, 7]


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
    drawn = chart(incident, incident.primary, long, ZONE, ENGLISH)
    assert drawn.now.count("L") < 500
    assert drawn.peak is not None
    assert drawn.peak[2] == "90 wcu/s"


def test_a_head_that_knows_nothing_takes_its_span_from_the_incidents(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", [of(spike(T0))], [], Renderer(LINKS, ZONE), ReportHead(source="x"))
    assert "2025-10-09 18:00 JST to 2025-10-09 18:30 JST" in (tmp_path / "r.html").read_text("utf-8")
