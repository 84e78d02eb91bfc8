"""What messages say of many incidents in Japanese: floods, digests, answers to commands."""

from typing import Final

from alerting.commands.answer import CommandResult
from alerting.commands.slash import Fault
from alerting.incidents.incident import Incident
from alerting.words import numbers
from alerting.words.ja.life import JapaneseLife
from detectors.model.finding import Finding, Growth
from detectors.model.measures import Measure
from detectors.model.scope import TABLE
from detectors.watch.hottest import Hot
from detectors.watch.standings import Use

_STATES: Final = {
    "open": "継続中",
    "worsening": "悪化",
    "easing": "改善傾向",
    "resolved": "解消",
    "withdrawn": "取り消し",
}

_STAGES: Final = {
    "silences": "通知の停止",
    "maintenance": "メンテナンス",
    "quiet_hours": "静音時間帯",
    "inhibition": "アカウント全体のインシデントに集約",
    "flood": "大量発生による集約",
}

_SAID: Final = {
    CommandResult.DONE: "完了しました。",
    CommandResult.REPEATED: "すでに実行済みです。",
    CommandResult.UNKNOWN: "該当するインシデントまたは停止設定はすでにありません。",
    CommandResult.OVER: "このインシデントは解消済みのため、操作は不要です。",
    CommandResult.PAST: "終了時刻が開始より前になります。",
    CommandResult.CONFIGURED: "この停止は設定ファイルによるものです。設定ファイル側で解除してください。",
}

_FAULTS: Final = {
    Fault.UNKNOWN: "認識できない指示です",
    Fault.WHOM: "停止する対象を指定してください（例: table:items）",
    Fault.HOW_LONG: "期間を指定してください（例: 30m、2h、3d）",
    Fault.TOO_LONG: "期間が長すぎるか、短すぎます",
    Fault.WHICH: "解除する停止の ID を指定してください（/uneri 停止一覧 で確認できます）",
    Fault.ALONE: "「すべて」と個別の対象は同時に指定できません",
    Fault.TEXT: "入力が長すぎます",
}


class JapaneseLists(JapaneseLife):
    """Tells of many incidents."""

    def flood_title(self, incidents: int, still_open: int) -> str:
        """Return the title of the one message of many incidents."""
        if not still_open:
            return f"【解消】大量発生したインシデント {incidents:,}件がすべて解消"
        return f"インシデントが大量発生（{incidents:,}件、うち未解決 {still_open:,}件）"

    def flood_sentence(self, incidents: int, still_open: int) -> str:
        """Say why they are told in one message."""
        return (
            f"短時間に {incidents:,}件のインシデントが発生したため、1つのメッセージにまとめて随時更新します。"
            f"うち {still_open:,}件が未解決です。まず共通の原因をご確認ください。"
        )

    def count(self, what: str, number: int) -> str:
        """Return ``what: number``."""
        return f"{what}: {number:,}件"

    def row(self, verdict: str, what: str, size: str, state: str) -> str:
        """Return one line of a flood or a list."""
        return f"*{verdict}*  {what} · {size}" + (f" · {state}" if state else "")

    def state(self, incident: Incident) -> str:
        """Name the state an incident is in."""
        return _STATES[incident.state]

    def in_the_file(self, more: int) -> str:
        """Say how many are not shown here but in the file."""
        return f"ほか {more:,}件はスレッドのファイルに記載"

    def and_more(self, more: int) -> str:
        """Say how many are not shown."""
        return f"ほか {more:,}件"

    def digest_title(self, growing: int, near: int) -> str:
        """Return the title of a digest."""
        if not growing:
            return "日次ダイジェスト: 増加傾向のものはありません"
        rises = growing - near
        told = [f"増加傾向 {rises:,}件"] if rises else []
        told += [f"上限接近 {near:,}件"] if near else []
        return f"日次ダイジェスト: {'、'.join(told)}"

    def digest_sentence(self, when: str, title: str, first: str) -> str:
        """Return the sentence for notifications."""
        return f"{title}（{when}）。" + (f"筆頭: {first}。" if first else "")

    def level(self, finding: Finding) -> str:
        """Say where what grows stands, and how much is left."""
        level = f"現在 {self.quantity(finding.observed, finding.measure)}"
        return f"{level}、{self.headroom(finding.observed, finding)}" if finding.limit else level

    def forecast(self, growth: Growth) -> str:
        """Say when the limit is met, and what this rests on."""
        slow, fast = (f"{each * 100:.1f}" for each in (growth.per_day_lower, growth.per_day_upper))
        rests = f"{growth.days}日間の傾向、1日あたり {slow}～{fast}%".replace("-", "−")
        if growth.days_to_limit is None:
            return rests
        told = f"*あと {self.days(growth.days_to_limit)}で上限*"
        if growth.days_to_limit_lower is not None:
            soon, late = growth.days_to_limit_lower, growth.days_to_limit_upper
            told += f" （{self.days(soon)}～{'到達せず' if late is None else self.days(late)}）"
        return f"{told} · {rests}"

    def footer(self, when: str, more: int) -> str:
        """Return the last line of a digest."""
        rest = f"ほか {more:,}件は増加が緩やか、または上限に余裕あり · " if more else ""
        return f"{rest}緊急対応ではなく、容量計画のための情報です · {when} 時点"

    def hot(self, hot: Hot, account: str, label: str, former: str, measure: str) -> str:
        """Say which table leads its account, or how near concurrency is to its limit."""
        part = self.percent(hot.share)
        if hot.scope.kind != TABLE:
            return f"{self.kind(hot.scope.kind)} {label} · ピーク時に同時実行数の上限の {part} を使用"
        of = f"ピーク時に{measure}の上限の {part}" if measure else f"アカウントの消費容量の {part}"
        whose = account or "アカウント不明"
        if former:
            return f"{whose} · 最も負荷の高いテーブルが {former} から {label} に交代（{of}）"
        return f"{whose} · 最も負荷の高いテーブルは引き続き {label} （{of}）"

    def use(self, use: Use, name: str) -> str:
        """Say what an API or a business value came to in a day, and last week."""
        if use.measure is Measure.LATENCY:
            told = f"{name} : {numbers.number(use.day)} ms"
            return told if use.week_ago is None else f"{told}（先週 {numbers.number(use.week_ago)} ms）"
        unit = "" if use.measure.key else " リクエスト"
        told = f"{name} : {numbers.number(use.day)}{unit}"
        return told if use.week_ago is None else f"{told}（先週比 {self.change(use.day, use.week_ago)}）"

    def expires(self, what: str, until: str, by: str) -> str:
        """Say that a snooze or silence ends."""
        return f"{what} · {until} まで" + (f" · {by}" if by else "")

    def precision(self, weeks: int, pages: int, expected: int, not_an_anomaly: int) -> str:
        """Say how good the pages of the last weeks were."""
        good = self.percent(1 - (expected + not_an_anomaly) / pages) if pages else "–"
        return (
            f"直近{weeks}週間の通知 {pages:,}件のうち、対応が必要だったものは {good}"
            f"（想定内 {expected:,}件、異常ではない {not_an_anomaly:,}件）"
        )

    def held(self, stage: str, pages: int) -> str:
        """Say how many pages a stage held that are over by now."""
        return self.count(self.stage(stage), pages)

    def said(self, said: CommandResult, until: str) -> str:
        """Answer a command."""
        return f"{_SAID[said]}{until} まで有効です。" if until and said is CommandResult.DONE else _SAID[said]

    def fault(self, fault: Fault, word: str) -> str:
        """Say what was not understood of a slash command."""
        return f"{_FAULTS[fault]}: {word}" if word else f"{_FAULTS[fault]}。"

    def stage(self, stage: str) -> str:
        """Name a stage of the notification pipeline."""
        return _STAGES.get(stage, stage.replace("_", " "))

    def standing(self, still_open: int, behind: str) -> str:
        """Say how many incidents are open and how far behind the data is."""
        told = (
            f"未解決のインシデントは {still_open:,}件です。"
            if still_open
            else "未解決のインシデントはありません。"
        )
        return f"{told}データの遅れは{behind}です。" if behind else told

    def silence(self, identity: str, what: str, until: str, by: str, why: str) -> str:
        """Return one silence of a list."""
        told = f"*{identity}*  {what}" + (f" · {until} まで" if until else "") + (f" · {by}" if by else "")
        return f"{told} · 理由: {why}" if why else told

    def since(self, when: str) -> str:
        """Head what changed."""
        return f"{when} 以降の変化"

    def takes_the_lead(self, label: str, former: str, account: str) -> str:
        """Say that a table leads its account now."""
        was = f" {former} から" if former else ""
        return f"{account} · 最も負荷の高いテーブルが{was} {label} に交代"
