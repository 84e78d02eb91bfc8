"""Figures, names and times in Japanese: no space before a unit, none between a number and its counter."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerting.words import numbers
from alerting.words.mrkdwn import clean, cut
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Edge, ScopeOrEdge

NAME: Final = 60
_MANY: Final = 10  # beyond this many times, 12倍 reads better than +1,100%

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
    Verdict.ABSENCE: "途絶",
    Verdict.FATAL: "未知の例外",
}

_NAMES: Final = {
    Measure.REQUESTS: "リクエスト数",
    Measure.COLD_STARTS: "コールドスタート数",
    Measure.ERRORS_USER: "ユーザーエラー",
    Measure.ERRORS_BACKEND: "バックエンドエラー",
    Measure.ERRORS_FATAL: "致命的エラー",
    Measure.THROTTLES: "スロットリング",
    Measure.READS: "読み取り回数",
    Measure.WRITES: "書き込み回数",
    Measure.RCU: "読み取り容量",
    Measure.WCU: "書き込み容量",
    Measure.BUSY: "同時実行数",
    Measure.LATENCY: "レイテンシ（p95）",
    Measure.LATENCY_CODE: "コードのレイテンシ（p95）",
    Measure.LATENCY_AUTH: "オーソライザーのレイテンシ（p95）",
}

_UNITS: Final = {
    Measure.REQUESTS: "件/秒",
    Measure.COLD_STARTS: "回/秒",
    Measure.ERRORS_USER: "件/秒",
    Measure.ERRORS_BACKEND: "件/秒",
    Measure.ERRORS_FATAL: "件/秒",
    Measure.THROTTLES: "件/秒",
    Measure.READS: "回/秒",
    Measure.WRITES: "回/秒",
    Measure.RCU: " RCU/秒",
    Measure.WCU: " WCU/秒",
    Measure.BUSY: "",
    Measure.LATENCY: " ms",
    Measure.LATENCY_CODE: " ms",
    Measure.LATENCY_AUTH: " ms",
}


class JapaneseFigures:
    """Writes what every sentence is made of."""

    def kind(self, kind: str) -> str:
        """Name a kind of scope."""
        return _KINDS.get(kind, kind)

    def about(self, scope: ScopeOrEdge) -> str:
        """Name a scope or edge: ``テーブル items``."""
        if isinstance(scope, Edge):
            return f"{self.about(scope.source)} → {self.about(scope.target)}"
        return f"{self.kind(scope.kind)} {cut(scope.label, NAME)}"

    def verdict(self, verdict: Verdict) -> str:
        """Name a verdict, as titles do."""
        return _VERDICTS[verdict]

    def name(self, measure: Measure) -> str:
        """Name a measure."""
        return measure.key or _NAMES[measure]

    def unit(self, measure: Measure) -> str:
        """Return the unit that values of a measure are shown in."""
        return f"{measure.key}/秒" if measure.key else _UNITS[measure].strip() or _NAMES[measure]

    def quantity(self, value: float, measure: Measure) -> str:
        """Return a value with its unit.

        Examples
        --------
        >>> words = JapaneseFigures()
        >>> [words.quantity(41, each) for each in (Measure.WCU, Measure.REQUESTS, Measure.BUSY)]
        ['41 WCU/秒', '41件/秒', '41']
        """
        shown = numbers.number(value)
        return f"{shown} {measure.key}/秒" if measure.key else f"{shown}{_UNITS[measure]}"

    def change(self, observed: float, expected: float) -> str:
        """Say how far ``observed`` is from ``expected``.

        Examples
        --------
        >>> words = JapaneseFigures()
        >>> [words.change(*each) for each in ((41.0, 8.0), (2.0, 8.0), (160.0, 8.0), (3.0, 0.0))]
        ['+412%', '−75%', '20倍', 'ゼロから発生']
        """
        if expected <= 0:
            return "ゼロから発生" if observed > 0 else "なし"
        if observed / expected >= _MANY:
            return f"{numbers.number(observed / expected)}倍"
        return numbers.change(observed, expected).replace(" %", "%")

    def percent(self, share: float) -> str:
        """Return a share."""
        return numbers.percent(share).replace(" %", "%")

    def per_day(self, fraction: float) -> str:
        """Return a rate of growth.

        Examples
        --------
        >>> JapaneseFigures().per_day(0.031)
        '1日あたり +3.1%'
        """
        return f"1日あたり {'+' if fraction >= 0 else '−'}{abs(fraction) * 100:.1f}%"

    def days(self, value: float) -> str:
        """Return a number of days.

        Examples
        --------
        >>> [JapaneseFigures().days(value) for value in (3.24, 0.98, 41.2, 1.0)]
        ['3.2日', '24時間', '41日', '1日']
        """
        if value < 1:
            return f"{max(value * 24, 0):.0f}時間"
        shown = f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")  # noqa: PLR2004  10.0
        return f"{shown}日"

    def duration(self, seconds: int) -> str:
        """Return a duration in at most two units.

        Examples
        --------
        >>> [JapaneseFigures().duration(seconds) for seconds in (45, 1380, 7500, 86400, 100_000)]
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

    def times(self, count: int) -> str:
        """Say how often something came."""
        return f"{count:,}回"

    def clock(self, epoch: int, zone: ZoneInfo) -> str:
        """Return a time in the channel's zone.

        Examples
        --------
        >>> JapaneseFigures().clock(1760000000, ZoneInfo("Asia/Tokyo"))
        '2025/10/09 17:53 JST'
        """
        return f"{datetime.fromtimestamp(epoch, zone):%Y/%m/%d %H:%M %Z}"

    def friendly(self, epoch: int, zone: ZoneInfo, *, day: bool = True) -> str:
        """Return a time as Slack shows it.

        Examples
        --------
        >>> JapaneseFigures().friendly(1760000000, ZoneInfo("Asia/Tokyo"))
        '2025年10月9日 17:53'
        """
        at = datetime.fromtimestamp(epoch, zone)
        return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}" if day else f"{at:%H:%M}"

    def day(self, at: datetime) -> str:
        """Return a date with its day of the week."""
        return f"{at.year}年{at.month}月{at.day}日（{'月火水木金土日'[at.weekday()]}）"

    def place(self, scope: ScopeOrEdge) -> str:
        """Return cloud, account and region."""
        target = scope.target if isinstance(scope, Edge) else scope
        account = clean(f"{target.cloud} {target.account}").strip() or "アカウント不明"
        return f"{account} · {target.region}" if target.region else account

    def interval(self, finding: Finding) -> str:
        """Return what was expected, with its interval: ``8.2 WCU/秒（6.1～11）``."""
        expected = self.quantity(finding.expected, finding.measure)
        return f"{expected}（{numbers.number(finding.lower)}～{numbers.number(finding.upper)}）"

    def named(self, finding: Finding) -> str:
        """Name what a finding is about and its measure."""
        return f"{self.about(finding.about)}（{self.name(finding.measure)}）"

    def headroom(self, value: float, finding: Finding) -> str:
        """Say how much of a known limit is left."""
        limit = finding.limit or 0.0
        of = f"（上限 {self.quantity(limit, finding.measure)}）"
        return f"残りなし{of}" if limit <= value else f"残り {self.percent(1 - value / limit)}{of}"

    def complete(self, share: float) -> str:
        """Say how complete the data is."""
        return self.percent(share)

    def then(self, text: str, kana: str) -> str:
        """Return ``text`` with what follows, apart where ``text`` ends in a Latin letter: ``265 ms で``."""
        return f"{text} {kana}" if text[-1:].isascii() and text[-1:].isalpha() else f"{text}{kana}"

    def subject(self, finding: Finding) -> str:
        """Return what a sentence is about: ``テーブル items の書き込み容量``."""
        name = f" {finding.measure.key} " if finding.measure.key else _NAMES[finding.measure]
        return f"{self.about(finding.about)} の{name}"
