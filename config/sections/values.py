"""The types of single values, with their bounds and checks.

A check returns the value, or raises with the reason and, after ``;``, the remedy.
"""

import difflib
import functools
import os
import re
import zoneinfo
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from config.template import RUNBOOK_PLACEHOLDERS, Template

SCOPE_KINDS: Final = ("account", "service", "route", "function", "table", "client", "tenant")
"""Kinds of scope, as in detectors/model/scope.py; a test compares them."""

VERDICTS: Final = ("spike", "drop", "shift", "growth", "limit", "absence", "fatal")
"""As in detectors/model/finding.py; a test compares them."""

MEASURES: Final = (
    "requests", "cold_starts", "errors_user", "errors_backend", "errors_fatal", "throttles",
    "reads", "writes", "rcu", "wcu", "busy", "latency", "latency_code", "latency_auth", "cost",
)  # fmt: skip
"""The measures of incidents, besides value:key and level:name, as in measures.py; a test compares them."""

OWN_LABELS: Final = ("alertname", "incident", "verdict", "measure", "scope", "name")
"""Labels that alerting/sinks/alertmanager.py alone sets on every alert; a test compares them."""

RECEIVERS: Final = {
    "webhook": "webhooks",
    "alertmanager": "alertmanagers",
    "pagerduty": "pagerduty",
    "opsgenie": "opsgenie",
    "teams": "teams",
    "discord": "discord",
    "email": "email",
}
"""Kinds of destination besides Slack's channels, and the field of ``notify`` that has those of a kind."""

LAST_PORT: Final = 65535
LONGEST_PATH: Final = 4095  # bytes, as Linux has it
LONGEST_NAME: Final = 255
LONGEST_ACCOUNT_NAME: Final = 40
FIRST_YEAR, LAST_YEAR = 1971, 2099  # times are epoch seconds, with room for a time zone at both ends

_PLACE: Final = re.compile(r"\{([^{}+]+)\+?\}")
_METHOD: Final = re.compile(r"[A-Za-z]+ +(?=/)")
_CHANNEL: Final = r"[#@][^\s:]+|[CDG][A-Z0-9]{2,20}"
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?")
_MOMENT_FORMS: Final = "write 2026-11-27, 2026-11-27T18:00 or 2026-11-27T18:00+09:00"


def host_and_port(text: str) -> str:
    """Check an address."""
    host, _, port = text.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > LAST_PORT:
        raise ValueError(f"must be host:port with a port up to {LAST_PORT}")
    return text


def extension_name(text: str) -> str:
    """Check the name of a SASL extension (RFC 7628)."""
    if not re.fullmatch("[A-Za-z]{1,100}", text) or text == "auth":
        raise ValueError("an extension's name consists of letters and is not 'auth'; correct it")
    return text


def one_line(text: str) -> str:
    """Check a text that is sent as it is."""
    if not text or not text.isprintable():
        raise ValueError("must be text of one line, without control characters; correct it")
    return text


def path_name(text: str) -> str:
    """Check the name of a file or folder."""
    if not text:
        raise ValueError("names nothing; write . for the current folder")
    if "\0" in text:
        raise ValueError("a path cannot hold the character NUL; remove it")
    try:
        written = os.fsencode(text)
    except UnicodeEncodeError:
        raise ValueError("holds a character that no path can hold; remove it") from None
    if len(written) > LONGEST_PATH or max(map(len, written.split(b"/"))) > LONGEST_NAME:
        raise ValueError(
            f"too long for a path; shorten it to {LONGEST_PATH} bytes, and each name in it to {LONGEST_NAME}"
        )
    return text


def meant(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return the remedy for an unknown name: the nearest known one, or ``otherwise``."""
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else otherwise


@functools.cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())  # reads a folder tree


def is_date(moment: str) -> bool:
    """Return whether a moment of the settings is a whole day."""
    return len(moment) == len("2026-11-27")


def time_zone(name: str) -> str:
    """Check an IANA time zone."""
    known = _time_zones()
    if name not in known:
        raise ValueError(f"unknown time zone; {meant(name, known, 'write an IANA name such as Asia/Tokyo')}")
    return name


def holiday_region(region: str) -> str:
    """Check a country code, alone or with a part of the country."""
    from holidays import list_supported_countries  # noqa: PLC0415  # takes a quarter of a second

    country, slash, part = region.partition("/")
    known = list_supported_countries()
    if country not in known:
        near = country.upper() if country.upper() in known else ""
        raise ValueError(
            "unknown country; " + (f"did you mean {near!r}?" if near else "write a country code such as JP")
        )
    parts = known[country]
    if slash and part not in parts:
        near = next((known_part for known_part in parts if known_part.upper() == part.upper()), "")
        remedy = f"did you mean '{country}/{near}'?" if near else f"parts: {', '.join(parts) or 'none'}"
        raise ValueError(f"unknown part of {country}; {remedy}")
    return region


def moment(text: str) -> str:
    """Check a date, or a date and time with or without an offset."""
    if not _MOMENT.fullmatch(text):
        raise ValueError(f"not a valid date or time; {_MOMENT_FORMS}")
    try:
        year = datetime.fromisoformat(text).year
    except ValueError:
        raise ValueError(f"not a valid date or time; {_MOMENT_FORMS}") from None
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"not in the years {FIRST_YEAR} to {LAST_YEAR}; {_MOMENT_FORMS}")
    return text


def whole_day(text: str) -> str:
    """Check a moment that is a date."""
    if not is_date(text):
        raise ValueError("not a date; write a day such as 2026-11-27")
    return text


def scope_name(text: str) -> str:
    """Check a scope written as kind:name."""
    kind, colon, name = text.partition(":")
    if kind not in SCOPE_KINDS or not colon or not name:
        raise ValueError(f"not a scope; write kind:name such as table:items, kinds: {', '.join(SCOPE_KINDS)}")
    return text


def measure_name(text: str) -> str:
    """Check a measure, or a pattern of measures."""
    if "*" not in text and text not in MEASURES and not re.fullmatch("(value|level):.+", text, re.DOTALL):
        near = difflib.get_close_matches(text, MEASURES, 1)
        known = (
            f"did you mean {near[0]!r}?"
            if near
            else f"measures: {', '.join(MEASURES)}, value:key, level:name"
        )
        raise ValueError(f"unknown measure; {known}")
    return text


def label_name(text: str) -> str:
    """Check the name of a Prometheus label."""
    if not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", text):
        near = re.sub("[^a-zA-Z0-9_]", "_", text)
        raise ValueError(f"{text!r} is not a valid label name; use letters, digits and _, such as {near!r}")
    if text in OWN_LABELS:
        raise ValueError(f"every alert already has a label {text!r}; choose another name")
    return text


def alertmanager_url(text: str) -> str:
    """Refuse an address that already holds the path of the API."""
    base, api, _ = text.partition("/api/v")
    if api:
        raise ValueError(f"more than the base address; write {base}, the rest is added")
    return text


def web_address(url: str) -> str:
    """Check that a URL has a host and a usable port."""
    try:
        parts = urlsplit(url)
        right = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port beyond the last, or half an IPv6 address
        right = False
    if not right:
        raise ValueError(
            f"not a valid address; write http://host or http://host:port with a port up to {LAST_PORT}"
        )
    return url


def verdict_name(name: object) -> object:
    """Accept the name that the verdict ``absence`` had until version 0.1."""
    return "absence" if name == "silence" else name


def slack_channel(text: str) -> str:
    """Check the name or the id of a channel."""
    if not re.fullmatch(_CHANNEL, text):
        raise ValueError(
            "not a Slack channel; write '#name' in quotes, or the channel id that Slack shows (C0123456789)"
        )
    return text


def destination(text: str) -> str:
    """Check where a route leads."""
    if not re.fullmatch(rf"(slack:)?({_CHANNEL})|({'|'.join(RECEIVERS)}):[a-z0-9_-]+", text):
        raise ValueError(
            "not a valid destination; write '#channel' in quotes, a channel id, or kind:name of a receiver, "
            f"kinds: {', '.join(RECEIVERS)}"
        )
    return text


def path_template(text: str) -> str:
    """Check a path as a backend names its routes: some path fits it, and it is plain which.

    Examples
    --------
    >>> path_template("GET /items/{id}")
    'GET /items/{id}'
    """
    path = _METHOD.sub("", text.strip(), count=1)
    if not path.startswith("/"):
        raise ValueError("not a path; begin with /, as in /items/{id}")
    *before, last = path[1:].split("/")
    names: set[str] = set()
    for segment in (*before, last):
        if "{" not in segment and "}" not in segment:
            continue
        place = _PLACE.fullmatch(segment)
        if place is None:
            raise ValueError(
                f"{segment!r} is neither a word nor a place; write a place such as {{id}}, alone"
            )
        if place[1] in names:
            raise ValueError(f"two places are called {place[1]!r}; give each a name of its own")
        names.add(place[1])
    if any(segment.endswith("+}") for segment in before):
        raise ValueError("nothing can follow a place for the whole rest; end with it, as in /files/{path+}")
    return text


def link_kind(kind: str) -> str:
    """Check that a kind of link begins with a kind of scope, or is about one request."""
    scope, linked = kind.partition("_")[0], (*SCOPE_KINDS, "request", "trace")
    if scope not in linked:
        remedy = meant(scope, linked, f"begin with one of {', '.join(linked)}")
        raise ValueError(f"unknown link kind {kind!r}; {remedy}")
    return kind


def link_template(text: str) -> str:
    """Check a URL template; an empty one removes a link."""
    if text:
        Template(text)
    return text


def runbook_key(key: str) -> str:
    """Check what a runbook is about: any, a verdict, a kind of scope, or a scope."""
    if ":" in key:
        return scope_name(key)
    known = ("any", *VERDICTS, *SCOPE_KINDS)
    if key not in known:
        remedy = meant(key, known, f"write table:items or one of {', '.join(known)}")
        raise ValueError(f"unknown runbook key {key!r}; {remedy}")
    return key


def runbook_template(text: str) -> str:
    """Check the URL template of a runbook; an empty one means that there is none."""
    if text:
        Template(text, RUNBOOK_PLACEHOLDERS)
    return text


def account_name(text: str) -> str:
    """Check what people call an account."""
    if not text.strip() or not text.isprintable() or len(text) > LONGEST_ACCOUNT_NAME:
        raise ValueError(f"not a name; write 1 to {LONGEST_ACCOUNT_NAME} visible characters on one line")
    return text


def after_start(end: str, info: ValidationInfo) -> str:
    """Check that an end is after the start of the same section."""
    if "start" not in info.data:
        return end
    first, last = datetime.fromisoformat(info.data["start"]), datetime.fromisoformat(end)
    if (first.tzinfo is None) != (last.tzinfo is None):
        raise ValueError("in another format than start; write both with an offset, or neither")
    if last < first or (last == first and not is_date(end)):
        raise ValueError(f"not after start, which is {info.data['start']}; swap them?")
    return end


Seconds = Annotated[int, Field(gt=0, le=7 * 86400)]
Delay = Annotated[int, Field(ge=0, le=7 * 86400)]
Amount = Annotated[float, Field(gt=0, le=1_000_000_000)]
AmountOrZero = Annotated[float, Field(ge=0, le=1_000_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]
Times = Annotated[float, Field(ge=1, le=1000)]
Address = Annotated[str, AfterValidator(host_and_port)]
PathName = Annotated[str, AfterValidator(path_name)]
TopicName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$")]
EmailAddress = Annotated[str, Field(pattern=r"^[!-9;=?A-~]+@[A-Za-z0-9.-]+$")]
LinkKind = Annotated[str, AfterValidator(link_kind)]
AccountName = Annotated[str, AfterValidator(account_name)]
LinkTemplate = Annotated[str, AfterValidator(link_template)]
RunbookKey = Annotated[str, AfterValidator(runbook_key)]
RunbookTemplate = Annotated[str, AfterValidator(runbook_template)]
TimeZone = Annotated[str, AfterValidator(time_zone)]
HolidayRegion = Annotated[str, AfterValidator(holiday_region)]
Moment = Annotated[str, AfterValidator(moment)]
Day = Annotated[Moment, AfterValidator(whole_day)]
MomentAfterStart = Annotated[Moment, AfterValidator(after_start)]
ScopeName = Annotated[str, AfterValidator(scope_name)]
MeasureName = Annotated[str, AfterValidator(measure_name)]
LabelName = Annotated[str, AfterValidator(label_name)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
SinkName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s/]+"), AfterValidator(web_address)]
SlackChannel = Annotated[str, AfterValidator(slack_channel)]
SlackMember = Annotated[str, Field(pattern=r"^[UWS][A-Z0-9]{2,20}$")]
Mention = Annotated[str, Field(pattern=r"^(here|[UWS][A-Z0-9]{2,20})$")]
DestinationName = Annotated[str, AfterValidator(destination)]
SecretFile = Annotated[str, Field(pattern=r"^\.{0,2}/"), AfterValidator(path_name)]  # nor a secret
VariableName = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")]  # capitals: a secret put there has others
AwsRegion = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]+$")]
AwsRole = Annotated[str, Field(pattern=r"^(self|arn:aws[a-z-]*:iam::[0-9]{12}:role/.+)$")]
AwsExternalId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_+=,.@:/-]{2,1224}$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
VerdictName = Annotated[
    Literal["spike", "drop", "shift", "growth", "limit", "absence", "fatal"],
    BeforeValidator(verdict_name),
]
