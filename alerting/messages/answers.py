"""Answers to buttons and the slash command, visible only to the person who asked."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.commands.command import Matcher
from alerting.commands.dispatch import Answer
from alerting.commands.matching import matches, matches_name, matches_scope
from alerting.commands.memo import Memo
from alerting.commands.slash import Help
from alerting.incidents.incident import Incident
from alerting.messages.blocks import (
    NAME,
    SECTION,
    TEXT,
    TOTAL,
    Block,
    Message,
    context,
    header,
    length,
    listing,
    section,
)
from alerting.messages.console_links import ConsoleLinks
from alerting.messages.flood_message import incident_row
from alerting.messages.request_lines import SHORT, change_line, memo_mrkdwn
from alerting.pipeline.incident_registry import TrackedIncident
from alerting.pipeline.silences import Silence
from alerting.words.mrkdwn import escape, person
from alerting.words.phrases import Phrases
from config.links import Links
from detectors.model.finding import Verdict
from detectors.model.stated import StatedChange
from detectors.watch.rankings import Hot

EVERYTHING: Final = Matcher()
LISTED: Final = 20
_EACH: Final = 10
_LIST: Final = 2 * SECTION  # characters: several lists share one answer


class Changes(NamedTuple):
    """The changes since a time: deployments, memos, incidents opened or resolved, tables in the lead."""

    since: int  # epoch seconds
    opened: Sequence[Incident] = ()
    resolved: Sequence[Incident] = ()
    shifts: Sequence[Incident] = ()
    fatal: Sequence[Incident] = ()
    leaders: Sequence[Hot] = ()
    stated: Sequence[StatedChange] = ()  # deployed or configured, the newest first
    memos: Sequence[Memo] = ()  # about a time since then, the newest first

    @classmethod
    def of(
        cls,
        since: int,
        tracked: Iterable[TrackedIncident],
        *,
        leaders: Iterable[Hot] = (),
        stated: Iterable[StatedChange] = (),
        memos: Iterable[Memo] = (),
        matcher: Matcher = EVERYTHING,
    ) -> "Changes":
        """Sort the incidents that the pipeline knows by outcome, the newest first.

        One that opened and was resolved is listed twice. New levels and new errors are listed apart from
        everything else that opened. Only what matches is listed.
        """
        matching = (incident for incident in tracked if matches(matcher, incident.incident))
        known = sorted(matching, key=lambda tracked: (-tracked.incident.start, tracked.incident.id))
        recent = (change for change in stated if change.ts >= since and matches_scope(matcher, change.about))
        ids = {incident.incident.id for incident in known}
        noted = [
            memo
            for memo in memos
            if memo.at >= since and (memo.incident in ids or matches_name(matcher, memo.scope))
        ]
        began = [incident.incident for incident in known if incident.started >= since]
        return cls(
            since=since,
            opened=[incident for incident in began if incident.verdict not in (Verdict.SHIFT, Verdict.FATAL)],
            resolved=[
                incident.incident
                for incident in known
                if incident.ended_at is not None and incident.ended_at >= since
            ],
            shifts=[incident for incident in began if incident.verdict is Verdict.SHIFT],
            fatal=[incident for incident in began if incident.verdict is Verdict.FATAL],
            leaders=[hot for hot in leaders if matches_scope(matcher, hot.scope)],
            stated=sorted(recent, reverse=True),
            memos=sorted(noted, key=lambda memo: (-memo.at, -memo.number)),
        )


class Answers:
    """Makes answers with these links, in this time zone and language.

    ``at`` is the time up to which an answer holds, epoch seconds.
    """

    def __init__(self, links: Links, zone: ZoneInfo, words: Phrases) -> None:
        self.links, self.zone, self.words = links, zone, words

    def command(self, answer: Answer) -> Message:
        """Answer a command: whether it took effect, until when, and whether it matches anything known."""
        reply = self.words.answers.reply(answer.result, self._until(answer.until))
        return self._short(f"{reply} {self.words.labels.matches_nothing}" if answer.fits == 0 else reply)

    def refused(self) -> Message:
        """Refuse: the person is not allowed to do this."""
        return self._short(self.words.labels.not_allowed)

    def help(self, asked: Help) -> Message:
        """List the commands, after the fault in the text."""
        words, usage = self.words, self.words.labels.help
        wrong = "" if asked.fault is None else words.answers.fault(asked.fault, escape(asked.word, NAME))
        return Message(
            text=f"{wrong} {usage}".strip(), blocks=[*([section(wrong)] if wrong else []), section(usage)]
        )

    def standing(
        self,
        still_open: Sequence[Incident],
        *,
        at: int,
        behind: int | None = None,
        held: Mapping[str, int] | None = None,
        last: Incident | None = None,
    ) -> Message:
        """Answer ``status``.

        ``behind`` is how many seconds the data lags, ``held`` the number of incidents held back by stage,
        ``last`` the incident of the last message.
        """
        words, labels = self.words, self.words.labels
        line = words.answers.status(len(still_open), "" if behind is None else words.figures.duration(behind))
        blocks = [section(line), *self._list(labels.open_now, still_open, at, most=_EACH)]
        stages = [
            escape(words.figures.count(words.figures.stage(stage), many), NAME)
            for stage, many in sorted((held or {}).items())
            if many
        ]
        blocks += listing(labels.held_back, stages, words.figures.and_more)
        if last is not None:
            blocks += self._list(labels.last_message, [last], at)
        return Message(text=line, blocks=[*blocks, context([f"{labels.watermark} {self._when(at)}"])])

    def open_incidents(self, incidents: Sequence[Incident], *, at: int) -> Message:
        """Answer ``open``: every open incident, the newest first."""
        if not incidents:
            return self._short(self.words.answers.status(0, ""))
        newest = sorted(incidents, key=lambda incident: (-incident.start, incident.id))
        line = self.words.answers.status(len(incidents), "")
        return Message(text=line, blocks=[section(line), *self._list(self.words.labels.open_now, newest, at)])

    def silences(self, quiet: Sequence[Silence]) -> Message:
        """Answer ``silences``: the active ones, with their ends, authors and reasons."""
        if not quiet:
            return self._short(self.words.labels.no_silences)
        words = self.words
        lines = [
            words.answers.silence(
                identity=escape(mute.id, NAME),
                what=escape(mute.what, 2 * NAME),
                until=self._until(mute.until),
                by=person(mute.by),
                why=escape(mute.why, 2 * NAME),
            )
            for mute in quiet[:LISTED]
        ]
        blocks = listing(
            words.labels.silences, lines, words.figures.and_more, budget=3 * SECTION, total=len(quiet)
        )
        return Message(text=lines[0].replace("*", "")[:TEXT], blocks=blocks)

    def what_changed(self, changes: Changes, *, at: int) -> Message:
        """Answer ``what-changed``."""
        words, labels = self.words, self.words.labels
        title = words.answers.changes(since=words.figures.clock(changes.since, self.zone))
        of_incidents = (
            (labels.opened, changes.opened),
            (labels.new_levels, changes.shifts),
            (labels.new_errors, changes.fatal),
            (labels.resolved, changes.resolved),
        )
        stated = [change_line(change, words, self.zone) for change in changes.stated[:LISTED]]
        lists = [
            (labels.deployed, stated, len(changes.stated)),
            (labels.memos, [self._memo(memo) for memo in changes.memos[:LISTED]], len(changes.memos)),
            *((name, self._rows(of[:_EACH], at), len(of)) for name, of in of_incidents),
            (labels.leaders, [self._leader(hot) for hot in changes.leaders], len(changes.leaders)),
        ]
        blocks: list[Block] = []
        for name, lines, total in lists:
            left = min(_LIST, TOTAL - length([header(title), *blocks]) - SECTION // 4)
            blocks += listing(name, lines, words.figures.and_more, budget=left, total=total)
        return Message(text=title, blocks=[header(title), *(blocks or [section(labels.nothing_changed)])])

    def _leader(self, hot: Hot) -> str:
        words = self.words
        return words.answers.new_leader(
            label=f"*{escape(hot.scope.label, NAME)}*",
            former=f"*{escape(hot.former.label, NAME)}*" if hot.former else "",
            account=escape(f"{hot.scope.cloud} {words.account(hot.scope.account)}", 2 * NAME),
        )

    def _memo(self, memo: Memo) -> str:
        text = memo_mrkdwn(memo.text, SHORT)
        title, when, who = self.words.labels.noted, self._when(memo.at), person(memo.by)
        line = self.words.incident.memo(title=title, when=when, who=who, text=text)
        about = escape(memo.scope or memo.incident, 2 * NAME)
        return f"{line} · {about}" if about else line

    def _rows(self, incidents: Sequence[Incident], at: int) -> list[str]:
        rows = []
        for incident in incidents:
            console = ConsoleLinks.of(incident, self.links, self.words, at=at)
            rows.append(f"{incident_row(incident, console, self.words)} · {self._when(incident.start)}")
        return rows

    def _list(self, title: str, incidents: Sequence[Incident], at: int, most: int = LISTED) -> list[Block]:
        lines = self._rows(incidents[:most], at)
        return listing(title, lines, self.words.figures.and_more, budget=_LIST, total=len(incidents))

    @staticmethod
    def _short(text: str) -> Message:
        return Message(text=text, blocks=[section(text)])

    def _when(self, epoch: int) -> str:
        return self.words.when(epoch, self.zone)

    def _until(self, epoch: int | None) -> str:
        return "" if epoch is None else self._when(epoch)
