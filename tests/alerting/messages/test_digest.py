"""The rankings of the morning's digest, in both languages."""

import pytest

from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Action
from alerting.words.locales import ENGLISH, JAPANESE
from alerting.words.phrases import Phrases
from config.settings import Settings
from detectors.model.measures import Measure, value_of
from detectors.model.scope import Scope
from detectors.watch.maturity import Maturity
from detectors.watch.rankings import Standings, Use
from tests.alerting.given import PUT, T0, TABLE, scope
from tests.alerting.message_makers import digest, said
from tests.alerting.slack_standin import content_error

ROUTE = scope("route", "GET /items")
STANDINGS = Standings(
    [
        Use(ROUTE, Measure.REQUESTS, 120_000.0, 100_000.0),
        Use(scope("route", "PUT /items"), Measure.REQUESTS, 90.0),
    ],
    [Use(ROUTE, Measure.LATENCY, 840.0, 420.0)],
    [Use(scope("account", "1"), value_of("sales"), 5400.0, 6000.0)],
)


def test_the_digest_compares_apis_with_last_week_where_it_is_known() -> None:
    shown = said(digest([], standings=STANDINGS))
    assert "*Most used APIs, last 24 hours vs. last week*" in shown
    assert "*GET /items*: 120,000 requests, +20 %" in shown
    assert shown.split("*PUT /items*: 90 requests")[1].startswith("\n")
    assert "*GET /items*: 840 ms, last week 420 ms" in shown
    assert "*sales* (123456789012): 5,400, −10 %" in shown


def test_rankings_are_in_japanese_too() -> None:
    shown = said(digest([], standings=STANDINGS, words=JAPANESE))
    assert "*GET /items* : 120,000 リクエスト（先週比 " in shown
    assert "*GET /items* : 840 ms（先週 420 ms）" in shown


def test_an_account_is_named_where_there_are_several() -> None:
    other = Use(scope("route", "GET /b", account="999"), Measure.REQUESTS, 5.0)
    shown = said(digest([], standings=Standings([STANDINGS.most_used[0], other])))
    assert "*GET /items* (123456789012): 120,000" in shown
    assert "*GET /b* (999): 5 requests" in shown


@pytest.mark.parametrize("words", [ENGLISH, JAPANESE], ids=["en", "ja"])
def test_no_name_of_an_event_is_markup_in_a_ranking(words: Phrases) -> None:
    hostile = "<!channel> *x* <https://evil.example|y>" * 20
    of = Scope("route", "<@U1>", "<!here>", "", hostile)
    uses = [Use(of, Measure.REQUESTS, float(n)) for n in range(10, 0, -1)]
    values = [Use(of, value_of(f"{hostile}{n}"), 1.0) for n in range(20)]
    message = digest([], standings=Standings(uses, uses, values), words=words)
    assert content_error({"text": message.text, "blocks": message.blocks}) is None
    assert "<!" not in said(message).replace("<!date", "")
    assert "<https://evil" not in said(message)


def test_each_morning_has_a_digest_once_there_was_any_traffic() -> None:
    incidents = Incidents(Settings())
    assert not incidents.feed([], T0 + 86400)
    assert not incidents.feed([], T0 + 86460, (), [STANDINGS.most_used[0]])
    [notice] = incidents.feed([], T0 + 2 * 86400)
    assert (notice.action, notice.standings.most_used) == (Action.DIGEST, [STANDINGS.most_used[0]])


def test_the_digest_names_what_became_judgeable_and_counts_the_rest() -> None:
    hours = [Maturity(T0, {"table": 1}, [TABLE]), Maturity(T0 + 3600, {"function": 13}, [PUT], [0, 0, 28])]
    message = digest([], maturity=hours)
    lines = (
        "Judged from now on: table items, function inventory-put-item and 12 more",
        "Still learning: 28 scopes (day 3 of 3)",
    )
    assert "\n".join(("*Baselines*", *lines)) in said(message)
    assert message.text.endswith(f"). {lines[0]}. {lines[1]}.")


def test_the_digest_says_what_became_judgeable_in_japanese_too() -> None:
    hours = [Maturity(T0, {"table": 1, "function": 13}, [TABLE, PUT], [0, 1, 5])]
    message = digest([], maturity=hours, words=JAPANESE, learnt={"service": 4, "table": 1200})
    lines = (
        "判定を開始: テーブル items、関数 inventory-put-item ほか12件",
        "履歴から学習済み、すでに判定中: サービス 4件、テーブル 1,200件",
        "学習中: 6件（3日中2～3日目）",
    )
    assert "\n".join(("*ベースライン*", *lines)) in said(message)
    assert message.text.endswith("。 ".join(("）", *lines)) + "。")


def test_what_history_taught_is_one_line() -> None:
    shown = said(digest([], learnt={"service": 4, "client": 1}))
    assert "*Baselines*\nLearnt from history, judged already: 4 services, 1 client" in shown


def test_scopes_of_several_accounts_are_named_with_their_account() -> None:
    other = scope("table", "items", account="999")
    shown = said(digest([], maturity=[Maturity(T0, {"table": 2}, [TABLE, other])]))
    assert "Judged from now on: table items (123456789012), table items (999)\n" in shown + "\n"


@pytest.mark.parametrize("words", [ENGLISH, JAPANESE], ids=["en", "ja"])
def test_nothing_is_said_of_baselines_when_none_is_learnt_or_new(words: Phrases) -> None:
    quiet, hour = (digest([], standings=STANDINGS, maturity=of, words=words) for of in ([], [Maturity(T0)]))
    assert quiet == hour
    assert words.labels.digest_baselines not in said(quiet) + quiet.text


@pytest.mark.parametrize("words", [ENGLISH, JAPANESE], ids=["en", "ja"])
def test_no_name_of_an_event_is_markup_among_what_became_judgeable(words: Phrases) -> None:
    hostile = "<!channel> *x* <https://evil.example|y>" * 20
    named = [Scope("table", "aws", f"<@U{n}>", "<!here>", hostile) for n in range(5)]
    message = digest([], maturity=[Maturity(T0, {"table": 9}, named)], words=words)
    assert content_error({"text": message.text, "blocks": message.blocks}) is None
    for text in (said(message), message.text):
        assert "<!" not in text.replace("<!date", "")
        assert "<https://evil" not in text


def test_what_became_judgeable_is_a_reason_for_a_digest_and_what_is_learnt_is_none() -> None:
    incidents = Incidents(Settings())
    incidents.feed([], T0)
    assert not incidents.feed([], T0 + 3600, maturity=[Maturity(T0 + 3600, learning=[3])])
    assert not incidents.feed([], T0 + 86400)
    new = Maturity(T0 + 86400 + 3600, {"table": 1}, [TABLE], [2])
    assert not incidents.feed([], T0 + 86400 + 3600, maturity=[new])
    restarted = Incidents(Settings())
    restarted.restore(incidents.snapshot())
    [notice] = restarted.feed([], T0 + 2 * 86400)
    assert (notice.action, notice.maturity) == (Action.DIGEST, [new])
    assert not restarted.feed([], T0 + 3 * 86400), "it was sent"


COSTS = Standings(
    costs=[Use(scope("account", "123456789012"), Measure.COST, 41.2, 36.8, 1120.0, 1037.0)],
    costliest=[
        Use(scope("function", "put"), Measure.COST, 20.5, 1.2),
        Use(TABLE, Measure.COST, 0.0312, None),
        Use(scope("function", "get"), Measure.COST, 0.0042, None),
    ],
)


def test_the_digest_says_what_an_account_costs_and_what_costs_most() -> None:
    shown = said(digest([], standings=COSTS))
    assert "*Cost, last 24 hours vs. last week, 30 days vs. the 30 before*" in shown
    assert "*123456789012*: 41.20 USD (+11 %) · 30 days: 1,120 USD (+8 %)" in shown
    assert "*function put*: 20.50 USD (17×)" in shown
    assert "*table items*: 0.03 USD" in shown
    assert "function get" not in shown, "it costs less than a cent a day"


def test_the_digest_says_so_in_japanese() -> None:
    shown = said(digest([], standings=COSTS, words=JAPANESE))
    assert "*コスト（直近24時間の先週比、30日間の前30日比）*" in shown
    assert "*123456789012*: 41.20 USD（+11%）・30日間 1,120 USD（+8%）" in shown
