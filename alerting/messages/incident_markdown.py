"""One incident whole, as Markdown: for an issue, a document, another chat."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.commands.command import Command
from alerting.commands.memo import Memo
from alerting.incidents.incident import Incident
from alerting.messages.change_lines import change_lines
from alerting.messages.console_links import ConsoleLinks, LinkMaker
from alerting.messages.evidence import basis_fields, evidence_lists
from alerting.messages.memo_lines import MemoLines, addresses
from alerting.messages.message import NAME, REASON, labelled
from alerting.messages.mrkdwn_runs import runs
from alerting.messages.page import page_fields, page_why
from alerting.messages.request_lines import example_lines
from alerting.pipeline.raised_threshold import size_of
from alerting.words.markdown import markdown_line, markdown_link, markdown_text
from alerting.words.mrkdwn import clean, cut, escape, person, restored
from alerting.words.phrases import Phrases

TITLE: Final = 200  # characters
_DATE: Final = re.compile(r"<!date\^(\d+)\^[^<>]*>")


class KnownIncident(NamedTuple):
    """What is known of an incident at a watermark (epoch seconds).

    ``commands`` are what people did about it, ``memos`` what they noted about it and others of its kind, both
    oldest first.
    """

    incident: Incident
    at: int
    commands: Sequence[Command] = ()
    memos: Sequence[Memo] = ()


class IncidentDocument(NamedTuple):
    """An incident as a document: a ``title`` of plain text, and a ``body`` of Markdown without it."""

    title: str
    body: str

    @property
    def markdown(self) -> str:
        """The whole document, its title as the heading."""
        return f"# {markdown_text(self.title)}\n\n{self.body}"


class IncidentMarkdown:
    """Writes incidents as documents, with these links, in this language and time zone."""

    def __init__(self, links: LinkMaker, words: Phrases, zone: ZoneInfo) -> None:
        self.links = links
        self.words = words
        self._zone = zone

    def document(self, known: KnownIncident) -> IncidentDocument:
        """Return an incident as a document; nothing in it that people or events wrote is markup."""
        incident, words = known.incident, self.words
        title = cut(clean(words.incident.title(words.named(incident))), TITLE)
        parts = [markdown_line(markdown_text(page_why(incident, words) or words.labels.no_reason))]
        parts.append(_bullets(map(self._field, page_fields(incident, self._zone, words))))
        for name, lines in self._sections(known):
            if lines:
                parts += [f"## {markdown_text(name)}", "\n".join(lines)]
        parts.append(self._small_print(known))
        return IncidentDocument(title, "\n\n".join(parts) + "\n")

    def _sections(self, known: KnownIncident) -> Iterator[tuple[str, list[str]]]:
        incident, words, labels = known.incident, self.words, self.words.labels
        console = ConsoleLinks.of(incident, self.links, words, at=known.at)
        yield labels.deployed, self._listed(change_lines(incident, words))
        yield labels.memos, list(self._memos(known))
        teaches = size_of(incident) is not None
        done = [self._action(command, teaches=teaches) for command in known.commands]
        yield labels.actions, self._listed(done)
        callers, *others = evidence_lists(incident, words)
        of = words.incident.share_of(incident.primary)
        yield f"{callers[0]} · {of}", self._listed(callers[1])
        for name, lines in others[:-1]:
            yield name, self._listed(lines)
        yield labels.examples, self._listed(example_lines(incident, words, self._zone, self.links))
        yield others[-1][0], self._listed(others[-1][1])
        yield labels.links, self._listed(console.lines(incident))
        said = {*page_fields(incident, self._zone, words), labelled(labels.weeks_left_out, "")}
        basis = [
            basis_field for basis_field in basis_fields(incident.primary, words) if basis_field not in said
        ]
        yield labels.basis, [f"- {self._field(each)}" for each in basis]

    def _memos(self, known: KnownIncident) -> Iterator[str]:
        told = MemoLines(known.memos, known.incident, self.words, self._zone)
        for memo in reversed(known.memos):
            when, who = self.words.when(memo.at, self._zone), person(memo.who)
            yield f"- {self._markdown(self.words.incident.memo(told.title(memo), when, who, '')).rstrip()}"
            for line in memo.text.splitlines():
                yield f"  > {markdown_line(_with_addresses(line))}".rstrip()

    def _action(self, command: Command, *, teaches: bool) -> str:
        until = "" if command.until is None else self.words.when(command.until, self._zone)
        why = escape(command.why, REASON)
        done = self.words.incident.action(command.kind, person(command.who), until, why, teaches=teaches)
        return f"{self.words.when(command.at, self._zone)} · {done}"

    def _small_print(self, known: KnownIncident) -> str:
        incident, labels = known.incident, self.words.labels
        when = self.words.when(known.at, self._zone)
        ids = [self.words.incident.as_of(when, escape(incident.id, NAME), incident.reopened)]
        for name, value in ((labels.fingerprint, incident.fingerprint), (labels.follows, incident.follows)):
            if value:
                ids.append(f"{name}: {escape(value, NAME)}")
        return "---\n\n" + markdown_line(self._markdown(" · ".join(ids)))

    def _listed(self, lines: Iterable[str]) -> list[str]:
        return [f"- {markdown_line(self._markdown(line.removeprefix('•  ')))}" for line in lines]

    def _field(self, field: str) -> str:
        """Return a field of a message (its label, and below it its value) as one line of Markdown."""
        label, _, value = field.partition("\n")
        values = " · ".join(self._markdown(line) for line in value.split("\n"))
        return f"{self._markdown(label)}: {values}"

    def _markdown(self, mrkdwn: str) -> str:
        """Return mrkdwn as one line of Markdown, with times in full."""
        dated = _DATE.sub(lambda found: escape(self._clock(int(found[1])), NAME), mrkdwn).replace("\n", " ")
        parts = []
        for run in runs(dated, self._zone, self.words):
            text = restored(run.text)
            if run.url is not None:
                parts.append(markdown_link(run.url, markdown_text(text)))
            else:
                parts.append(f"**{markdown_text(text)}**" if run.bold else _spaced(text))
        return "".join(parts)

    def _clock(self, epoch: int) -> str:
        return self.words.figures.clock(epoch, self._zone)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _with_addresses(line: str) -> str:
    return "".join(f"<{part}>" if leads else _spaced(part) for part, leads in addresses(line))


def _spaced(text: str) -> str:
    """Return a text as Markdown, with the space at its ends."""
    after = " " * (text[-1:].isspace() and text.strip() != "")
    return f"{' ' * text[:1].isspace()}{markdown_text(text)}{after}"
