"""A result built by hand, for tests of its output."""

from alerting.commands.labels import Label, LabelKind
from config.settings import DigestSettings, JudgeSettings, Settings
from streams.offline.tune.periods import Periods
from streams.offline.tune.pick import Change, Pick, Rule
from streams.offline.tune.recording import Totals
from streams.offline.tune.result import TuneResult
from streams.offline.tune.space import space_for_budget
from streams.offline.tune.trial import OutcomePair, TrialOutcome

DAY = 86400
SETTINGS = Settings(
    judge=JudgeSettings(young=DAY, sensitivity=2.0), digest=DigestSettings(timezone="Asia/Tokyo")
)
SPACE = space_for_budget(SETTINGS)
CALMER = (SPACE.present[0] - 2, *SPACE.present[1:])


def outcome(
    found: int, labels: int, false_pages: int, right: int | None = None, fitting: int = 9
) -> TrialOutcome:
    missed = tuple(Label(kind=LabelKind.INCIDENT, start=at) for at in range(labels - found))
    right = found if right is None else right
    return TrialOutcome(missed, labels, false_pages + right, false_pages, 1.0, None, fitting)


def tuned(rule: Rule, present: OutcomePair, picked: OutcomePair | None) -> TuneResult:
    """Return a search that picked one calmer configuration, or the present one."""
    known = {SPACE.present: present.searched, CALMER: (picked or present).searched}
    change = Change("judge.sensitivity", 2.0, SPACE.knobs[0].values[CALMER[0]], "calmer")
    choice, changes = (CALMER, (change,)) if picked else (SPACE.present, ())
    return TuneResult(
        space=SPACE,
        rule=rule,
        seed=1,
        totals=Totals(),
        periods=Periods(0, DAY, 7 * DAY, 10 * DAY),
        tried=list(known.items()),
        known=known,
        pick=Pick(choice, known[choice], changes),
        present=present,
        picked=picked or present,
    )
