"""The phrases of the daily digest, and of the message of a flood."""

from collections.abc import Mapping

import msgspec

from alerting.commands.dispatch import Precision
from alerting.words import numbers
from alerting.words.figures import Figures
from alerting.words.phrase import Phrase
from detectors.model.finding import Finding, Growth
from detectors.model.measures import Measure
from detectors.model.scope import TABLE
from detectors.watch.rankings import Hot, Use


class DigestPhrases(msgspec.Struct, frozen=True, kw_only=True):
    """The phrases of the daily digest, and of the message of a flood; names that they take are mrkdwn."""

    figures: Figures = Figures()
    no_account: str = "unnamed account"
    nothing_grows: str = "DIGEST · nothing is growing"
    # also rises, near, is_both
    heading: Phrase = Phrase(
        "DIGEST · {growing:,} series growing{is_near:? or near a limit|}[ in {groups:,} group{groups:?|s}]"
    )
    # the series that grow together with that of an entry
    together: Phrase = Phrase("Growing with it: {names}[ and {more:,} more]")
    reached: str = "at its limit"
    reached_in: Phrase = Phrase("limit in {days}")
    sentence: Phrase = Phrase("{title} ({when}).[ First: {first}.]")  # for notifications
    level_now: Phrase = Phrase("now {now}[, {headroom}]")
    footer: Phrase = Phrase(
        "[and {more:,} more that grow more slowly or have no limit in sight · ]"
        "For capacity planning; no immediate action needed · as of {when}"
    )
    lasted: Phrase = Phrase("{since} – {until}")
    lasts: Phrase = Phrase("since {since}")
    hot_scope: Phrase = Phrase("{kind!c} {label}: {part} of its concurrency limit in its busiest hour")
    hot_of_limit: Phrase = Phrase("{part} of its {measure} limit in its busiest hour")
    hot_of_all: Phrase = Phrase("{part} of the capacity consumed there")
    hot_still: Phrase = Phrase("{account}: hottest table is still {label}, {of}")
    hot_now: Phrase = Phrase("{account}: hottest table is now {label}, {of}; previously {former}")
    used: Phrase = Phrase("{name}: {amount}[, last week {before}][, {change}]")
    slow: str = " ms"  # the unit of a latency
    requests: str = " requests"  # the unit of requests
    costs: Phrase = Phrase("{name}: {day}[ · 30 days: {month}]")
    money: Phrase = Phrase("{amount} USD[ ({change})]")
    expiring: Phrase = Phrase("{what} · until {until}[ · by {by}]")  # a snooze or silence that ends soon
    standing: Phrase = Phrase(
        "{good} of {pages:,} {pages:?page|pages} in the last {weeks:?week|{weeks} weeks} "
        "{pages:?stands|stand}: {expected:,} marked as expected, {not_an_anomaly:,} as not an anomaly"
        "[, {withdrawn:,} withdrawn]"
    )
    # a setting that would have left out most marked pages
    less_sensitive: Phrase = Phrase(
        "With `judge.sensitivity` at {times:g} times its value, {left_out:,} of these would not have been "
        "sent, nor would {lost:,} of the others. Try it on your history with `uneri replay --against`"
    )
    held_back: Phrase = Phrase("{stage}: {pages:,} page{pages:?|s}")
    # the scopes judged since the last digest
    judgeable: Phrase = Phrase("Judged from now on: {names}[ and {more:,} more]")
    learnt_kind: Phrase = Phrase("{count:,} {kind}{count:?|s}")
    learnt_all: Phrase = Phrase("Learnt from history, judged already: {kinds}")
    learning_on: Phrase = Phrase(
        "Still learning: {scopes:,} scope{scopes:?|s} "
        "({is_day:?day {first}|days {first} to {last}} of {days})"
    )
    # the title of the one message of many incidents
    flood_open: Phrase = Phrase("FLOOD · {incidents:,} incidents at once · {still_open:,} open")
    flood_over: Phrase = Phrase("FLOOD RESOLVED · {incidents:,} incidents")
    # the sentence below it
    flood_opened: Phrase = Phrase(
        "{incidents:,} incidents opened within a short time and share this message, "
        "which is kept up to date; {still_open:,} still open. Look for a common cause first."
    )
    flood_ended: Phrase = Phrase(
        "{incidents:,} incidents opened within a short time and shared this message; all are resolved."
    )

    def title(self, growing: int, near: int, groups: int) -> str:
        """Return the title; ``near`` of the ``growing`` series are near a limit without growing.

        ``groups`` is the number of entries: series that grow together are one.
        """
        if not growing:
            return self.nothing_grows
        return self.heading(
            growing=growing,
            rises=growing - near,
            near=near,
            is_near=near > 0,
            is_both=0 < near < growing,
            groups=groups if groups < growing else 0,
        )

    def limit_in(self, growth: Growth) -> str:
        """Return the days until a limit, in words; empty where no day is named."""
        if growth.days_to_limit is None:
            return ""
        if growth.days_to_limit <= 0:
            return self.reached
        return self.reached_in(days=self.figures.days_to_limit(growth))

    def level(self, finding: Finding) -> str:
        """Return the level of a growing series, and its headroom."""
        headroom = self.figures.headroom(finding.observed, finding) if finding.limit else ""
        return self.level_now(now=self.figures.of_finding(finding.observed, finding), headroom=headroom)

    def lasting(self, since: str, until: str) -> str:
        """Return the span of a small change; ``until`` is empty while it lasts."""
        return self.lasted(since=since, until=until) if until else self.lasts(since=since)

    def hottest(self, hot: Hot, account: str, label: str, former: str, measure: str) -> str:
        """Return the table that leads its account and its predecessor, or the concurrency near a limit."""
        part = self.figures.percent(hot.share)
        if hot.scope.kind != TABLE:
            return self.hot_scope(kind=self.figures.kind(hot.scope.kind), label=label, part=part)
        of = self.hot_of_limit(part=part, measure=measure) if measure else self.hot_of_all(part=part)
        leads = self.hot_now if former else self.hot_still
        return leads(account=account or self.no_account, label=label, of=of, former=former)

    def usage(self, use: Use, name: str) -> str:
        """Return the day of an API or a business value, and that of last week."""
        is_slow = use.measure is Measure.LATENCY
        unit = self.slow if is_slow else "" if use.measure.key else self.requests
        amount, before, change = f"{numbers.number(use.day)}{unit}", "", ""
        if use.week_ago is not None and (is_slow or use.week_ago < numbers.FEW_A_DAY):
            # a multiple of nearly nothing says nothing
            before = f"{numbers.number(use.week_ago)}{unit if is_slow else ''}"
        elif use.week_ago is not None:
            change = self.figures.change(use.day, use.week_ago, use.measure)
        return self.used(name=name, amount=amount, before=before, change=change)

    def cost(self, use: Use, name: str) -> str:
        """Return the costs of a day and of 30 days, and those before."""
        month = "" if use.month is None else self._money(use.month, use.month_before)
        return self.costs(name=name, day=self._money(use.day, use.week_ago), month=month)

    def _money(self, now: float, before: float | None) -> str:
        is_known = bool(before) and numbers.money(before or 0.0) != "0"
        change = self.figures.times_or_percent(now / (before or 1.0)) if is_known else ""
        return self.money(amount=numbers.money(now), change=change)

    def precision(self, of: Precision) -> str:
        """Return the share of pages of the last weeks that nobody and nothing has taken back."""
        gone = of.expected + of.not_an_anomaly + of.withdrawn
        good = self.figures.percent(1 - gone / of.pages) if of.pages else "–"
        return self.standing(good=good, **msgspec.structs.asdict(of))

    def held(self, stage: str, pages: int) -> str:
        """Return the number of pages that a stage held until they were resolved."""
        return self.held_back(stage=self.figures.stage(stage), pages=pages)

    def learnt(self, counts: Mapping[str, int]) -> str:
        """Return the number of scopes judged before the start, by kind."""
        kinds = (
            self.learnt_kind(count=count, kind=self.figures.kind(kind)) for kind, count in counts.items()
        )
        return self.learnt_all(kinds=self.figures.comma.join(kinds))

    def learning(self, scopes: int, first: int, last: int, days: int) -> str:
        """Return the number of scopes still learnt, on the ``first`` to ``last`` of the ``days`` it takes."""
        return self.learning_on(scopes=scopes, first=first, last=last, days=days, is_day=first == last)

    def flood_title(self, incidents: int, still_open: int) -> str:
        """Return the title of the one message of many incidents."""
        title = self.flood_open if still_open else self.flood_over
        return title(incidents=incidents, still_open=still_open)

    def flood_sentence(self, incidents: int, still_open: int) -> str:
        """Return the sentence about incidents that share one message."""
        sentence = self.flood_opened if still_open else self.flood_ended
        return sentence(incidents=incidents, still_open=still_open)
