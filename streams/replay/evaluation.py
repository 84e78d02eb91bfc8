"""What a replay found, measured against labels."""

from collections.abc import Sequence

from alerting.commands.labels import Label
from alerting.evaluation.evaluation import Evaluation, evaluate
from streams.replay.replayed import Replayed


def evaluated(found: Replayed, labels: Sequence[Label]) -> Evaluation:
    """Measure what was found against labels, from when series were old enough to be judged."""
    first = min(found.first + found.settings.judge.young, found.last)
    return evaluate(found.incidents, labels, first, found.last, services=found.services)
