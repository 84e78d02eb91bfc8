"""Answers to whoever asks: to presses of buttons and to the slash command, seen by that person alone."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.commands.answer import Answer
from alerting.commands.slash import Help
from alerting.incidents.incident import Incident
from alerting.messages.console_links import Doors
from alerting.messages.flood_message import incident_row
from alerting.messages.links import LinkMaker
from alerting.messages.message import NAME, SECTION, TEXT, Block, Message, context, header, listing, section
from alerting.words.mrkdwn import escape, person, when
from alerting.words.phrases import Phrases
from detectors.watch.hottest import Hot

LISTED: Final = 20
_EACH: Final = 10
_LIST: Final = 2 * SECTION  # characters: several lists share one answer


class Quiet(NamedTuple):
    """One silence or snooze; ``what`` and ``why`` hold whatever people and events wrote."""

    id: str
    what: str
    until: int | None
    by: str
    why: str


class Changes(NamedTuple):
    """What changed since a time: incidents by what became of them, and tables that took the lead."""

    since: int
    opened: Sequence[Incident] = ()
    resolved: Sequence[Incident] = ()
    shifts: Sequence[Incident] = ()
    fatal: Sequence[Incident] = ()
    leaders: Sequence[Hot] = ()


class Answers:
    """Makes answers with these links, in this zone and language.

    ``at`` is the time up to which is answered, epoch seconds.
    """

    def __init__(self, links: LinkMaker, zone: ZoneInfo, words: Phrases) -> None:
        self._links, self._zone, self._words = links, zone, words

    def command(self, answer: Answer) -> Message:
        """Answer a command: whether it holds, until when, and whether anything known is meant by it."""
        said = self._words.said(answer.result, self._until(answer.until))
        return self._short(f"{said} {self._words.labels.fits_nothing}" if answer.fits == 0 else said)

    def refused(self) -> Message:
        """Say that somebody may not do this."""
        return self._short(self._words.labels.not_allowed)

    def help(self, asked: Help) -> Message:
        """Say what can be written, and what was not understood."""
        labels = self._words.labels
        wrong = "" if asked.fault is None else self._words.fault(asked.fault, escape(asked.word, NAME))
        return Message(
            text=f"{wrong} {labels.help}".strip(),
            blocks=[*([section(wrong)] if wrong else []), section(labels.help)],
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
        """Answer ``status``: what is open, how many seconds the data is behind, what is held, what was told.

        Parameters
        ----------
        held
            Incidents that are held back, by the stage that holds them.
        last
            The incident of the last message.
        """
        words, labels = self._words, self._words.labels
        said = words.standing(len(still_open), "" if behind is None else words.duration(behind))
        blocks = [section(said), *self._list(labels.open_now, still_open, at, most=_EACH)]
        stages = [
            escape(words.count(words.stage(stage), many), NAME)
            for stage, many in sorted((held or {}).items())
            if many
        ]
        blocks += self._lines(labels.held_back, stages)
        if last is not None:
            blocks += self._list(labels.last_told, [last], at)
        return Message(text=said, blocks=[*blocks, context([f"{labels.watermark} {self._when(at)}"])])

    def open_incidents(self, incidents: Sequence[Incident], *, at: int) -> Message:
        """Answer ``open``: every incident that is open, the newest first."""
        if not incidents:
            return self._short(self._words.labels.nothing_open)
        newest = sorted(incidents, key=lambda one: (-one.start, one.id))
        said = self._words.standing(len(incidents), "")
        return Message(
            text=said, blocks=[section(said), *self._list(self._words.labels.open_now, newest, at)]
        )

    def silences(self, quiet: Sequence[Quiet]) -> Message:
        """Answer ``silences``: what nobody is told of, and who wanted it so."""
        if not quiet:
            return self._short(self._words.labels.no_silences)
        lines = [
            self._words.silence(
                escape(one.id, NAME),
                escape(one.what, 2 * NAME),
                self._until(one.until),
                person(one.by),
                escape(one.why, 2 * NAME),
            )
            for one in quiet[:LISTED]
        ]
        blocks = listing(
            self._words.labels.silences, lines, self._words.and_more, budget=3 * SECTION, total=len(quiet)
        )
        return Message(text=lines[0].replace("*", "")[:TEXT], blocks=blocks)

    def what_changed(self, changes: Changes, *, at: int) -> Message:
        """Answer ``what-changed``: where to look when something is odd and nobody knows since when."""
        words, labels = self._words, self._words.labels
        title = words.since(words.clock(changes.since, self._zone))
        lists = (
            (labels.opened, changes.opened),
            (labels.new_levels, changes.shifts),
            (labels.new_errors, changes.fatal),
            (labels.resolved, changes.resolved),
        )
        blocks = [block for name, of in lists for block in self._list(name, of, at, most=_EACH)]
        leaders = [
            words.takes_the_lead(
                f"*{escape(hot.scope.label, NAME)}*",
                f"*{escape(hot.former.label, NAME)}*" if hot.former else "",
                escape(f"{hot.scope.cloud} {hot.scope.account}", NAME),
            )
            for hot in changes.leaders
        ]
        blocks += self._lines(labels.leaders, leaders)
        return Message(text=title, blocks=[header(title), *(blocks or [section(labels.nothing_changed)])])

    def _list(self, title: str, incidents: Sequence[Incident], at: int, most: int = LISTED) -> list[Block]:
        lines = [
            f"{incident_row(one, Doors.of(one, self._links, self._words, at=at), self._words)}"
            f" · {self._when(one.start)}"
            for one in incidents[:most]
        ]
        return listing(title, lines, self._words.and_more, budget=_LIST, total=len(incidents))

    def _lines(self, title: str, lines: Sequence[str]) -> list[Block]:
        return listing(title, lines, self._words.and_more)

    @staticmethod
    def _short(said: str) -> Message:
        return Message(text=said, blocks=[section(said)])

    def _when(self, epoch: int) -> str:
        return when(epoch, self._words.clock(epoch, self._zone))

    def _until(self, epoch: int | None) -> str:
        return "" if epoch is None else self._when(epoch)
