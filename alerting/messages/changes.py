"""What changed since a time, of the incidents that the pipeline knows."""

from collections.abc import Iterable, Sequence

from alerting.messages.answers import Changes
from alerting.pipeline.tracked_incident import TrackedIncident
from detectors.model.finding import Verdict
from detectors.watch.hottest import Hot


def changes_since(since: int, stories: Iterable[TrackedIncident], leaders: Sequence[Hot] = ()) -> Changes:
    """Sort incidents by what became of them since ``since`` (epoch seconds), the newest first.

    One that began and is over appears twice. New levels and new errors are told apart from what else opened.
    """
    known = sorted(stories, key=lambda story: (-story.incident.start, story.incident.id))
    began = [story.incident for story in known if story.began >= since]
    apart = {Verdict.SHIFT, Verdict.FATAL}
    return Changes(
        since=since,
        opened=[one for one in began if one.verdict not in apart],
        resolved=[story.incident for story in known if story.over is not None and story.over >= since],
        shifts=[one for one in began if one.verdict is Verdict.SHIFT],
        fatal=[one for one in began if one.verdict is Verdict.FATAL],
        leaders=list(leaders),
    )
