"""Judges a recording: what ``uneri replay`` finds, without reading history again."""

from collections.abc import Callable
from typing import NamedTuple

from alerting.incidents.incident import Incident
from alerting.incidents.incidents import Incidents
from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings
from streams.detect.detect import Detect
from streams.detect.gather import Gather
from streams.replay.judge import with_fate
from streams.tune.recording import Recording


class Verdicts(NamedTuple):
    """What a configuration makes of a recording. Times are epoch seconds."""

    incidents: list[Incident]  # each in its last state, ordered by start
    first: int  # start of the first judged step, 0 when there was none
    last: int  # end of the last


def judge_recording(
    recording: Recording,
    settings: Settings,
    until: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Verdicts:
    """Judge the steps of a recording as the daemon would have.

    Parameters
    ----------
    until
        Epoch seconds: what comes later is not looked at.
    progress
        Called with the end of a step, once every hour of event time.
    """
    detect, gather = Detect(0, (), settings), Gather(1)
    incidents = Incidents(settings, remember_all=True)
    pipeline = Pipeline(settings, keep=True)
    first = last = 0
    for step in recording.steps(until):
        for one in gather.feed([detect.judge(step)]):
            pipeline.feed(incidents.feed(one.findings, one.watermark), one.watermark)
            first, last = first or step.start, one.watermark
        if progress and last % 3600 == 0:
            progress(last)
    return Verdicts([with_fate(one, pipeline) for one in incidents.known()], first, last)
