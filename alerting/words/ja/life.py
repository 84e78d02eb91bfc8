"""What messages say of one incident in Japanese: what happened, why, what became of it.

Slack takes ``*bold*`` for markup only where it stands apart, so there are spaces around it.
"""

from collections.abc import Sequence
from typing import Final, assert_never

from alerting.commands.command import CommandKind
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Milestone
from alerting.words import numbers
from alerting.words.ja.figures import NAME
from alerting.words.ja.why import JapaneseWhy
from alerting.words.mrkdwn import clean, cut
from detectors.model.finding import Finding, Share, Verdict
from detectors.model.measures import LATENCIES, Measure
from detectors.model.scope import FUNCTION, TABLE

_MOSTLY: Final = 2 / 3  # of a share: what makes up so much of it is all that is said of it

_ASKED: Final = {
    CommandKind.ACKNOWLEDGE: "*対応中*",
    CommandKind.SNOOZE: "*スヌーズ中*",
    CommandKind.EXPECTED: "*想定内と判定*",
    CommandKind.NOT_AN_ANOMALY: "*異常ではないと判定*",
    CommandKind.SILENCE: "*通知を停止*",
    CommandKind.UNSILENCE: "*通知の停止を解除*",
}

_COMPARED: Final = {
    "weeks": "比較できる過去の週がまだありません",
    "holidays": "休日のため、直近の休日・日曜と比較",
    "yesterday": "比較できる過去の週がまだないため、前日と比較",
    "minutes": "比較できる過去の日がまだないため、直前の数分と比較",
}

_DOORS: Final = {
    "logs": "ログ",
    "errors": "エラーログ",
    "exception": "例外のログ",
    "metrics": "メトリクス",
    "dashboard": "ダッシュボード",
}


class JapaneseLife(JapaneseWhy):
    """Tells of one incident."""

    def title(self, incident: Incident) -> str:
        """Return the title: state, what it is about, verdict, how large it is."""
        told = self._headline(incident.primary, incident.peak)
        match incident.state:
            case "resolved":
                lasted = "" if incident.end is None else f"・継続 {self._lasted(incident)}"
                return f"【解消{lasted}】{told}"
            case "withdrawn":
                return f"【取り消し】{told}"
            case "worsening":
                return f"【悪化】{told}"
            case "easing":
                return f"【改善傾向】{told}"
            case _ if incident.reopened:
                return f"【再発】{told}"
        return told

    def size(self, finding: Finding, value: float) -> str:
        """Return measure and size: ``書き込み容量 +400%``."""
        name = self.name(finding.measure)
        match finding.verdict:
            case Verdict.ABSENCE:
                return "呼び出しなし" if finding.about.kind == TABLE else f"{name} ゼロ"
            case Verdict.FATAL:
                return f"{cut(clean(finding.error_type), NAME)} {self.times(finding.times)}"
            case Verdict.LIMIT | Verdict.GROWTH if finding.growth is not None:
                return f"{name} {self.per_day(finding.growth.per_day)}"
            case Verdict.LIMIT if finding.limit:
                return f"{name} 上限の {self.percent(value / finding.limit)}"
            case Verdict.SHIFT:
                return f"{name} {self.change(value, finding.expected)}（継続）"
            case _:
                return f"{name} {self.change(value, finding.expected)}"

    def sentence(self, incident: Incident) -> str:
        """Return the whole story in a few sentences."""
        primary = incident.primary
        title, where = self.title(incident), self.place(primary.about)
        if incident.state == "resolved":
            return f"{title}。{self.over(incident)}{where}"
        if incident.state == "withdrawn":
            return f"{title}。遅れて届いたデータにより、異常ではなかったことが判明しました。{where}"
        told = f"{title}。{self._now(primary)}。{where}。"
        first = next((share for share in primary.callers if share.scope.kind == FUNCTION), None)
        if first is not None:
            part, caller = self.percent(min(first.share, 1.0)), cut(clean(first.scope.label), NAME)
            told += f"{self._whole(primary)}の {part} は関数 {caller} によるものです。"
        return told

    def over(self, incident: Incident) -> str:
        """Say how it ended."""
        finding = incident.primary
        peaked = self.quantity(incident.peak, finding.measure)
        match finding.verdict:
            case Verdict.ABSENCE if self.retired(finding):
                return "1週間にわたりリクエストがなかったため、廃止されたものとして扱います。"
            case Verdict.ABSENCE:
                return "リクエストが再開しました。"
            case Verdict.FATAL:
                return (
                    f"{self.times(finding.times)}発生したのち収まりました。今後は既知の例外として扱います。"
                )
            case Verdict.LIMIT:
                return f"上限付近ではなくなりました（最大 {peaked}）。"
            case Verdict.SHIFT:
                return "元の水準に戻ったか、新しい水準を平常として扱うようになりました。"
            case _:
                most = "最小" if finding.observed < finding.expected else "最大"
                expected = numbers.number(finding.expected)
                return f"平常の値に戻りました。{most}は {peaked}（想定 {expected}）でした。"

    def called_by(self, finding: Finding) -> str:
        """Return what follows ``呼び出し元``: what the shares are shares of."""
        if finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
            return f"{self.name(finding.measure)}に占める割合"
        which = "減少分" if _falls(finding) else "増加分"
        return f"{self.name(finding.measure)}の{which}に占める割合"

    def because(self, share: Share, finding: Finding) -> str:
        """Say whether a caller calls more often or asks for more with each call."""
        if finding.verdict in (Verdict.FATAL, Verdict.LIMIT) or finding.measure in LATENCIES:
            return ""
        change = "減少" if _falls(finding) else "増加"
        each = "1回あたりの容量" if finding.measure in (Measure.RCU, Measure.WCU) else "1回あたりの量"
        if finding.measure is Measure.REQUESTS or share.more_calls >= _MOSTLY * share.share:
            return f"呼び出し回数の{change}"
        if share.more_per_call >= _MOSTLY * share.share:
            return f"{each}の{change}"
        return f"呼び出し回数と{each}の{change}"

    def carries(self, kind: str, who: str, part: str) -> str:
        """Say that a client or tenant stands out."""
        return f"このうち {part} は{kind} {who} によるものです"

    def throttled(self, reasons: Sequence[tuple[str, str]]) -> str:
        """Say why calls were throttled."""
        return "スロットリングの理由: " + "、".join(f"{reason}（{count}件）" for reason, count in reasons)

    def door(self, kind: str) -> str:
        """Name a link by the suffix of its kind."""
        return _DOORS.get(kind, kind.replace("_", " "))

    def compared(self, finding: Finding) -> str:
        """Say what it is compared with."""
        match finding.verdict:
            case Verdict.FATAL:
                return "これまでにここで発生したすべてのエラーと比較"
            case Verdict.LIMIT:
                return "設定された上限と比較"
        base = _COMPARED[finding.compared_with]
        if finding.weeks_used and finding.compared_with == "weeks":
            base = f"{_weeks(finding.weeks_used)}の同時刻と比較"
        if (planned := finding.planned) is not None:
            base += (
                f"、予定「{cut(clean(planned.name), NAME)}」により{numbers.number(planned.factor)}倍を想定"
            )
        return f"{base}（{_weeks(finding.weeks_left_out)}は除外）" if finding.weeks_left_out else base

    def with_it(self, names: Sequence[str], more: int) -> str:
        """Name what else is affected."""
        return f"同時に影響あり: {'、'.join(names)}" + (f" ほか{more}件" if more else "")

    def all_of_it(self, span: str) -> str:
        """Say when all that was affected began and ended."""
        return f"波及した影響を含む全体 {span}"

    def as_of(self, when: str, incident: str, reopened: int) -> str:
        """Say when this was so, and of which incident."""
        again = f" · 再発 {reopened}回" if reopened else ""
        return f"{when} 時点 · インシデント {incident}{again}"

    def came_back(self, link: str) -> str:
        """Lead to the message of the last time."""
        return f"以前にも発生しています: {link}"

    def alternative(self, finding: Finding, peak: float, hours: int) -> str:
        """Say in words what a chart shows."""
        reached, expected = (self.quantity(value, finding.measure) for value in (peak, finding.expected))
        compared = f"想定 {self.then(expected, 'に')}対して {self.then(reached, 'でした')}。"
        return f"{self.subject(finding)}の直近{hours}時間のグラフ。{compared}"

    def turn(  # noqa: C901, PLR0911  a phrase for each turn
        self, what: str, incident: Incident, detail: str
    ) -> str:
        """Say what turn an incident took."""
        primary = incident.primary
        name = detail or self.about(primary.about)
        match Milestone(what):
            case Milestone.OPENED:
                return f"発生: {self._headline(primary, incident.peak)}"
            case Milestone.WORSENED:
                return f"悪化しています: {self._stands(primary)}"
            case Milestone.EASED:
                return f"改善しつつあります: {self._stands(primary)}"
            case Milestone.SHIFTED:
                return f"一時的なものではなく、新しい水準が続いています: {self._stands(primary)}"
            case Milestone.DEEPER:
                return f"より根本に近い {self.about(primary.about)} に対象を切り替えました"
            case Milestone.CALLER:
                return f"上位の呼び出し元に {name} が加わりました"
            case Milestone.JOINED:
                return f"{name} にも影響が出ています"
            case Milestone.REOPENED:
                return f"再発しました: {self._stands(primary)}"
            case Milestone.AMENDED:
                return f"遅れて届いたデータにより値を訂正しました: {self._stands(primary)}"
            case Milestone.WITHDRAWN:
                return "取り消し: 遅れて届いたデータにより、異常ではなかったことが判明しました"
            case Milestone.RESOLVED:
                return f"解消しました（継続 {self._lasted(incident)}）。{self.over(incident)}"
            case never:
                assert_never(never)

    def handled(self, ask: CommandKind, who: str, until: str, why: str) -> str:
        """Say who did what."""
        told = _ASKED[ask] + (f" : {who}" if who else "") + (f" （{until} まで）" if until else "")
        return f"{told} 理由: {why}" if why else told

    def over_by_itself(self) -> str:
        """Say that a snooze ended while its incident goes on."""
        return "*スヌーズ終了* : インシデントはまだ続いています"

    def _headline(self, finding: Finding, value: float) -> str:  # noqa: PLR0911  a phrase for each verdict
        about, subject = self.about(finding.about), self.subject(finding)
        match finding.verdict:
            case Verdict.SPIKE:
                return f"{subject}が急増（{self.change(value, finding.expected)}）"
            case Verdict.DROP:
                return f"{subject}が急減（{self.change(value, finding.expected)}）"
            case Verdict.SHIFT:
                return f"{subject}が新しい水準に変化（{self.change(value, finding.expected)}）"
            case Verdict.GROWTH:
                return f"{subject}が増加傾向（{self._pace(finding, value)}）"
            case Verdict.LIMIT if finding.growth is not None or not finding.limit:
                return f"{subject}が上限に接近（{self._pace(finding, value)}）"
            case Verdict.LIMIT:
                return f"{subject}が上限の {self.percent(value / (finding.limit or 1.0))} に到達"
            case Verdict.ABSENCE:
                return f"{about} {'への呼び出し' if finding.about.kind == TABLE else 'のリクエスト'}が途絶"
            case Verdict.FATAL:
                error = cut(clean(finding.error_type), NAME)
                return f"{about} で未知の例外 {error} が発生（{self.times(finding.times)}）"
            case never:
                assert_never(never)

    def _pace(self, finding: Finding, value: float) -> str:
        if finding.growth is not None:
            return self.per_day(finding.growth.per_day)
        return self.change(value, finding.expected)

    def _lasted(self, incident: Incident) -> str:
        begun, ended = incident.primary_span
        return self.duration(max(0, (ended or begun) - begun))

    def _stands(self, finding: Finding) -> str:
        return f"{self._now(finding)}（{self.size(finding, finding.observed)}）"

    def _now(self, finding: Finding) -> str:
        now = self.quantity(finding.observed, finding.measure)
        match finding.verdict:
            case Verdict.FATAL:
                return "これまでに発生したことのない例外です"
            case Verdict.LIMIT:
                return f"現在 {now}、{self.headroom(finding.observed, finding)}"
            case Verdict.ABSENCE:
                return f"想定 {self.quantity(finding.expected, finding.measure)}"
            case _:
                return f"現在 {now}、想定 {numbers.number(finding.expected)}"

    def _whole(self, finding: Finding) -> str:
        if finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
            return "全体"
        return "減少分" if _falls(finding) else "増加分"


def _falls(finding: Finding) -> bool:
    return finding.observed < finding.expected


def _weeks(weeks: list[int]) -> str:
    """Name weeks: ``先週``, ``1・2・3週前``."""
    return "先週" if weeks == [1] else f"{'・'.join(map(str, weeks))}週前"
