"""``uneri init``: a first configuration, from a few answers and perhaps a file of records."""

import os
import re
import shlex
from collections.abc import Callable
from contextlib import suppress
from json import dumps
from pathlib import Path
from textwrap import indent, wrap
from typing import Final, NamedTuple

from typer import BadParameter

from alerting.words.mrkdwn import clean
from config.load import load_settings
from config.secret import SettingsError
from config.sections.calendar import CalendarSettings
from config.sections.drivers import KafkaSettings, LocalSettings
from config.sections.messages import DigestSettings, SlackSettings
from config.sections.section import Section
from config.settings import SourcesSettings
from streams.cli.guess import Guess, Guesser
from streams.cli.try_format import STDIN, of_file
from streams.ingest.formats.format import Surroundings
from streams.ingest.formats.inputs import Inputs
from streams.process.command_error import CommandError
from streams.process.files.atomic_file import unreadable

Ask = Callable[[str, str, Callable[[str], str]], str]
"""Asks a question with a default, again until the answer passes a check that raises ``BadParameter``."""

HTTP, OTEL, TERMINAL, NONE = "http", "otel", "terminal", "none"
_TOPIC: Final = re.compile(r"kafka://([^/\s]+:\d+)/([A-Za-z0-9._-]+)")
_FOLLOWED: Final = ("lines of text", "lines", "a JSON document on each line")
_WIDTH: Final = 100


class FirstAnswers(NamedTuple):
    """What a person says of a new daemon."""

    service: str = ""
    origin: str = HTTP  # or otel, kafka://host:port/topic, or a file
    pages: str = TERMINAL  # or a channel, or the URL of a webhook
    timezone: str = "UTC"
    holidays: str = NONE


def asked(ask: Ask | None, sample: Path | None) -> FirstAnswers:
    """Ask five questions; none without ``ask``."""
    usual = FirstAnswers(origin=HTTP if sample is None else str(sample), timezone=_own_zone())
    if ask is None:
        return usual
    return FirstAnswers(
        ask("Name of the service whose records do not name it, or nothing", "", str.strip),
        ask("Where records come from: http, otel, kafka://host:9092/topic or a file", usual.origin, _origin),
        ask("Where pages go: #channel of Slack, https://… of a webhook, or terminal", TERMINAL, _pages),
        ask("Time zone", usual.timezone, _zone),
        ask("Country of holidays, such as JP or DE/BY, or none", NONE, _holidays),
    )


def _origin(answer: str) -> str:
    if answer in (HTTP, OTEL, STDIN) or _TOPIC.fullmatch(answer):
        return answer
    if why := "write kafka://host:9092/topic" if answer.startswith("kafka:") else unreadable(Path(answer)):
        raise BadParameter(why)
    return answer


def _pages(answer: str) -> str:
    with suppress(BadParameter):
        return answer if answer == TERMINAL else _valid(_messages(answer), answer)
    raise BadParameter("write #channel, https://… or terminal")


def _zone(answer: str) -> str:
    return _valid(f"calendar: {{timezone: {dumps(answer)}}}", answer)


def _holidays(answer: str) -> str:
    return answer if answer == NONE else _valid(f"calendar: {{holidays: {dumps(answer)}}}", answer)


def _valid(text: str, answer: str) -> str:
    try:
        load_settings(None, text)
    except SettingsError as error:
        raise BadParameter(str(error).partition(": ")[2]) from None
    return answer


def _own_zone() -> str:
    """Return the time zone of this machine, UTC if it has no name."""
    with suppress(BadParameter):
        return _zone(os.environ.get("TZ") or str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2])
    return "UTC"


class Written(NamedTuple):
    """A configuration, what was found out about the records, and the commands that come next."""

    text: str
    proof: str
    commands: list[str]


def configuration(answers: FirstAnswers, sample: Path | None, name: str) -> Written:
    """Return the configuration that is to be called ``name``.

    Raises
    ------
    CommandError
        When nothing in the file is read.
    """
    given = _TOPIC.fullmatch(answers.origin)
    file = sample or (None if given or answers.origin in (HTTP, OTEL) else Path(answers.origin))
    around, topic = Surroundings(service=answers.service or None), given[2] if given else ""
    guesser, how, rest = Guesser(str(file or topic or answers.origin), around, topic), "", ""
    if file is not None:
        how, rest = _look(file, guesser)
    guess = guesser.entry()
    if guess is None or (file is not None and not guess.records):
        why = "no record in it is read, nor could a mapping be guessed"
        raise CommandError(f"{file}: {why}; `uneri try {file}` shows the records")
    parts = [
        f"# docs/configuration.md explains all settings; `uneri check --config {clean(name)}` checks.\n",
        guess.text,
    ]
    if given:
        parts.append(_section("kafka", KafkaSettings, brokers=given[1].split(","), requests=""))
    parts.append(_messages(answers.pages))
    parts.append(_section("digest", DigestSettings, timezone=answers.timezone))
    none = answers.holidays == NONE
    calendar = _section("calendar", CalendarSettings, timezone=answers.timezone, holidays=answers.holidays)
    parts.append(calendar.replace('  holidays: "none"', "  # holidays: JP") if none else calendar)
    text = "\n".join(parts)
    load_settings(name, text)
    follows = how.startswith(_FOLLOWED) and answers.origin == str(file) != STDIN
    commands = _commands(answers, shlex.quote(name), guess, str(file or ""), follows=follows)
    return Written(text, "" if file is None else f"{file}: it reads {guess.proof}{rest}", commands)


def _look(file: Path, guesser: Guesser) -> tuple[str, str]:
    """Show the beginning of a file to a guesser; return how it is divided, and what of it was not shown."""
    how = list[str]()
    source = Inputs(SourcesSettings()).of(None)
    for payload, form, reading in of_file(file, source, lambda _, divided: how.append(divided)):
        if guesser.is_full:  # it may be a pipe without an end
            return how[0], "; what follows them was not looked at"
        guesser.add(payload.content, form, reading)
    return how[0], ""


def _messages(pages: str) -> str:
    if pages.startswith("http"):
        hook = f"    - name: pager\n      url: {dumps(pages)}\n      # secret_env: UNERI_WEBHOOK_SECRET\n"
        return f'notify:\n  webhooks:\n{hook}  routes:\n    - to: ["webhook:pager"]\n'
    shown = _section("slack", SlackSettings, channel="#uneri" if pages == TERMINAL else pages)
    shown += "  # The environment variable SLACK_BOT_TOKEN holds the token (docs/slack.md).\n"
    return indent(shown, "# ") if pages == TERMINAL else shown


def _section(name: str, of: type[Section], **values: object) -> str:
    """Return a section whose settings have their descriptions above them."""
    lines = [f"{name}:"]
    for key, value in values.items():
        lines += [f"  # {line}" for line in wrap(of.model_fields[key].description or "", _WIDTH)]
        lines.append(f"  {key}: {dumps(value, ensure_ascii=False)}")
    return "\n".join([*lines, ""])


def _commands(answers: FirstAnswers, name: str, guess: Guess, file: str, *, follows: bool) -> list[str]:
    run, url = f"uneri run --config {name}", f"http://{LocalSettings().listen}"
    data = '\'{"ts": \'$(date +%s)\', "service": "shop", "route": "GET /", "status": 200}\''
    if _TOPIC.fullmatch(answers.origin):
        first = [f"uneri setup --config {name}", run]
    elif follows:
        first = [f"{run} --follow {shlex.quote(file)} --source {guess.name}", f"uneri status --config {name}"]
    elif answers.origin == OTEL:
        first = [run, f"export OTEL_EXPORTER_OTLP_ENDPOINT={url}"]
    else:
        data = f"@{shlex.quote(file)}" if file else data
        first = [run, f"curl '{url}/events?source={guess.name}' --data-binary {data}"]
    return [*first, f"uneri send-test --config {name}"]
