"""The sentence that explains a finding, in Japanese, made from its evidence."""

from typing import Final, assert_never

from alerting.words import numbers
from alerting.words.figures import NAME, Figures
from alerting.words.mrkdwn import clean, cut
from alerting.words.phrase import then
from detectors.model.finding import Failures, Finding, Verdict
from detectors.model.measures import LATENCIES, Measure
from detectors.model.scope import ROUTE, Scope
from detectors.model.sentence import EASED, MOST_OF_IT, has_multiple

_NAMED: Final = 3


def explanation(finding: Finding, figures: Figures) -> str:
    """Explain the finding, in a few sentences with the numbers used."""
    match finding.verdict:
        case Verdict.SPIKE | Verdict.DROP | Verdict.SHIFT:
            text = _deviation(finding, figures)
        case Verdict.GROWTH:
            text = _growth(finding, figures)
        case Verdict.LIMIT:
            text = _growth(finding, figures) if finding.growth is not None else _limit(finding, figures)
        case Verdict.ABSENCE:
            text = _absence(finding, figures)
        case Verdict.FATAL:
            text = _fatal(finding, figures)
        case never:
            assert_never(never)
    return text + _cause(finding, figures)


def _deviation(finding: Finding, figures: Figures) -> str:
    stays = "この水準が続いています。" if finding.verdict is Verdict.SHIFT else ""
    if finding.failures is not None:
        return _failures(finding, finding.failures, figures) + stays
    is_at, usually = finding.figures
    now, expected = (figures.of_finding(value, finding) for value in (is_at, usually))
    lower, upper = (numbers.of_measure(bound, finding.measure) for bound in (finding.lower, finding.upper))
    mean = None if finding.is_minute else finding.added_up
    between = f"（{lower}～{upper}）" if mean is None else ""  # the interval is that of a minute
    basis = f"{_basis(finding)}から想定される {expected}{between}"
    if (planned := finding.planned) is not None:
        usual = usually / planned.factor
        times = _basis(finding)
        if has_multiple(finding.measure, usually, usual):
            times += f"の {numbers.number(planned.factor)}倍"
        basis = f"予定「{cut(clean(planned.name), NAME)}」（{times}）で見込まれる {expected}{between}"
    if finding.verdict is Verdict.DROP and usually > 0:
        text = f"{basis}の {100 * is_at / usually:.0f}% でした。"
    elif has_multiple(finding.measure, is_at, usually):
        text = f"{basis}の {numbers.number(is_at / usually)}倍でした。"
    else:
        text = f"{basis}を{'下' if is_at < usually else '大きく上'}回りました。"
    if mean is not None:
        averaged = f"{figures.spanned(figures.duration(mean.seconds))}の平均が {then(now, 'で')}"
        return f"{figures.subject_of(finding)}は {averaged}、{text}{stays}"
    reached = "上がり" if finding.rises else "下がり"
    return f"{figures.subject_of(finding)}は {then(now, 'に')}{reached}、{text}{stays}"


def _failures(finding: Finding, failures: Failures, figures: Figures) -> str:
    counted = figures.failures(failures, finding.about)
    share, usual = figures.percent(failures.share), figures.usually(failures)
    ended = not finding.deviates
    match finding.measure:
        case Measure.THROTTLES:
            verb = "がスロットリングされました" if ended else "がスロットリングされています"
        case Measure.COLD_STARTS:
            verb = "がコールドスタートになりました" if ended else "がコールドスタートになっています"
        case error:
            verb = f"が{figures.measure(error)}で{'失敗しました' if ended else '失敗しています'}"
    return (
        f"{figures.about(finding.about)} では{counted}（{share}）{verb}。"
        f"{_basis(finding)}に基づく平常時の割合は {usual} です。"
    )


def _basis(finding: Finding) -> str:
    weeks = len(finding.weeks_used)
    if not weeks:
        return "直前の数分" if finding.compared_with == "minutes" else "前日の同時刻"
    if finding.compared_with == "holidays":
        text = f"直近{weeks}回の休日・日曜の同時刻"
    elif finding.weeks_used == [1]:
        text = "先週の同時刻"
    else:
        text = f"過去{weeks}週の同時刻"
    left_out = len(finding.weeks_left_out)
    return f"{text}（インシデントの影響を受けた{left_out}週は除外）" if left_out else text


def _growth(finding: Finding, figures: Figures) -> str:
    growth = finding.growth
    if growth is None:
        return ""
    slow, fast = (f"{100 * rate:.1f}" for rate in (growth.per_day_lower, growth.per_day_upper))
    if growth.per_day_lower <= 0:
        text = f"{figures.subject_of(finding)}の増加傾向は、確実とは言えなくなりました。"
        middle = f"{round(100 * growth.per_day, 1) + 0.0:.1f}"  # -0.0 is 0
        rate = f"直近{growth.days}日間では1日あたり {middle}%（{slow}～{fast}%）です。"
        return text + rate.replace("-", "−") if growth.days else text
    text = (
        f"{figures.subject_of(finding)}は {growth.days}日間にわたり、"
        f"1日あたり {100 * growth.per_day:.1f}%（{slow}～{fast}%）のペースで増えています。"
    ).replace("-", "−")
    if finding.limit is None or growth.days_to_limit is None:
        return text
    limit = figures.of_finding(finding.limit, finding)
    if growth.days_to_limit == 0:
        return f"{text}ピーク時にはすでに上限の {then(limit, 'に')}達しています。"
    days = figures.days_to_limit(growth)
    return f"{text}あと{days}で上限の {then(limit, 'に')}達する見込みです（80%）。"


def _limit(finding: Finding, figures: Figures) -> str:
    limit = finding.limit or 0.0
    share = finding.observed / limit if limit else 0.0
    used = f"上限 {then(figures.quantity(limit, finding.measure), 'の')} {figures.percent(share)} "
    if finding.measure.level:
        value = figures.quantity(finding.observed, finding.measure)
        whole = then(figures.quantity(limit, finding.measure), "の")
        used = f" {value}（上限 {whole} {figures.percent(share)}）"
    subject = figures.subject_of(finding)
    if not finding.near:
        return f"{subject}は直近1日のピークで{used}に達しました。前日までも同様です。"
    refused = "呼び出しのスロットリングも発生しています。" if finding.throttled else ""
    most = max(finding.peak or 0.0, finding.observed) / limit if limit else 0.0
    if finding.state == "end":  # what it came to in the meantime, not what it is now
        over = f"{finding.minutes}分間の平均で" if finding.minutes else ""
        return f"{subject}は{over}{used}に達しました。{refused}"
    over = f"直近{finding.minutes}分間の平均で" if finding.minutes else ""
    if most - share >= EASED:
        return f"{subject}は{over}{used}です。最大で {figures.percent(most)} に達しました。{refused}"
    return f"{subject}は{over}{used}に達しています。{refused}"


def _absence(finding: Finding, figures: Figures) -> str:
    about, what = figures.about(finding.about), figures.what(finding.about)
    if finding.state == "end" and finding.retired:
        return f"{about} は1週間にわたり{what}がないため、廃止されたものとして扱います。"
    lasts = max(0, finding.until - finding.start)
    waited, over = figures.duration(lasts), finding.state == "end"
    means = finding.added_up
    came = finding.came
    text = f"{about} への{what}が{waited}にわたり途絶え{'ました' if over else 'ています'}。"
    if came >= 0.5:  # noqa: PLR2004  less rounds to none
        text = f"{about} への{what}は{waited}で {numbers.number(came)}件だけでした。"
    if finding.gap:
        text = (
            f"{waited}にわたり、{about} を含むすべてのレコードが届いていません{'でした' if over else ''}。"
            "まず送信元、ストリーム、認証情報などのパイプラインを確認してください。"
        )
    if finding.missed < 0.5:  # noqa: PLR2004
        return text
    missed = numbers.number(finding.missed)
    basis = _basis(finding)
    if (planned := finding.planned) is not None:
        basis += f"と予定「{cut(clean(planned.name), NAME)}」"
    known = lasts if means is None else means.seconds
    time = "この間" if known >= lasts else f"このうち最後の{figures.spanned(figures.duration(known))}"
    return f"{text}{basis}から、{time}に約{missed}件が想定されていました。"


def _fatal(finding: Finding, figures: Figures) -> str:
    error = cut(clean(finding.error_type), NAME)
    routes = [s.scope for s in finding.callers if s.scope.kind == ROUTE and s.share > 0]
    on = f"（{_listed(routes, figures)}）" if routes else ""
    often = figures.times(finding.times)
    if (failures := finding.failures) is not None:
        often += f"（{figures.failures(failures, finding.about)}、{figures.percent(failures.share)}）"
    by = _listed([share.scope for share in finding.suspects], figures)
    of = f"呼び出し元は{by} です。" if by else ""
    return (
        f"{figures.about(finding.about)} のリクエスト{on}が {error} により{often}"
        f"異常終了しました。{of}ここでこの例外が発生したのは初めてです。"
    )


def _listed(scopes: list[Scope], figures: Figures) -> str:
    rest = len(scopes) - _NAMED
    return "、".join(map(figures.about, scopes[:_NAMED])) + (f" ほか{rest}件" if rest > 0 else "")


def _cause(finding: Finding, figures: Figures) -> str:
    if not finding.causes or finding.causes[0].score < MOST_OF_IT:
        return ""
    cause = figures.about(finding.causes[0].scope)
    if finding.measure in LATENCIES:
        return f"時間の大半は{cause} で費やされています。"
    if finding.causes[0].measure is Measure.THROTTLES:
        return f"{cause} でスロットリングが発生しています。"
    return f"エラーの発生元は{cause} です。"
