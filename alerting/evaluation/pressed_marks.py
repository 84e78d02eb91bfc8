"""Measures which pages the marks of labels would have held: the same notices, with and without them."""

from collections.abc import Sequence
from typing import NamedTuple

from alerting.commands.command import Command, CommandKind
from alerting.commands.labels import LABEL_KINDS, Label, LabelKind
from alerting.evaluation.label_fit import about
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Notice, identify
from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings

_ASKS: dict[LabelKind, CommandKind] = {kind: ask for ask, kind in LABEL_KINDS.items()}


class PressedMarks(NamedTuple):
    """Pages that marks would have held, of so many, and the marks that were pressed."""

    pressed: int
    held: list[Incident]
    pages: int


def pressed_marks(notices: Sequence[Notice], labels: Sequence[Label], settings: Settings) -> PressedMarks:
    """Feed the notices of a replay to two pipelines, and press the marks of labels in one of them.

    A mark is pressed on each page that its label is about: when its person did so or, if that is not known,
    when the labelled period ended.

    ``notices`` are all of a replay in the order of their times. Labels of incidents are no marks.
    """
    without, pressing = Pipeline(settings, keep=True), Pipeline(settings, keep=True)
    waiting = sorted(
        ((_moment(label), number, label) for number, label in enumerate(labels) if label.kind in _ASKS),
        key=lambda mark: mark[:2],
    )
    pressed = 0
    for notice in notices:
        while waiting and waiting[0][0] <= notice.at:
            moment, number, label = waiting.pop(0)
            pressing.feed([], moment)
            pressed += _press(label, number, moment, pressing)
        for pipeline in (without, pressing):
            pipeline.feed([notice], notice.at)
    pages = [incident.incident for incident in without.tracked() if incident.sent == "page"]
    held = [page for page in pages if (fate := pressing.fate(page.id)) is not None and fate.sent == "none"]
    return PressedMarks(pressed, held, len(pages))


def _press(label: Label, number: int, at: int, pipeline: Pipeline) -> int:
    known = [tracked.incident for tracked in pipeline.tracked() if tracked.sent == "page"]
    found = about(label, known, at)
    for incident in found:
        pipeline.command(
            Command(
                id=identify("label", number, incident.id),
                kind=_ASKS[label.kind],
                at=at,
                by=label.by,
                incident=incident.id,
            )
        )
    return len(found)


def _moment(label: Label) -> int:
    if label.at is not None:
        return label.at
    return label.start if label.end is None else label.end
