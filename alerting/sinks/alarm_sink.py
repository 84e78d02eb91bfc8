"""The base of sinks that call somebody: each incident is one alarm there, opened, changed and closed.

A sink of this kind is a table of verbs and a function that makes the call of one. A row holds the newest
state of an alarm; which verbs lead there follows from what the receiver confirmed last, so that nothing is
missing after hours of silence. Verbs may be repeated: the receiver knows an alarm by its id.
"""

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, ClassVar

import aiohttp
import msgspec
from msgspec import structs

from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.severity import Grade
from alerting.messages.alarm import Alarm, alarm
from alerting.outbox.ports import DeliveryOutcome, Result, SubjectState
from alerting.outbox.row import OutboxRow, SentAs
from alerting.sinks.http_sink import USUAL, HttpCall, HttpOptions, HttpSink


class Verb(StrEnum):
    """What happens to an alarm."""

    OPEN = "open"
    RISE = "rise"  # it becomes more severe
    CHANGE = "change"  # of its title, or a lower severity
    ACKNOWLEDGE = "acknowledge"
    CLOSE = "close"


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an alarm that its receiver confirmed, or is to have."""

    title: str
    grade: Grade
    by: str = ""  # who acknowledged it
    over: bool = False
    message: str = ""  # the receiver's id of it

    @classmethod
    def of(cls, place: SentAs | None) -> "Confirmed | None":
        """Return what was confirmed, None before that."""
        return None if place is None else msgspec.json.decode(place.ts, type=cls)


def verbs(now: Alarm, before: Confirmed | None) -> Iterator[Verb]:
    """Yield the verbs that bring a receiver up to date."""
    if now.over:
        if before is None and now.settled:
            yield Verb.OPEN  # what goes on has called nobody yet; who is called closes it
        elif before is None or not before.over:
            yield Verb.CLOSE
        return
    if before is None or before.over:
        yield Verb.OPEN
    elif now.grade > before.grade:
        yield Verb.RISE
    elif (now.title, now.grade) != (before.title, before.grade):
        yield Verb.CHANGE
    if now.by and not (before and before.by):
        yield Verb.ACKNOWLEDGE


class AlarmSink(HttpSink):
    """Brings alarms up to date at one receiver; digests, lines and files are not sent there.

    ``secret`` is a key, or the address of a webhook; ``kept`` says where it is, in errors.
    """

    VERBS: ClassVar[Mapping[Verb, str]]  # the receiver's words; it does not hear of others
    CHANGE_REOPENS: ClassVar[bool] = False  # what somebody closed: it ends once somebody deals with it
    ANSWER: ClassVar[str] = ""  # a field of all its answers that accept a call: what lacks it is not from it

    def __init__(
        self, destination: str, url: str, secret: str, options: HttpOptions = USUAL, kept: str = ""
    ) -> None:
        super().__init__(destination, url.rstrip("/"), options)
        self._secret, self._kept = secret, kept
        self._zone, self._test = options.zone, options.test

    def render(self, dispatch: Dispatch, known: SubjectState) -> OutboxRow | None:
        """Return the row of a dispatch, None where its alarm stays as it is."""
        if dispatch.form not in (Form.PARENT, Form.FLOOD):
            return None
        new = alarm(dispatch, self._links, self._words, self._zone)
        if self._test:
            new = structs.replace(new, title=f"{self._words.labels.test} · {new.title}")
        key = _confirmed(new)
        return None if key == known.key else OutboxRow.of(dispatch, body=msgspec.json.encode(new), key=key)

    def calls(self, row: OutboxRow, body: bytes) -> list[HttpCall]:
        """Return the calls that bring the receiver up to date."""
        new, before = msgspec.json.decode(body, type=Alarm), Confirmed.of(row.place)
        found: list[HttpCall] = []
        for verb in verbs(new, before):
            if verb is Verb.CHANGE and new.by and self.CHANGE_REOPENS:
                continue
            if verb in self.VERBS:
                call = self.call(self.VERBS[verb], new, "" if before is None else before.message)
                found += [] if call in found else [call]
        return found

    def call(self, verb: str, of: Alarm, message: str) -> HttpCall:
        """Return the call of a verb; ``message`` is the id that the receiver gave, if it gives any."""
        raise NotImplementedError

    async def outcome(self, answer: aiohttp.ClientResponse) -> DeliveryOutcome:
        """Return the outcome of one call, with the receiver's id of the alarm."""
        outcome = await super().outcome(answer)
        said = _object(await answer.read())
        if outcome.result is not Result.SENT:
            found = self.refused(outcome, said)
            why = f"{found.error}; check the secret in {self._kept}"
            return structs.replace(found, error=why) if found.result is Result.ROUTE else found
        if self.ANSWER and not said.get(self.ANSWER):
            return DeliveryOutcome(result=Result.RETRY, error="its answer is not that of such a receiver")
        return structs.replace(outcome, place=SentAs(self._destination, str(said.get(self.ANSWER, ""))))

    def refused(self, outcome: DeliveryOutcome, _: Mapping[str, Any]) -> DeliveryOutcome:
        """Return the outcome of a failed call, by what the receiver says of it."""
        return outcome

    def accepted(self, row: OutboxRow, outcome: DeliveryOutcome) -> DeliveryOutcome:
        """Return the outcome of a row, with the state that the receiver has from now on."""
        before = Confirmed.of(row.place)
        message = outcome.place.ts if outcome.place is not None else before.message if before else ""
        new = msgspec.json.decode(row.body or b"", type=Alarm)
        return DeliveryOutcome(result=Result.SENT, place=SentAs(self._destination, _confirmed(new, message)))


def _confirmed(of: Alarm, message: str = "") -> str:
    made = Confirmed(title=of.title, grade=of.grade, by=of.by, over=of.over, message=message)
    return msgspec.json.encode(made).decode()


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
