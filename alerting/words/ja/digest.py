"""The daily digest and the message of a flood in Japanese (``DigestPhrases``)."""

from collections.abc import Mapping, Sequence

from alerting.words import numbers
from alerting.words.ja import figures
from detectors.model.finding import Finding, Growth
from detectors.model.measures import Measure
from detectors.model.scope import TABLE
from detectors.watch.rankings import Hot, Use


def title(growing: int, near: int, groups: int) -> str:
    if not growing:
        return "日次ダイジェスト: 増加傾向なし"
    rises = growing - near
    parts = [f"増加傾向 {rises:,}件"] if rises else []
    parts += [f"上限接近 {near:,}件"] if near else []
    together = f"（{groups:,}グループ）" if groups < growing else ""
    return f"日次ダイジェスト: {'、'.join(parts)}{together}"


def together(names: Sequence[str], more: int) -> str:
    return f"連動して増加: {'、'.join(names)}" + (f" ほか{more:,}件" if more else "")


def limit_in(growth: Growth) -> str:
    if growth.days_to_limit is None:
        return ""
    return "上限に到達" if growth.days_to_limit <= 0 else f"あと{figures.days_to_limit(growth)}で上限に到達"


def sentence(when: str, title: str, first: str) -> str:
    return f"{title}（{when}）。" + (f"筆頭: {first}。" if first else "")


def level(finding: Finding) -> str:
    now = f"現在 {figures.quantity(finding.observed, finding.measure, finding.about)}"
    return f"{now}、{figures.headroom(finding.observed, finding)}" if finding.limit else now


def footer(when: str, more: int) -> str:
    rest = f"ほか {more:,}件は増加が緩やか、または上限に余裕あり · " if more else ""
    return f"{rest}容量計画のための情報です（緊急対応は不要） · {when} 時点"


def lasting(since: str, until: str) -> str:
    return f"{since} – {until}" if until else f"{since} から継続中"


def hottest(hot: Hot, account: str, label: str, former: str, measure: str) -> str:
    part = figures.percent(hot.share)
    if hot.scope.kind != TABLE:
        return f"{figures.kind(hot.scope.kind)} {label} · ピーク時に同時実行数の上限の {part} を使用"
    of = f"ピーク時に{measure}の上限の {part}" if measure else f"アカウントの消費容量の {part}"
    whose = account or "アカウント不明"
    if former:
        return f"{whose} · 最も負荷の高いテーブルが {former} から {label} に交代（{of}）"
    return f"{whose} · 最も負荷の高いテーブルは引き続き {label} （{of}）"


def usage(use: Use, name: str) -> str:
    if use.measure is Measure.LATENCY:
        line = f"{name} : {numbers.number(use.day)} ms"
        return line if use.week_ago is None else f"{line}（先週 {numbers.number(use.week_ago)} ms）"
    unit = "" if use.measure.key else " リクエスト"
    line = f"{name} : {numbers.number(use.day)}{unit}"
    if use.week_ago is None:
        return line
    if use.week_ago < numbers.FEW_A_DAY:  # a multiple of nearly nothing says nothing
        return f"{line}（先週 {numbers.number(use.week_ago)}）"
    return f"{line}（先週比 {figures.change(use.day, use.week_ago, use.measure)}）"


def cost(use: Use, name: str) -> str:
    line = f"{name}: {_money(use.day, use.week_ago)}"
    return line if use.month is None else f"{line}・30日間 {_money(use.month, use.month_before)}"


def _money(now: float, before: float | None) -> str:
    shown = f"{numbers.money(now)} USD"
    if not before or numbers.money(before) == "0":
        return shown
    ratio = now / before
    times = f"{numbers.number(ratio)}倍" if ratio >= numbers.MANY else f"{numbers.signed_percent(ratio)}%"
    return f"{shown}（{times}）"


def expiring(what: str, until: str, by: str) -> str:
    return f"{what} · {until} まで" + (f" · {by}" if by else "")


def precision(weeks: int, pages: int, expected: int, not_an_anomaly: int) -> str:
    good = figures.percent(1 - (expected + not_an_anomaly) / pages) if pages else "–"
    return (
        f"直近{weeks}週間の通知 {pages:,}件のうち、対応が必要だったものは {good}"
        f"（想定内 {expected:,}件、異常ではない {not_an_anomaly:,}件）"
    )


def less_sensitive(times: float, left_out: int, lost: int) -> str:
    return (
        f"`judge.sensitivity` を現在の {times:g} 倍にすると、このうち {left_out:,}件（ほかに {lost:,}件）は"
        "通知されませんでした。`uneri replay --against` で過去のデータを使って確認できます"
    )


def held(stage: str, pages: int) -> str:
    return figures.count(figures.stage(stage), pages)


def judgeable(names: Sequence[str], more: int) -> str:
    return f"判定を開始: {'、'.join(names)}" + (f" ほか{more:,}件" if more else "")


def learnt(counts: Mapping[str, int]) -> str:
    kinds = (f"{figures.kind(kind)} {number:,}件" for kind, number in counts.items())
    return f"履歴から学習済み、すでに判定中: {'、'.join(kinds)}"


def learning(scopes: int, first: int, last: int, days: int) -> str:
    on = f"{first}日目" if first == last else f"{first}～{last}日目"
    return f"学習中: {scopes:,}件（{days}日中{on}）"


def flood_title(incidents: int, still_open: int) -> str:
    if not still_open:
        return f"【解消】大量発生したインシデント {incidents:,}件がすべて解消"
    return f"インシデントが大量発生（{incidents:,}件、うち未解決 {still_open:,}件）"


def flood_sentence(incidents: int, still_open: int) -> str:
    opened = f"短時間に {incidents:,}件のインシデントが発生したため、1つのメッセージにまとめ"
    if not still_open:
        return f"{opened}ました。すべて解消しています。"
    return f"{opened}て随時更新します。うち {still_open:,}件が未解決です。まず共通の原因をご確認ください。"
