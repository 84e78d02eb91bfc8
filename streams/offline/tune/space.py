"""The search space: which settings a search may change, and to which values."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from alerting.commands.labels import Label
from alerting.evaluation.evaluation import Evaluation
from alerting.incidents.incident import Incident
from config.settings import Floors, Settings
from detectors.model.finding import Verdict
from detectors.model.measures import Measure

Number = float | int
Choice = tuple[int, ...]
"""One configuration of a space: an index into the values of each knob."""

_OCTAVE: Final = 2.0
_SENSITIVITY: Final = tuple(_OCTAVE ** (part / 4) for part in range(-8, 9))  # a quarter to four times
_SCALES: Final = tuple(_OCTAVE ** (part / 2) for part in range(-4, 5))  # the same, in wider steps
_PERSIST: Final = (1, 2, 3, 4, 5, 6, 8, 10)
_RECOVER: Final = (2, 3, 5, 7, 10, 15, 20, 30)
_NEAR: Final = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
_BOUNDS: Final = {
    "judge.sensitivity": (0.2, 5.0),
    "judge.persist": (1, 60),
    "judge.recover": (1, 240),
    "judge.growth_per_day": (0.001, 1.0),
    "judge.horizon_days": (1.0, 365.0),
    "judge.near": (0.2, 1.0),
}
_NEAR_BY: Final = 0.02
_SHIPPED: Final = Settings()
_OF_GROWTH: Final = frozenset({Verdict.GROWTH, Verdict.LIMIT})


class Knob(NamedTuple):
    """One setting and the values to try, the present one and the shipped default among them."""

    key: str  # section.setting, section.measure.setting
    values: tuple[Number, ...]  # ascending
    present: int  # index of the present value
    shipped: int  # index of the shipped default


class Space(NamedTuple):
    """The settings to search, around the present configuration."""

    settings: Settings
    knobs: tuple[Knob, ...]

    @property
    def present(self) -> Choice:
        """The present configuration."""
        return tuple(knob.present for knob in self.knobs)

    @property
    def shipped(self) -> Choice:
        """The shipped defaults of the searched settings."""
        return tuple(knob.shipped for knob in self.knobs)

    def changes(self, choice: Choice) -> dict[str, Number]:
        """Return the settings that a choice changes, with their new values."""
        return {
            knob.key: knob.values[at]
            for knob, at in zip(self.knobs, choice, strict=True)
            if at != knob.present
        }

    def sensitivity(self, choice: Choice) -> float:
        """Return the sensitivity of a choice."""
        return float(self.changes(choice).get("judge.sensitivity", self.settings.judge.sensitivity))


def changed(settings: Settings, changes: Mapping[str, Number]) -> Settings:
    """Return a configuration with some settings changed.

    Examples
    --------
    >>> changed(Settings(), {"judge.persist": 3, "floors.wcu.relative": 0.6}).floors.wcu.relative
    0.6
    """
    written = settings.model_dump(include={"judge", "floors"})
    for key, value in changes.items():
        *sections, name = key.split(".")
        into = written
        for section in sections:
            into = into[section]
        into[name] = value
    fresh = Settings.model_validate(written)
    return settings.model_copy(update={"judge": fresh.judge, "floors": fresh.floors})


def value_of(settings: Settings, key: str) -> Number:
    """Return the value of a setting by its key."""
    found: object = settings
    for name in key.split("."):
        found = getattr(found, name)
    assert isinstance(found, float | int)  # noqa: S101  # only numeric settings are knobs
    return found


def space_for_labels(settings: Settings, evaluation: Evaluation, incidents: Sequence[Incident]) -> Space:
    """Return the settings worth searching, given the mistakes of the present configuration.

    The floors of a measure are included only if it has false pages or missed labels, the settings of growth
    and limits only if such labels or incidents exist. ``weeks`` and ``young`` are never searched: some weeks
    of events cannot show what they are worth.
    """
    knobs = _of_deviation(settings, _PERSIST)
    for measure in _measures(evaluation):
        for which in ("absolute", "relative"):
            key = f"floors.{measure}.{which}"
            if value_of(settings, key) > 0:
                knobs.append(_scaled(settings, key, _SCALES))
    labels = [found.label for found in evaluation.found] + [missed.label for missed in evaluation.missed]
    if _grows(labels, incidents):
        knobs += [
            _scaled(settings, "judge.growth_per_day", _SCALES),
            _scaled(settings, "judge.horizon_days", _SCALES),
            _listed(settings, "judge.near", _NEAR),
        ]
    return Space(settings, tuple(knobs))


def space_for_budget(settings: Settings) -> Space:
    """Return the settings to search without labels.

    Floors are left out: they define which changes matter, which only people know. ``persist`` at most
    doubles.
    """
    most = 2 * settings.judge.persist
    return Space(settings, tuple(_of_deviation(settings, [steps for steps in _PERSIST if steps <= most])))


def _of_deviation(settings: Settings, persist: Collection[int]) -> list[Knob]:
    return [
        _scaled(settings, "judge.sensitivity", _SENSITIVITY),
        _listed(settings, "judge.persist", persist),
        _listed(settings, "judge.recover", _RECOVER),
    ]


def _scaled(settings: Settings, key: str, scales: Iterable[float]) -> Knob:
    present = value_of(settings, key)
    return _listed(settings, key, [_readable(present * scale) for scale in scales])


def _listed(settings: Settings, key: str, values: Iterable[Number]) -> Knob:
    """Make a knob of the values within the bounds, without those close to the present or the shipped one."""
    present, shipped = value_of(settings, key), value_of(_SHIPPED, key)
    low, high = _BOUNDS.get(key, (0.0, float("inf")))
    fixed = {present, shipped}
    others = {
        value
        for value in values
        if low <= value <= high and all(abs(value - kept) > _NEAR_BY * abs(kept) for kept in fixed)
    }
    ordered = tuple(sorted(others | fixed))
    return Knob(key, ordered, ordered.index(present), ordered.index(shipped))


def _readable(value: float) -> float:
    """Round to two significant digits, as people write them.

    Examples
    --------
    >>> _readable(0.35355), _readable(141.4)
    (0.35, 140.0)
    """
    return float(f"{value:.2g}")


def _measures(evaluation: Evaluation) -> list[str]:
    """Return the floors of measures with false pages or missed labels."""
    wrong = {page.incident.primary.measure.value for page in evaluation.false_pages}
    for missed in evaluation.missed:
        wrong |= {missed.label.measure} if missed.label.measure else set()
        wrong |= {incident.primary.measure.value for incident in missed.seen}
    floors = {"values" if (measure := Measure(name)).key or measure.level else name for name in wrong}
    return [name for name in Floors.model_fields if name in floors]


def _grows(labels: Iterable[Label], incidents: Iterable[Incident]) -> bool:
    return any(label.verdict in _OF_GROWTH for label in labels) or any(
        incident.verdict in _OF_GROWTH and incident.sent != "none" for incident in incidents
    )
