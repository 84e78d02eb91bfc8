"""Writes one incident as Markdown: for an issue, a document, another chat."""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.commands.command import Command
from alerting.incidents.incident import Incident
from alerting.messages.blocks import NAME, REASON, labelled
from alerting.messages.console_links import ConsoleLinks
from alerting.messages.evidence import basis_fields, evidence_lists
from alerting.messages.incident_answer import KnownIncident
from alerting.messages.incident_page import page_fields, page_why
from alerting.messages.mrkdwn_runs import dated, runs
from alerting.messages.request_lines import MemoLines, addresses, change_lines, example_lines
from alerting.pipeline.silences import size_of
from alerting.words.mrkdwn import clean, cut, escape, person, restored
from alerting.words.phrases import Phrases
from config.links import Links

TITLE: Final = 200  # characters


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

    def __init__(self, links: Links, words: Phrases, zone: ZoneInfo) -> None:
        self.links = links
        self.words = words
        self._zone = zone

    def document(self, known: KnownIncident) -> IncidentDocument:
        """Return an incident as a document; texts of people and events are never markup in it."""
        incident, words = known.incident, self.words
        title = cut(clean(words.incident.title(words.named(incident))), TITLE)
        parts = [markdown_line(markdown_text(page_why(incident, words) or words.labels.no_reason))]
        fields = page_fields(incident, self._zone, words, known.at)
        parts.append("\n".join(f"- {self._field(field)}" for field in fields))
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
        done = [self._action(command, incident) for command in known.commands]
        yield labels.actions, self._listed(done)
        callers, *others = evidence_lists(incident, words)
        of = words.incident.share_of(incident.primary)
        if not others[0][1]:
            of += words.incident.rests_on(incident.primary)
        yield f"{callers[0]} · {of}", self._listed(callers[1])
        for name, lines in others[:-1]:
            yield name, self._listed(lines)
        yield labels.examples, self._listed(example_lines(incident, words, self._zone, self.links))
        yield others[-1][0], self._listed(others[-1][1])
        yield labels.links, self._listed(console.lines(incident))
        shown = {*page_fields(incident, self._zone, words, known.at), labelled(labels.weeks_left_out, "")}
        basis = [field for field in basis_fields(incident.primary, words) if field not in shown]
        yield labels.basis, [f"- {self._field(field)}" for field in basis]

    def _memos(self, known: KnownIncident) -> Iterator[str]:
        lines = MemoLines(known.memos, known.incident, self.words, self._zone)
        for memo in reversed(known.memos):
            when, who = self.words.when(memo.at, self._zone), person(memo.who)
            head = self.words.incident.memo(title=lines.title(memo), when=when, who=who, text="")
            yield f"- {self._markdown(head).rstrip()}"
            for line in memo.text.splitlines():
                yield f"  > {markdown_line(_with_addresses(line))}".rstrip()

    def _action(self, command: Command, of: Incident) -> str:
        until = "" if command.until is None else self.words.when(command.until, self._zone)
        why = escape(command.why, REASON)
        who, teaches = person(command.who), size_of(of) is not None
        done = self.words.incident.action(command.kind, who, until, why, ended=of.ended, teaches=teaches)
        return f"{self.words.when(command.at, self._zone)} · {done}"

    def _small_print(self, known: KnownIncident) -> str:
        incident, labels = known.incident, self.words.labels
        when = self.words.when(incident.known(known.at), self._zone)
        identity = escape(incident.id, NAME)
        ids = [self.words.incident.as_of(when=when, incident=identity, reopened=incident.reopened)]
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
        line = dated(mrkdwn, self._zone, self.words).replace("\n", " ")
        parts = []
        for run in runs(line, self._zone, self.words):
            text = restored(run.text)
            if run.url is not None:
                parts.append(markdown_link(run.url, markdown_text(text)))
            else:
                parts.append(f"**{markdown_text(text)}**" if run.bold else _spaced(text))
        return "".join(parts)


def _with_addresses(line: str) -> str:
    return "".join(f"<{part}>" if leads else _spaced(part) for part, leads in addresses(line))


def _spaced(text: str) -> str:
    """Return a text as Markdown, with the space at its ends."""
    after = " " * (text[-1:].isspace() and text.strip() != "")
    return f"{' ' * text[:1].isspace()}{markdown_text(text)}{after}"


# As code it mentions nobody and refers to nothing; with its rest, which would begin a text of its own. GitHub
# makes links of addresses, with mailto: or without, and of the hash of a commit.
_CODE: Final = re.compile(
    r"(?:(?<![\w`])@(?=\w)|#(?=\d)|\bGH-(?=\d)"
    r"|(?<![\w.+-])[\w.+-]+@(?=[\w-]+\.)"
    r"|\b(?=[0-9a-fA-F]{40}\b)"
    r")[\w./@#-]*\w"
)
_SPECIAL: Final = re.compile(
    r"[\\`*\[\]<>~|$]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|:(?=//)|(?<=www)\.", re.IGNORECASE
)
_START: Final = re.compile(r"^(?:[#+=-]|\d{1,9}(?=[.)]))")


def markdown_text(text: str) -> str:
    r"""Return a text as Markdown of one line that shows it as it is.

    Examples
    --------
    >>> print(markdown_text("*items* of user_items <b> @here #12 https://example.com mailto:a@b.example"))
    \*items\* of user_items \<b\> `@here` `#12` https\://example.com mailto:`a@b.example`
    """
    line, parts, done = clean(text), [], 0
    for found in _CODE.finditer(line):
        parts += [_escaped(line[done : found.start()]), f"`{found.group()}`"]
        done = found.end()
    return "".join([*parts, _escaped(line[done:])])


def markdown_line(markdown: str) -> str:
    r"""Return a line of Markdown that begins neither a list nor a heading.

    Examples
    --------
    >>> print(markdown_line("- 1"), markdown_line("1. a"), markdown_line("**b**"))
    \- 1 1\. a **b**
    """
    found = _START.match(markdown)
    if found is None:
        return markdown
    place = found.end() if found.group()[0].isdigit() else 0
    return f"{markdown[:place]}\\{markdown[place:]}"


def markdown_link(url: str, markdown: str) -> str:
    """Return a link with a text in Markdown.

    Examples
    --------
    >>> markdown_link("https://example.com/a(b) c", "items")
    '[items](<https://example.com/a(b)%20c>)'
    """
    safe = re.sub(r"\s", "%20", url.replace("<", "%3C").replace(">", "%3E").replace("\\", "%5C"))
    return f"[{markdown}](<{safe}>)"


def _escaped(part: str) -> str:
    return _SPECIAL.sub(lambda found: "&amp;" if found.group() == "&" else f"\\{found.group()}", part)
