"""Notices as incidents give them, without findings behind them: for tests of the pipeline."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from alerting.commands.command import Command, CommandKind
from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Milestone, Notice, NoticeReason, identify
from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings
from detectors.model.finding import Finding, Share, Verdict
from detectors.model.scope import Scope
from detectors.watch.maturity import Maturity
from tests.alerting.given import ACCOUNT, T0, TABLE, finding, scope


def incident(name: str = "a", about: Scope = TABLE, at: int = T0, **changes: Any) -> Incident:
    of: Finding = changes.pop("primary", None) or finding(about, f"f-{name}", start=at - 120, seen=at)
    if "verdict" in changes:
        of = replace(of, verdict=changes["verdict"])
    given: dict[str, Any] = {
        "id": name,
        "revision": 0,
        "verdict": of.verdict,
        "state": "open",
        "start": of.start,
        "alerted": at,
        "end": None,
        "primary": of,
        "members": [],
        "sent": "page",
        "reason": NoticeReason.TABLE.value,
        "peak": of.observed,
    }
    return Incident(**(given | changes))


def notice(of: Incident, action: Action = Action.OPEN, at: int = T0, *milestones: Milestone) -> Notice:
    reasons = {
        Action.OPEN: NoticeReason.TABLE,
        Action.UPDATE: NoticeReason.CHANGED,
        Action.RESOLVE: NoticeReason.QUIET,
    }
    return Notice(
        id=identify(of.id, action, of.revision),
        action=action,
        at=at,
        reason=NoticeReason.REOPENED if of.reopened and action is Action.OPEN else reasons[action],
        incidents=[of],
        milestones=list(milestones),
    )


def opened(name: str = "a", about: Scope = TABLE, at: int = T0, **changes: Any) -> Notice:
    return notice(incident(name, about, at, **changes), Action.OPEN, at, Milestone.OPENED)


def rising(name: str, at: int, *carriers: Scope) -> Notice:
    """Return an incident of the account that rises by what these scopes carry of it."""
    part = 1 / len(carriers)
    callers = [
        Share(scope=of, share=part, more_calls=part, more_per_call=0, observed=41 * part, expected=8.2 * part)
        for of in carriers
    ]
    about = scope("account", ACCOUNT)
    return opened(name, about, at, primary=finding(about, f"f-{name}", start=at - 120, callers=callers))


def later(before: Notice, at: int, *milestones: Milestone, **changes: Any) -> Notice:
    of = replace(before.incident, revision=before.incident.revision + 1, **changes)
    return notice(of, Action.UPDATE, at, *milestones)


def resolved(before: Notice, at: int) -> Notice:
    of = replace(before.incident, revision=before.incident.revision + 1, state="resolved", end=at - 600)
    return notice(of, Action.RESOLVE, at, Milestone.RESOLVED)


def reopened(before: Notice, at: int) -> Notice:
    of = before.incident
    again = replace(of, revision=of.revision + 1, state="open", end=None, reopened=of.reopened + 1)
    return notice(again, Action.OPEN, at, Milestone.REOPENED)


def digest(at: int, *incidents: Incident, maturity: Sequence[Maturity] = ()) -> Notice:
    return Notice(
        id=identify("digest", at),
        action=Action.DIGEST,
        at=at,
        reason=NoticeReason.DAILY,
        incidents=list(incidents),
        maturity=list(maturity),
    )


def press(ask: CommandKind, name: str | None = "a", at: int = T0 + 60, **changes: Any) -> Command:
    given: dict[str, Any] = {"id": f"{ask}-{name}-{at}", "kind": ask, "at": at, "by": "U1", "incident": name}
    return Command(**(given | changes))


def pipeline(**notify: Any) -> Pipeline:
    """Return a pipeline with these settings of ``notify``, and others given whole (``slack=…``)."""
    others = {key: notify.pop(key) for key in ("slack", "digest") if key in notify}
    return Pipeline(Settings.model_validate({"notify": notify, **others}))


def said(dispatches: list[Dispatch]) -> list[str]:
    """Return dispatches as short words: form, subject, state or what the line says."""
    return [f"{dispatch.form} {dispatch.subject} {_state(dispatch)}" for dispatch in dispatches]


def quieted(of: Dispatch) -> Command | None:
    """Return the newest snooze, silence or label that still holds, None without one."""
    for command in reversed(of.commands):
        if command.kind is CommandKind.UNSILENCE:
            return None
        if command.kind is not CommandKind.ACKNOWLEDGE and (command.until is None or command.until > of.at):
            return command
    return None


def _state(of: Dispatch) -> str:
    if of.line is not None:
        return of.line.what
    if not of.notice.incidents:
        return "-"
    gathered = of.form in (Form.FLOOD, Form.FILE)
    return f"{len(of.notice.incidents)}" if gathered else of.notice.incident.state


__all__ = ["ACCOUNT", "T0", "TABLE", "Verdict", "scope"]
