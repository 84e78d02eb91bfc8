"""Messages in Japanese: what they say, that nothing of another language is left, and that bold is bold."""

import re
from typing import Any

import pytest
from msgspec.structs import replace

from alerting.commands.dispatch import Form, Line
from alerting.incidents.notice import Milestone
from alerting.messages.render import Renderer
from alerting.words.ja.incident import missing, reached_by
from alerting.words.locales import JAPANESE, phrases_of
from detectors.model.finding import Cause, Finding, Growth, Plan, Verdict
from detectors.model.measures import Measure, value_of
from detectors.watch.absence import RETIRED_SECONDS
from tests.alerting.given import (
    IOS,
    PUT,
    SERVICE,
    T0,
    TABLE,
    finding,
    growth_finding,
    incident,
    share,
    table_finding,
)
from tests.alerting.incidents.test_absence_incidents import absence, fatal
from tests.alerting.message_makers import LINKS, ZONE, dispatch, notice, page, said
from tests.alerting.messages.test_forms import OPEN, RESOLVED, every_message
from tests.alerting.messages.test_verdict_messages import near

DROP = finding(PUT, verdict=Verdict.DROP, observed=2.0)
SHIFT = finding(PUT, verdict=Verdict.SHIFT, observed=12.3)
SOLD = finding(SERVICE, measure=value_of("sales"))


@pytest.mark.parametrize(
    ("of", "title"),
    [
        (table_finding(), "テーブル items の書き込み容量が急増（+400%）"),
        (DROP, "関数 inventory-put-item のリクエスト数が急減（−75%）"),
        (SHIFT, "関数 inventory-put-item のリクエスト数が新しい水準に変化（+50%）"),
        (near(), "テーブル items の書き込み容量が上限の 93% に到達"),
        (absence(PUT), "関数 inventory-put-item へのリクエストが途絶"),
        (absence(TABLE), "テーブル items への呼び出しが途絶"),
        (fatal(), "関数 inventory-put-item で新規例外 KeyError が発生（3回）"),
        (SOLD, "サービス inventory の sales が急増（+400%）"),
        (growth_finding(TABLE), "テーブル items の書き込み容量が増加傾向（1日あたり +3.0%）"),
    ],
)
def test_a_title_says_what_it_is_about_and_what_happened(of: Finding, title: str) -> None:
    one = replace(OPEN, primary=of, verdict=of.verdict, peak=of.observed)
    message = page(one, words=JAPANESE)
    assert said(message).splitlines()[0] == title
    assert message.text.startswith(title)


@pytest.mark.parametrize(
    ("changes", "head"),
    [
        ({"state": "worsening"}, "【悪化】"),
        ({"state": "easing"}, "【改善傾向】"),
        ({"reopened": 1}, "【再発】"),
        ({"state": "withdrawn", "end": T0}, "【取り消し】"),
        ({"state": "resolved", "end": T0 + 1200}, "【解消・継続 22分】"),
    ],
)
def test_a_title_begins_with_the_state_where_it_is_not_just_open(changes: Any, head: str) -> None:
    assert said(page(replace(OPEN, **changes), words=JAPANESE)).startswith(f"{head}テーブル items")


WEEKS = "過去3週の同時刻から想定される "
BEHIND = [Cause(scope=TABLE, measure=Measure.LATENCY, score=0.9)]


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (
            table_finding(),
            f"テーブル items の書き込み容量は 41 WCU/秒で、{WEEKS}8.2 WCU/秒（6.1～11）の 5倍です。",
        ),
        (
            DROP,
            (
                f"関数 inventory-put-item のリクエスト数は 2件/秒で、{WEEKS}8.2件/秒（6.1～11）の 24% "
                "にとどまっています。"
            ),
        ),
        (
            replace(SHIFT, weeks_used=[1], weeks_left_out=[2]),
            (
                "関数 inventory-put-item のリクエスト数は 12件/秒で、"
                "先週の同時刻（インシデントの影響を受けた1週は除外）"
                "から想定される 8.2件/秒（6.1～11）の 1.5倍です。この水準が続いています。"
            ),
        ),
        (
            replace(DROP, planned=Plan(name="夏のセール", factor=2.0)),
            (
                "関数 inventory-put-item のリクエスト数は 2件/秒で、"
                "予定「夏のセール」（過去3週の同時刻の 2倍）で見込まれる 8.2件/秒（6.1～11）の "
                "24% にとどまっています。"
            ),
        ),
        (
            growth_finding(TABLE),
            (
                "テーブル items の書き込み容量は 21日間途切れることなく、"
                "1日あたり 3.0%（2.4～3.6%）のペースで増え続けて"
                "います。あと9～19日で上限の 100 WCU/秒に達する見込みです（80%）。"
            ),
        ),
        (
            growth_finding(
                TABLE, growth=Growth(per_day=0.011, per_day_lower=-0.02, per_day_upper=0.04, days=10)
            ),
            (
                "テーブル items の書き込み容量の増加傾向は、確実とは言えなくなりました。"
                "直近10日間では1日あたり 1.1%（−2.0～4.0%）です。"
            ),
        ),
        (
            near(minutes=15, throttled=True),
            (
                "テーブル items の書き込み容量は直近15分間の平均で上限 100 WCU/秒の 93% に達しています。"
                "呼び出しのスロットリングも発生しています。"
            ),
        ),
        (
            near(near=False),
            (
                "テーブル items の書き込み容量は直近1日のピークで"
                "上限 100 WCU/秒の 93% に達しました。前日までも同様です。"
            ),
        ),
        (
            absence(PUT, missed=41.0),
            (
                "関数 inventory-put-item へのリクエストが2分にわたり途絶えています。"
                "過去3週の同時刻から、この間に約41件が想定されていました。"
            ),
        ),
        (
            absence(PUT, state="end", end=T0 + RETIRED_SECONDS),
            "関数 inventory-put-item は1週間にわたりリクエストがないため、廃止されたものとして扱います。",
        ),
        (
            fatal(suspects=[share(IOS, 0.9)]),
            (
                "関数 inventory-put-item のリクエスト（ルート POST /items/{id}）"
                "が KeyError により3回異常終了しました。"
                "呼び出し元はクライアント ios 3.2.1 です。"
                "ここでこの例外が発生したのは初めてです。"
            ),
        ),
        (
            finding(PUT, measure=Measure.LATENCY, compared_with="minutes", weeks_used=[], causes=BEHIND),
            (
                "関数 inventory-put-item のレイテンシ（p95）は 41 ms で"
                "、直前の数分から想定される 8.2 ms（6.1～11）の "
                "5倍です。時間の大半はテーブル items で費やされています。"
            ),
        ),
    ],
)
def test_the_sentence_is_made_from_the_evidence(of: Finding, why: str) -> None:
    assert JAPANESE.incident.why(of) == why
    assert why in said(page(replace(incident(), primary=of), words=JAPANESE))


def test_bold_stands_apart_or_slack_would_show_the_asterisks() -> None:
    for message in every_message(JAPANESE):
        for line in said(message).splitlines():
            bare = re.sub(r"<[^>]*>", "link", line)
            for found in re.finditer(r"\*[^*\n]+\*", bare):
                around = bare[: found.start()][-1:] + bare[found.end() :][:1]
                assert not around.strip(" ·"), line


OURS = re.compile(
    r"items|inventory|[pg][eu]t|item|POST|id|ios|WCU|RCU|ms|p|aws|ap|northeast|JST|ID|KeyError|[uU]neri|table"
    r"|users|load|test|why|here|ops|[adhmst]"
)


def test_nothing_is_left_in_english() -> None:
    for message in every_message(JAPANESE):
        shown = re.sub(r"<https[^|>]*\|", "", f"{message.text}\n{said(message)}")
        shown = re.sub(r"\b[0-9a-f]{20}\b|&\w+;|<[@!][^>]*>", "", shown)
        assert not {word for word in re.findall(r"[A-Za-z]+", shown) if not OURS.fullmatch(word)}


@pytest.mark.parametrize("what", list(Milestone))
def test_every_milestone_has_its_line(what: Milestone) -> None:
    line = Line(what=what.value, at=T0, detail="get_item")
    message = Renderer(LINKS, ZONE, JAPANESE)(dispatch(notice(RESOLVED), Form.LINE, line=line))
    assert re.search(r"[ぁ-ん]", said(message))


def test_the_setting_names_the_language() -> None:
    assert phrases_of("ja") is JAPANESE
    assert phrases_of("en").locale == "en"


@pytest.mark.parametrize(
    ("lasted", "span"), [("45秒", "45秒間に"), ("13分", "13分間に"), ("2時間", "2時間に")]
)
def test_a_span_of_hours_says_once_that_it_is_one(lasted: str, span: str) -> None:
    assert reached_by(120.0, lasted, is_table=False).startswith(span)
    assert missing(120.0, lasted, is_table=True).startswith(span)
