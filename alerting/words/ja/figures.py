"""Figures, names and times in Japanese: no space before a unit, none between a number and its counter."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerting.incidents.incident import Incident
from alerting.words import numbers
from alerting.words.mrkdwn import clean, cut
from detectors.model.finding import OTHER_KINDS, AddedUp, FailureKind, Failures, Finding, Growth, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import TABLE, Edge, ScopeOrEdge
from detectors.model.sentence import has_multiple, usually_failed, whole_days

NAME: Final = 60

_KINDS: Final = {
    "account": "アカウント",
    "service": "サービス",
    "route": "ルート",
    "function": "関数",
    "table": "テーブル",
    "client": "クライアント",
    "tenant": "テナント",
}

_VERDICTS: Final = {
    Verdict.SPIKE: "急増",
    Verdict.DROP: "急減",
    Verdict.SHIFT: "水準変化",
    Verdict.GROWTH: "増加傾向",
    Verdict.LIMIT: "上限接近",
    Verdict.ABSENCE: "リクエスト途絶",
    Verdict.FATAL: "新規例外",
}

_NAMES_AND_UNITS: Final = {
    Measure.REQUESTS: ("リクエスト数", "件/秒"),
    Measure.COLD_STARTS: ("コールドスタート数", "回/秒"),
    Measure.ERRORS_USER: ("ユーザーエラー", "件/秒"),
    Measure.ERRORS_BACKEND: ("バックエンドエラー", "件/秒"),
    Measure.ERRORS_FATAL: ("致命的エラー", "件/秒"),
    Measure.THROTTLES: ("スロットリング", "件/秒"),
    Measure.READS: ("読み取り回数", "回/秒"),
    Measure.WRITES: ("書き込み回数", "回/秒"),
    Measure.RCU: ("読み取り容量", " RCU/秒"),
    Measure.WCU: ("書き込み容量", " WCU/秒"),
    Measure.BUSY: ("同時実行数", ""),
    Measure.COST: ("コスト", " USD/時"),
    Measure.LATENCY: ("レイテンシ（p95）", " ms"),
    Measure.LATENCY_CODE: ("コードのレイテンシ（p95）", " ms"),
    Measure.LATENCY_AUTH: ("オーソライザーのレイテンシ（p95）", " ms"),
}

_CALLS: Final = ("呼び出し数", "回/秒")


def _name_and_unit(of: Measure, about: ScopeOrEdge | None) -> tuple[str, str]:
    of_table = about is not None and about.kind == TABLE
    return _CALLS if of_table and of is Measure.REQUESTS else _NAMES_AND_UNITS[of]


def kind(of: str) -> str:
    return _KINDS.get(of, of)


def about(scope: ScopeOrEdge) -> str:
    if isinstance(scope, Edge):
        return f"{about(scope.source)} → {about(scope.target)}"
    return f"{kind(scope.kind)} {cut(scope.label, NAME)}"


def verdict(of: Verdict) -> str:
    return _VERDICTS[of]


def measure(of: Measure, about: ScopeOrEdge | None = None) -> str:
    return of.key or of.level or _name_and_unit(of, about)[0]


def unit(of: Measure, about: ScopeOrEdge | None = None) -> str:
    if of.level:
        return _unit_of_level(of) or of.level
    if of.key:
        return f"{of.key}/秒"
    name, suffix = _name_and_unit(of, about)
    return suffix.strip() or name


def quantity(value: float, of: Measure, about: ScopeOrEdge | None = None) -> str:
    """Return a value with its unit.

    Examples
    --------
    >>> [quantity(41, each) for each in (Measure.WCU, Measure.REQUESTS, Measure.BUSY)]
    ['41 WCU/秒', '41件/秒', '41']
    """
    shown = numbers.of_measure(value, of)
    if of.level:
        unit = _unit_of_level(of)
        return f"{shown}{unit}" if unit[:1] in ("/", "%") else f"{shown} {unit}".rstrip()
    return f"{shown} {of.key}/秒" if of.key else f"{shown}{_name_and_unit(of, about)[1]}"


def _unit_of_level(of: Measure) -> str:
    return of.unit.removesuffix("/s") + "/秒" if of.unit.endswith("/s") else of.unit


def added_up(of: AddedUp, finding: Finding) -> str:
    return f"{during(of.seconds)}の平均 {quantity(of.observed, finding.measure, finding.about)}"


def change(observed: float, expected: float, of: Measure) -> str:
    """Return the change from ``expected`` to ``observed``; from nearly nothing, both values.

    Examples
    --------
    >>> [change(*each, Measure.WCU) for each in ((41.0, 8.0), (2.0, 8.0), (160.0, 8.0), (3.0, 0.0))]
    ['+412%', '−75%', '20倍', '0 → 3 WCU/秒']
    """
    if observed <= expected:
        return f"{numbers.signed_percent(observed / expected)}%" if expected > 0 else "なし"
    if not has_multiple(of, observed, expected):
        return f"{numbers.of_measure(expected, of)} → {quantity(observed, of)}"
    ratio = observed / expected
    return f"{numbers.number(ratio)}倍" if ratio >= numbers.MANY else f"{numbers.signed_percent(ratio)}%"


def failures(of: Failures, about: ScopeOrEdge) -> str:
    what = "呼び出し" if about.kind == TABLE else "リクエスト"
    return f"{during(of.seconds)}の{what} {of.requests:,.0f}件中 {of.failed:,.0f}件"


def failure_kinds(of: Failures) -> str:
    total = sum(kind.times for kind in of.kinds)

    def often(kind: FailureKind) -> str:
        among = f"{total:,.0f}件中 " if kind is of.kinds[0] else ""
        return f"{among}{kind.times:,.0f}件{'、新規' if kind.new else ''}"

    names = ["その他" if kind.kind == OTHER_KINDS else cut(clean(kind.kind), NAME) for kind in of.kinds]
    return "、".join(f"{name}（{often(kind)}）" for name, kind in zip(names, of.kinds, strict=True))


def usually(of: Failures) -> str:
    return f"{usually_failed(of).removesuffix(' %')}%"


def percent(share: float) -> str:
    return f"{numbers.percent(share)}%"


def per_day(fraction: float) -> str:
    """Return a rate of growth.

    Examples
    --------
    >>> per_day(0.031)
    '1日あたり +3.1%'
    """
    return f"1日あたり {numbers.signed(fraction)}%"


def days_to_limit(growth: Growth) -> str:
    """Return the range of days until a limit is reached; empty where no day is named.

    Examples
    --------
    >>> rise = Growth(per_day=0.03, per_day_lower=0.02, per_day_upper=0.04, days=21, days_to_limit=11)
    >>> days_to_limit(rise)
    '11日以上'
    """
    if growth.days_to_limit is None:
        return ""
    first, last = whole_days(growth.days_to_limit, growth.days_to_limit_lower, growth.days_to_limit_upper)
    if last is None:
        return f"{first}日以上"
    return f"{first}日" if first == last else f"{first}～{last}日"


def duration(seconds: int) -> str:
    """Return a duration in at most two units.

    Examples
    --------
    >>> [duration(seconds) for seconds in (45, 1380, 7500, 86400, 100_000)]
    ['45秒', '23分', '2時間5分', '1日', '1日3時間']
    """
    days, hours, minutes = seconds // 86400, seconds % 86400 // 3600, seconds % 3600 // 60
    if seconds < 60:  # noqa: PLR2004  a minute
        return f"{seconds}秒"
    if seconds < 3600:  # noqa: PLR2004  an hour
        return f"{round(seconds / 60)}分"
    if days:
        return f"{days}日" + (f"{hours}時間" if hours else "")
    return f"{hours}時間" + (f"{minutes}分" if minutes else "")


def during(seconds: int) -> str:
    """Return a duration as a span of time.

    Examples
    --------
    >>> during(780), during(7200), during(7500)
    ('13分間', '2時間', '2時間5分間')
    """
    return spanned(duration(seconds))


def spanned(lasted: str) -> str:
    """Return a duration in words as a span of time: hours say already that they are one."""
    return lasted if lasted.endswith("間") else f"{lasted}間"


def times(count: int) -> str:
    return f"{count:,}回"


def clock(epoch: int, zone: ZoneInfo) -> str:
    """Return a time in the channel's zone.

    Examples
    --------
    >>> clock(1760000000, ZoneInfo("Asia/Tokyo"))
    '2025/10/09 17:53 JST'
    """
    return f"{datetime.fromtimestamp(epoch, zone):%Y/%m/%d %H:%M %Z}"


def slack_time(epoch: int, zone: ZoneInfo, *, day: bool = True) -> str:
    """Return a time as Slack shows it.

    Examples
    --------
    >>> slack_time(1760000000, ZoneInfo("Asia/Tokyo"))
    '2025年10月9日 17:53'
    """
    at = datetime.fromtimestamp(epoch, zone)
    return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}" if day else f"{at:%H:%M}"


def date(at: datetime) -> str:
    return f"{at.year}年{at.month}月{at.day}日（{'月火水木金土日'[at.weekday()]}）"


def account(account: str, name: str) -> str:
    """Return the id of an account, after its name if that is known.

    Examples
    --------
    >>> account("123456789012", "game-prod"), account("123456789012", "")
    ('game-prod（123456789012）', '123456789012')
    """
    return f"{name}（{account}）" if name else account


def place(scope: ScopeOrEdge, name: str) -> str:
    target = scope.target if isinstance(scope, Edge) else scope
    where = clean(f"{target.cloud} {account(target.account, name)}").strip() or "アカウント不明"
    return f"{where} · {target.region}" if target.region else where


def interval(finding: Finding) -> str:
    expected = quantity(finding.expected, finding.measure, finding.about)
    lower, upper = (numbers.of_measure(bound, finding.measure) for bound in (finding.lower, finding.upper))
    return f"{expected}（{lower}～{upper}）"


def series(finding: Finding) -> str:
    return f"{about(finding.about)}（{measure(finding.measure, finding.about)}）"


def headroom(value: float, finding: Finding) -> str:
    limit = finding.limit or 0.0
    of = f"（上限 {quantity(limit, finding.measure, finding.about)}）"
    return f"残りなし{of}" if limit <= value else f"残り {percent(1 - value / limit)}{of}"


def costs(an_hour: float) -> str:
    """Return the costs of a deviation.

    Examples
    --------
    >>> costs(3.1), costs(-2.0)
    ('1時間あたり +3.10 USD', '1時間あたり −2.00 USD')
    """
    return f"1時間あたり {'+' if an_hour >= 0 else '−'}{numbers.money(abs(an_hour))} USD"


def completeness(share: float) -> str:
    return percent(share)


def then(text: str, kana: str) -> str:
    """Return ``text`` and ``kana``, with a space after a Latin letter: ``265 ms で``."""
    return f"{text} {kana}" if text[-1:].isascii() and text[-1:].isalpha() else f"{text}{kana}"


def subject(finding: Finding) -> str:
    """Return the subject of a sentence: ``テーブル items の書き込み容量``."""
    verbatim = finding.measure.key or finding.measure.level
    name = f" {verbatim} " if verbatim else measure(finding.measure, finding.about)
    return f"{about(finding.about)} の{name}"


_STATES: Final = {
    "open": "継続中",
    "worsening": "悪化",
    "easing": "改善傾向",
    "resolved": "解消",
    "withdrawn": "取り消し",
}

_STAGES: Final = {
    "size": "通知するほどの大きさではないもの",
    "silences": "通知停止",
    "maintenance": "メンテナンス",
    "quiet_hours": "通知抑制時間帯",
    "inhibition": "アカウント全体のインシデントに集約",
    "flood": "大量発生による集約",
}


def count(what: str, number: int) -> str:
    return f"{what}: {number:,}件"


def state(of: Incident) -> str:
    return _STATES[of.state]


def stage(of: str) -> str:
    return _STAGES.get(of, of.replace("_", " "))


def and_more(more: int) -> str:
    return f"ほか {more:,}件"


def more_in_file(more: int) -> str:
    return f"ほか {more:,}件はスレッドの添付ファイルに記載"
