"""The phrases about one incident in Japanese (``IncidentPhrases``).

Slack takes ``*bold*`` for markup only where it stands apart, so there are spaces around it.
"""

from collections.abc import Sequence
from typing import Final, assert_never

from alerting.commands.command import MARKS, CommandKind
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Milestone
from alerting.incidents.severity import Grade, Harm, Severity
from alerting.incidents.worth import Size
from alerting.words import numbers
from alerting.words.ja import figures
from alerting.words.ja.why import explanation, retired, traffic
from alerting.words.mrkdwn import clean, cut
from alerting.words.stated_texts import NAMED_CHANGES, stated_texts
from detectors.model.finding import (
    Concentration,
    Finding,
    Growth,
    RiseCause,
    Share,
    Verdict,
    is_split,
    notable,
)
from detectors.model.measures import Measure
from detectors.model.scope import FUNCTION, TABLE

_MINUTE: Final = 60  # the beginning of a deviation is known to the minute

_MOSTLY: Final = 2 / 3  # of a share: a part this large is all that is shown of it

_ACTIONS: Final = {
    CommandKind.ACKNOWLEDGE: "*対応開始*",
    CommandKind.SNOOZE: "*スヌーズ中*",
    CommandKind.EXPECTED: "*想定内と判定*",
    CommandKind.NOT_AN_ANOMALY: "*異常ではないと判定*",
    CommandKind.TAKE_BACK: "*判定を取り消し*",
    CommandKind.SILENCE: "*通知を停止*",
    CommandKind.UNSILENCE: "*通知停止を解除*",
    CommandKind.NOTE: "*メモ*",
    CommandKind.FORGET: "*メモを削除*",
}

_GRADES: Final = {Grade.CRITICAL: "緊急", Grade.HIGH: "高", Grade.MEDIUM: "中", Grade.LOW: "低"}

_COMPARED: Final = {
    "weeks": "比較できる過去の週がまだありません",
    "yesterday": "比較できる過去の週がまだないため、前日と比較",
    "minutes": "比較できる過去の日がまだないため、直前の数分と比較",
}

_CHANGES: Final = {
    "deploy": "デプロイ",
    "deployed": "デプロイ完了",
    "deploy failed": "デプロイ失敗",
    "config": "設定変更",
    "rollback": "ロールバック",
    "create": "作成",
    "delete": "削除",
    "publish": "公開",
    "restore": "復元",
    "capacity": "容量変更",
    "concurrency": "同時実行数の変更",
}

_LINKS: Final = {
    "logs": "ログ",
    "errors": "エラーログ",
    "exception": "例外ログ",
    "metrics": "メトリクス",
    "dashboard": "ダッシュボード",
}


def title(of: Incident) -> str:  # noqa: PLR0911  a phrase for each state
    headline = _headline(of.primary, of.peak)
    match of.state:
        case "resolved":
            if of.primary.lost:
                return f"【データなしのため終了】{headline}"
            lasted = "" if of.end is None else f"・継続 {_lasted(of)}"
            return f"【解消{lasted}】{headline}"
        case "withdrawn":
            return f"【取り消し】{headline}"
        case "worsening":
            return f"【悪化】{headline}"
        case "easing":
            return f"【改善傾向】{headline}"
        case _ if of.reopened:
            return f"【再発】{headline}"
    return headline


def size(finding: Finding, value: float) -> str:
    name = figures.measure(finding.measure, finding.about)
    match finding.verdict:
        case Verdict.ABSENCE if finding.gap:
            return "受信なし"
        case Verdict.ABSENCE:
            return f"{traffic(finding)}なし"
        case Verdict.FATAL:
            return f"{cut(clean(finding.error_type), figures.NAME)} {figures.times(finding.times)}"
        case Verdict.LIMIT | Verdict.GROWTH if finding.growth is not None:
            return f"{name} {figures.per_day(finding.growth.per_day)}"
        case Verdict.LIMIT if finding.limit:
            return f"{name} 上限の {figures.percent(value / finding.limit)}"
    changed = f"{name} {_change(finding, value)}"
    return f"{changed}（継続）" if finding.verdict is Verdict.SHIFT else changed


def sentence(of: Incident, where: str) -> str:
    primary = of.primary
    headline = title(of)
    if of.state == "resolved":
        return f"{headline}。{ending(of)}{where}。"
    if of.state == "withdrawn":
        return f"{headline}。その後に届いたデータにより、異常ではなかったことが判明しました。{where}。"
    story = f"{headline}。{_now(primary)}。{where}。"
    first = next((share for share in notable(primary).callers if share.scope.kind == FUNCTION), None)
    if first is not None:
        part, caller = figures.percent(first.share), cut(clean(first.scope.label), figures.NAME)
        story += f"{_whole(primary)}の {part} は関数 {caller} によるものです。"
    return story


def why(finding: Finding) -> str:
    return explanation(finding)


def ending(of: Incident) -> str:
    if of.ended_after is None or of.primary.lost:
        return _ending(of)
    what, version, where, by = stated_texts(of.ended_after.change)
    return f"{_ending(of)}{_behind(of.ended_after.after, change(what, version), where, by)}に収まりました。"


def _ending(of: Incident) -> str:  # noqa: PLR0911  a phrase for each verdict
    finding = of.primary
    furthest = figures.quantity(of.peak, finding.measure, finding.about)
    if finding.lost:
        return "以後データが届いていないため、その後の状況は不明です。"
    match finding.verdict:
        case Verdict.ABSENCE if retired(finding):
            return f"1週間にわたり{traffic(finding)}がなかったため、廃止されたものとして扱います。"
        case Verdict.ABSENCE if finding.gap:
            return "レコードの受信が再開しました。"
        case Verdict.ABSENCE:
            return f"{traffic(finding)}が再開しました。"
        case Verdict.FATAL:
            return f"{figures.times(finding.times)}発生したのち収まりました。今後は既知の例外として扱います。"
        case Verdict.LIMIT:
            return f"上限に接近した状態は解消しました（最大 {furthest}）。"
        case Verdict.SHIFT:
            return "元の水準に戻ったか、新しい水準を平常として扱うようになりました。"
        case _ if finding.failures is not None:
            counted, usual = figures.failures(finding.failures, finding.about), _usual(finding)
            return f"平常値に戻りました（{counted}が{_fate(finding)}、平常時 {usual}）。"
        case _ if (mean := finding.added_up) is not None:
            usual = numbers.of_measure(mean.expected, finding.measure)
            return f"平常値に戻りました（{figures.added_up(mean, finding)}、想定 {usual}）。"
        case _:
            most = "最大" if finding.rises else "最小"
            usual = numbers.of_measure(finding.expected, finding.measure)
            return f"平常値に戻りました（{most} {furthest}、想定 {usual}）。"


def share_of(finding: Finding) -> str:
    if finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
        return f"{figures.measure(finding.measure, finding.about)}に占める割合"
    which = "増加分" if finding.rises else "減少分"
    return f"{figures.measure(finding.measure, finding.about)}の{which}に占める割合"


def because(share: Share, finding: Finding) -> str:
    if not is_split(finding.verdict, finding.measure):
        return ""
    change = "増加" if finding.rises else "減少"
    per_call = "1回あたりの容量" if finding.measure in (Measure.RCU, Measure.WCU) else "1回あたりの量"
    if finding.measure is Measure.REQUESTS or share.more_calls >= _MOSTLY * share.share:
        return f"呼び出し回数の{change}"
    if share.more_per_call >= _MOSTLY * share.share:
        return f"{per_call}の{change}"
    return f"呼び出し回数と{per_call}の{change}"


def concentration(of: Concentration) -> str:
    if of.cause is RiseCause.DEMAND:
        return "内訳は通常どおり（需要の増加）"
    if of.per_call:
        return "回数ではなく、呼び出し1回あたりの量が増加"
    if not of.carriers:
        return f"この{figures.kind(of.kind)}だけが増加し、ほかは通常どおり"
    return f"増加分の {figures.percent(of.share)} が{of.carriers:,}件の{figures.kind(of.kind)}に集中"


def stands_out(kind: str, label: str, part: str) -> str:
    return f"このうち {part} は{kind} {label} によるものです"


def throttled(reasons: Sequence[tuple[str, str]]) -> str:
    return "スロットリングの理由: " + "、".join(f"{reason}（{count}件）" for reason, count in reasons)


def link_name(suffix: str) -> str:
    return _LINKS.get(suffix, suffix.replace("_", " "))


def grade(of: Grade) -> str:
    return _GRADES[of]


def severity(of: Severity, *, over: bool, is_table: bool = False) -> str:  # noqa: ARG001  a noun says both
    """Return the severity, with the reason in one phrase.

    Examples
    --------
    >>> severity(Severity(Grade.CRITICAL, Harm.ERRORS, 0.408), over=False)
    '緊急 · リクエストの 41% が失敗'
    """
    return f"{grade(of.level)} · {_harm(of, '呼び出し' if is_table else 'リクエスト')}"


def _harm(of: Severity, what: str) -> str:  # noqa: PLR0911  a phrase for each
    share = figures.percent(of.share)
    match of.harm:
        case Harm.ERRORS:
            return f"{what}の {share} が失敗" if of.share else f"{what}が失敗"
        case Harm.NO_REQUESTS:
            return f"{what}なし"
        case Harm.THROTTLED:
            return f"呼び出しの {share} がスロットリング" if of.share else "スロットリングが発生"
        case Harm.LIMIT:
            return "上限に到達" if of.share >= 1 else f"ピーク時の残り容量 {figures.percent(1 - of.share)}"
        case Harm.FEWER_REQUESTS:
            return f"{what}の {share} が不足"
        case Harm.SLOW:
            long = f"応答時間が通常の {numbers.number(of.share)}倍"
            return long if round(of.share, 1) > 1 else "応答が遅延"
        case Harm.USER_ERRORS:
            return f"リクエストの {share} がユーザーエラー" if of.share else "ユーザーエラーが増加"
        case Harm.GROWTH:
            return "増加傾向（上限まで余裕あり）"
        case Harm.LOAD:
            return "エラー・スロットリングなし"
        case never:
            assert_never(never)


def reached_by(requests: float, lasted: str, *, is_table: bool) -> str:
    return (
        f"{figures.spanned(lasted)}に{'呼び出し' if is_table else 'リクエスト'} {numbers.count(requests)}件"
    )


def missing(requests: float, lasted: str, *, is_table: bool) -> str:
    what = "呼び出し" if is_table else "リクエスト"
    return f"{figures.spanned(lasted)}に{what}約{numbers.count(requests)}件が不足"


def routes(names: Sequence[str], more: int) -> str:
    return "、".join(names) + (f" ほか{more}ルート" if more else "") if names else ""


def compared(finding: Finding) -> str:
    match finding.verdict:
        case Verdict.FATAL:
            return "過去に発生したすべてのエラーと比較"
        case Verdict.LIMIT:
            return "上限と比較" if finding.measure.level else "設定された上限と比較"
    used, left_out, holiday = finding.weeks_used, finding.weeks_left_out, finding.compared_with == "holidays"
    if holiday:
        base = f"休日のため、直近{len(used)}回の休日・日曜と比較"
    elif used and finding.compared_with == "weeks":
        base = f"{_weeks(used)}の同時刻と比較"
    else:
        base = _COMPARED[finding.compared_with]
    if (planned := finding.planned) is not None:
        event = cut(clean(planned.name), figures.NAME)
        base += f"、予定「{event}」により{numbers.number(planned.factor)}倍を想定"
    if not left_out:
        return base
    return f"{base}（{f'{len(left_out)}回' if holiday else _weeks(left_out)}は除外）"


def forecast(growth: Growth) -> str:
    slow, fast = (f"{rate * 100:.1f}" for rate in (growth.per_day_lower, growth.per_day_upper))
    basis = f"{growth.days}日間の傾向、1日あたり {slow}～{fast}%".replace("-", "−")
    if growth.days_to_limit is None:
        return basis
    if growth.days_to_limit <= 0:
        return f"*上限に到達* · {basis}"
    return f"*あと{figures.days_to_limit(growth)}で上限に到達*（80%） · {basis}"


def also_affected(names: Sequence[str], more: int) -> str:
    return f"ほかに影響あり: {'、'.join(names)}" + (f" ほか{more}件" if more else "")


def whole_span(span: str) -> str:
    return f"波及分を含む全体 {span}"


def rule(of: Size) -> str:
    return f"通知する大きさ（incidents.page.{of.setting}）の{numbers.number(of.times)}倍"


def as_of(when: str, incident: str, reopened: int) -> str:
    again = f" · 再発 {reopened}回" if reopened else ""
    return f"{when} 時点 · インシデント {incident}{again}"


def seen_before(link: str) -> str:
    return f"以前にも発生しています: {link}"


def alt_text(finding: Finding, peak: float, hours: int) -> str:
    reached, expected = (
        figures.quantity(value, finding.measure, finding.about) for value in (peak, finding.figures[1])
    )
    compared = f"想定 {figures.then(expected, 'に')}対して {figures.then(reached, 'でした')}。"
    if finding.failures is not None:
        compared = f"{_now(finding)}。"
    return f"{figures.subject(finding)}の直近{hours}時間のグラフ。{compared}"


def milestone(what: str, of: Incident, detail: str) -> str:  # noqa: C901, PLR0911, PLR0912  a phrase for each
    primary = of.primary
    name = detail or figures.about(primary.about)
    match Milestone(what):
        case Milestone.OPENED:
            basis = f"。{compared(primary)}" if primary.young else ""
            return f"発生: {_headline(primary, of.peak)}{basis}"
        case Milestone.WORSENED:
            return f"悪化しています: {_stands(primary)}"
        case Milestone.EASED:
            return f"改善しつつあります: {_stands(primary)}"
        case Milestone.SHIFTED:
            return f"新しい水準が継続しています: {_stands(primary)}"
        case Milestone.DEEPER:
            return f"対象を、より原因に近い{figures.about(primary.about)} に切り替えました"
        case Milestone.CALLER:
            return f"上位の呼び出し元に {name} が加わりました"
        case Milestone.JOINED:
            return f"{name} にも影響が出ています"
        case Milestone.REOPENED:
            return f"再発しました: {_stands(primary)}"
        case Milestone.PRECEDED:
            return _preceded(of)
        case Milestone.AMENDED:
            return f"遅れて届いたデータにより値を修正しました: {_stands(primary)}"
        case Milestone.WITHDRAWN:
            return "取り消し: その後に届いたデータにより、異常ではなかったことが判明しました"
        case Milestone.RESOLVED if primary.lost:
            return f"終了しました。{ending(of)}"
        case Milestone.RESOLVED:
            return f"解消しました（継続 {_lasted(of)}）。{ending(of)}"
        case never:
            assert_never(never)


def action(kind: CommandKind, who: str, until: str, why: str, *, teaches: bool = False) -> str:
    line = _ACTIONS[kind] + (f" : {who}" if who else "") + (f" （{until} まで）" if until else "")
    if kind in MARKS:
        line += "。続いている間は通知しません"
        line += "。同種のものは数週間、より大きい場合だけ通知します" if teaches else ""
    if kind is CommandKind.NOTE:
        return f"{line} {why}"
    return f"{line} 理由: {why}" if why else line


def change(what: str, version: str) -> str:
    return " ".join(part for part in (_CHANGES.get(what.lower(), what) or "変更", version) if part)


def after_change(after: int, change: str, of: str, by: str) -> str:
    """Return the change before it.

    Examples
    --------
    >>> after_change(125, "デプロイ 42", "inventory-put-item", "ci")
    'inventory-put-item のデプロイ 42（ci）の2分後に発生'
    """
    return f"{_behind(after, change, of, by)}に発生"


def _behind(after: int, change: str, of: str, by: str) -> str:
    when = f"の{figures.duration(after)}後" if after >= _MINUTE else "とほぼ同時"
    return f"{of} の{change}" + (f"（{by}）" if by else "") + when


def more_changes(more: int) -> str:
    return f"直前にほかの変更 {more}件"


def memo(title: str, when: str, who: str, text: str) -> str:
    """Return a memo with its author and time.

    Examples
    --------
    >>> memo("前回", "2025年11月12日 10:03", "alice", "ios 3.2.1 が待たずに再試行していた")
    '*前回* （2025年11月12日 10:03、alice）: ios 3.2.1 が待たずに再試行していた'
    """
    return f"*{title}* （{when}、{who}）: {text}"


def snooze_expired() -> str:
    return "*スヌーズ終了* : インシデントは継続中です"


def _headline(finding: Finding, value: float) -> str:  # noqa: PLR0911  a phrase for each verdict
    about, subject = figures.about(finding.about), figures.subject(finding)
    match finding.verdict:
        case Verdict.SPIKE:
            return f"{subject}が急増（{_change(finding, value)}）"
        case Verdict.DROP:
            return f"{subject}が急減（{_change(finding, value)}）"
        case Verdict.SHIFT:
            return f"{subject}が新しい水準に変化（{_change(finding, value)}）"
        case Verdict.GROWTH:
            return f"{subject}が増加傾向（{_pace(finding, value)}）"
        case Verdict.LIMIT if finding.growth is not None or not finding.limit:
            return f"{subject}が上限に接近（{_pace(finding, value)}）"
        case Verdict.LIMIT:
            return f"{subject}が上限の {figures.percent(value / (finding.limit or 1.0))} に到達"
        case Verdict.ABSENCE if finding.gap:
            return f"{about} を含む全レコードの受信が途絶"
        case Verdict.ABSENCE:
            return f"{about} への{traffic(finding)}が途絶"
        case Verdict.FATAL:
            error = cut(clean(finding.error_type), figures.NAME)
            return f"{about} で新規例外 {error} が発生（{figures.times(finding.times)}）"
        case never:
            assert_never(never)


def _pace(finding: Finding, value: float) -> str:
    if finding.growth is not None:
        return figures.per_day(finding.growth.per_day)
    return figures.change(value, finding.expected, finding.measure)


def _change(finding: Finding, value: float) -> str:
    """Return the change from the expected value; of failures, their part of the requests."""
    if finding.failures is None:
        value, expected = (value, finding.expected) if finding.added_up is None else finding.figures
        return figures.change(value, expected, finding.measure)
    what = "呼び出し" if finding.about.kind == TABLE else "リクエスト"
    return f"{what}の {figures.percent(finding.failures.share)}"


def _fate(finding: Finding) -> str:
    match finding.measure:
        case Measure.THROTTLES:
            return "スロットリング"
        case Measure.COLD_STARTS:
            return "コールドスタート"
        case _:
            return "失敗"


def _usual(finding: Finding) -> str:
    return "" if finding.failures is None else figures.usually(finding.failures)


def _preceded(of: Incident) -> str:
    shown = []
    for preceding in of.changes[:NAMED_CHANGES]:
        what, version, where, by = stated_texts(preceding.change)
        shown.append(after_change(preceding.after, change(what, version), where, by))
    return f"直前の変更が判明: {'、'.join(shown)}" if shown else "直前の変更は取り下げられました"


def _lasted(of: Incident) -> str:
    begun, ended = of.primary_span
    return figures.duration(max(0, (ended or begun) - begun))


def _stands(finding: Finding) -> str:
    return f"{_now(finding)}（{size(finding, finding.observed)}）"


def _now(finding: Finding) -> str:
    now = figures.quantity(finding.observed, finding.measure, finding.about)
    match finding.verdict:
        case Verdict.FATAL:
            return "過去に発生したことのない例外です"
        case Verdict.LIMIT:
            return f"最大 {now}、{figures.headroom(finding.observed, finding)}"
        case Verdict.ABSENCE:
            return f"想定 {figures.quantity(finding.figures[1], finding.measure, finding.about)}"
        case _ if finding.failures is not None:
            counted = figures.failures(finding.failures, finding.about)
            return f"{counted}が{_fate(finding)}、平常時 {_usual(finding)}"
        case _ if (mean := finding.added_up) is not None and not finding.is_minute:
            usual = numbers.of_measure(mean.expected, finding.measure)
            latest = f"、現在 {now}" if finding.is_open else ""
            return f"{figures.added_up(mean, finding)}、想定 {usual}{latest}"
        case _:
            at = "現在 " if finding.is_open else ""
            return f"{at}{now}、想定 {numbers.of_measure(finding.expected, finding.measure)}"


def _whole(finding: Finding) -> str:
    if finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
        return "全体"
    return "増加分" if finding.rises else "減少分"


def _weeks(weeks: list[int]) -> str:
    """Name weeks: ``先週``, ``1・2・3週前``."""
    return "先週" if weeks == [1] else f"{'・'.join(map(str, weeks))}週前"
