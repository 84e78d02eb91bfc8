"""The search: a seeded sampler with batches of fixed size and results in order, hence reproducible."""

import warnings
from typing import Final

import optuna

from streams.offline.tune.pick import Rule
from streams.offline.tune.space import Choice, Space
from streams.offline.tune.trial import TrialOutcome, Trials

BATCH: Final = 8
"""Configurations that the sampler proposes at a time, whatever the number of processes."""

STARTUP: Final = 10
"""Random trials before the sampler learns from outcomes."""

_CALMER: Final = ((-2, 0), (0, 1), (-4, 0), (-2, 1), (0, 2))
_KEENER: Final = ((2, 0), (0, -1), (4, 0), (4, -1), (6, 0))
"""Obvious first candidates: by how many values sensitivity and persist move from the present ones."""

_OVER: Final = 4.0
"""How much more a page above the budget costs than a page below it."""


def search(
    space: Space, rule: Rule, trials: Trials, count: int, seed: int
) -> list[tuple[Choice, TrialOutcome]]:
    """Try ``count`` configurations, the present and the shipped one first; return all in order.

    The sampler is multivariate TPE (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS
    2011), which handles two objectives by non-domination (Ozaki et al., GECCO 2020). Pending trials count as
    bad ones (constant liar), which spreads a batch.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        directions=["maximize", "minimize"] if rule.labelled else ["maximize"], sampler=_sampler(seed)
    )
    for choice in _first(space, rule, trials):
        study.enqueue_trial({knob.key: at for knob, at in zip(space.knobs, choice, strict=True)})
    of: dict[str, optuna.distributions.BaseDistribution] = {
        knob.key: optuna.distributions.IntDistribution(0, len(knob.values) - 1) for knob in space.knobs
    }
    made: list[tuple[Choice, TrialOutcome]] = []
    while len(made) < count:
        asked = [study.ask(of) for _ in range(min(BATCH, count - len(made)))]
        choices = [tuple(int(trial.params[knob.key]) for knob in space.knobs) for trial in asked]
        outcomes = trials.outcomes(choices)
        for trial, choice, outcome in zip(asked, choices, outcomes, strict=True):
            study.tell(trial, _values(rule, outcome, space.sensitivity(choice)))
            made.append((choice, outcome))
    return made


def _first(space: Space, rule: Rule, trials: Trials) -> list[Choice]:
    """Return the first candidates: the present configuration, the shipped one, and obvious improvements."""
    now = trials.outcomes([space.present])[0]
    too_many = now.pages_per_week > (rule.budget or 0.0)
    calmer = now.false_pages > len(now.missed) if rule.labelled else too_many
    places = {knob.key: at for at, knob in enumerate(space.knobs)}
    sensitivity, persist = places["judge.sensitivity"], places["judge.persist"]
    found = [space.present, space.shipped]
    for quarters, steps in _CALMER if calmer else _KEENER:
        choice = list(space.present)
        for at, by in ((sensitivity, quarters), (persist, steps)):
            choice[at] = min(max(choice[at] + by, 0), len(space.knobs[at].values) - 1)
        found.append(tuple(choice))
    return list(dict.fromkeys(found))


def _sampler(seed: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=seed, multivariate=True, constant_liar=True, n_startup_trials=STARTUP
        )


def _values(rule: Rule, outcome: TrialOutcome, sensitivity: float) -> list[float]:
    """Return the objectives for the sampler."""
    if rule.labelled:
        high, low = rule.objectives(outcome, sensitivity)
        over = 0.0 if rule.budget is None else max(0.0, outcome.pages_per_week - rule.budget)
        return [high, low + over]
    gap = outcome.pages_per_week - (rule.budget or 0.0)
    return [-_OVER * gap if gap > 0 else gap]
