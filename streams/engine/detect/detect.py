"""Judges all series of a shard, one closed step after another."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
import numpy as np

from config.capacity import Capacity
from config.settings import Floor, Settings
from detectors.explain.calling_requests import CallingRequests
from detectors.explain.edge_totals import EdgeTotals
from detectors.explain.examples import illustrated
from detectors.judge.calendar import Calendar
from detectors.judge.judge import Judge, Judgement
from detectors.judge.kernel.arrays import Output
from detectors.model.array_types import Floats
from detectors.model.finding import AccountTraffic, Finding
from detectors.model.measures import COSTS_JUDGED, RATIO_OF, SUPPORTING, Measure, Series
from detectors.model.scope import ACCOUNT, TABLE, Edge, Scope, ScopeOrEdge
from detectors.state.declared import Owned, Stateful
from detectors.watch.limits import LimitChange, tomorrow
from streams.engine.decode.paths import OTHER
from streams.engine.detect.absences import Absences
from streams.engine.detect.baselines import DAY, REPORTED, HourlyMaturity
from streams.engine.detect.digest_totals import CostTotals, HourlyLoads, HourlyUse, ends_hour
from streams.engine.detect.early_detection import EarlyDetection
from streams.engine.detect.excess_costs import ExcessCosts, PriceHold
from streams.engine.detect.explainer import MAX_SHARES, AffectedScopes, Explainer
from streams.engine.detect.failure_kinds import FailureKinds
from streams.engine.detect.fatal_findings import FatalFindings
from streams.engine.detect.findings import UPDATE_EVERY, Findings
from streams.engine.detect.gather import AccountRequests, JudgedStep
from streams.engine.detect.limit_findings import LimitFindings, can_be_limited
from streams.engine.detect.open_findings import OpenFindings
from streams.engine.detect.step_recorder import StepRecorder
from streams.engine.measure.level_rows import LevelLimit
from streams.engine.measure.measuring import Measuring
from streams.engine.measure.step import (
    Fresh,
    MeasuredStep,
    Named,
    Stretch,
    costs_of,
    scopes_of,
    series_of,
    values_of,
)
from streams.engine.measure.steps import Steps
from streams.engine.rollup.blocks.block import Block

OnJudgement = Callable[[Judgement, Sequence[Series]], None]
"""Called with every judgement and the series of its rows."""


class Detect(Stateful):
    """One shard: merges blocks into steps and judges every series at each step.

    Parameters
    ----------
    sources
        Every source partition that feeds it; a step is judged once all of them have passed it.
    on_step
        Called with the start of every judged step, to show progress.
    on_judgement
        Called with every judgement, for a replay that writes the series.
    capacity
        The known limits; those of the settings when absent.
    records
        Record every step, for the history; ``take_records`` returns them.
    """

    STATE = (
        Owned("_judge", "judge/"),
        Owned("_edges", "edges/"),
        Owned("_calling", "calling/"),
        Owned("_maturity"),
        Owned("_findings"),
        Owned("_absences"),
        Owned("_fatal"),
        Owned("_failure_kinds"),
        Owned("_limits"),
        Owned("_loads"),
        Owned("_use"),
        Owned("_totals"),
        Owned("_prices"),
        Owned("open_findings"),
        Owned("_recorder"),
    )

    def __init__(
        self,
        shard: int,
        sources: Sequence[str],
        settings: Settings,
        on_step: Callable[[int], None] | None = None,
        on_judgement: OnJudgement | None = None,
        *,
        capacity: Capacity | None = None,
        records: bool = False,
    ) -> None:
        self._shard = shard
        self._settings = settings
        self._capacity = capacity or Capacity(settings.limits)
        self._limited: tuple[Capacity, int] | None = None  # the limits of the series: their era
        self._stated: dict[tuple[ScopeOrEdge, Measure], float] = {}  # limits of levels, as samples state them
        self._levels: dict[tuple[ScopeOrEdge, Measure], int] = {}  # their rows of the judge
        self._floors: dict[str, Floor] = {str(name): floor for name, floor in settings.floors}
        self._on_step = on_step
        self._on_judgement = on_judgement
        self._measuring = Measuring(sources, settings, quantiles=records)
        self._recorder = StepRecorder(shard, settings.time.step) if records else None
        calendar = Calendar(settings.calendar, settings.judge.weeks)
        step = settings.time.step
        self._judge = Judge(settings.judge, step, calendar)
        self._edges = EdgeTotals(step, settings.judge.weeks)
        self._absences = Absences(settings.judge, step)
        self._calling = CallingRequests(step)
        self._explainer = Explainer(self._edges, self._calling, step)
        self._findings = Findings(self._judge, self._explainer, self._absences, settings.judge, step)
        self._limits = LimitFindings(settings.judge, step, self._judge, self._explainer)
        self._failure_kinds = FailureKinds(settings.judge.young, step)
        self._fatal = FatalFindings(settings.judge.young, step, UPDATE_EVERY * step, self._explainer)
        self._affected = AffectedScopes(self._judge, self._explainer, step)
        self._costs = ExcessCosts(self._judge.evidence)
        self._prices = PriceHold(settings.money)
        self._held = False  # whether costs are
        self._loads = HourlyLoads(self._capacity, step)
        self._use = HourlyUse(step)
        self._totals = CostTotals(step)
        self._account_rows: dict[str, int] = {}  # of their requests, by account
        self._maturity = HourlyMaturity(settings.judge.young)
        self.open_findings = OpenFindings()
        self._early = EarlyDetection(
            shard,
            self._measuring,
            self._judge,
            absences=self._absences,
            explainer=self._explainer,
            edges=self._edges,
            calling=self._calling,
            step=step,
            bucket=settings.time.bucket,
        )
        self._settled: dict[str, bytes] | None = None  # parts that only a judged step changes
        self._by_row = self._absences, self._limits, self._affected, self._costs, self._maturity

    @property
    def watermark(self) -> int | None:
        """Event time up to which every source is complete."""
        return self.steps.watermark

    @property
    def steps(self) -> Steps:
        """The steps that wait for their slowest source."""
        return self._measuring.steps

    @property
    def series(self) -> int:
        """Number of series."""
        return self._measuring.series

    def ages(self) -> Floats:
        """Return the seconds since the first value of each judged series, at the newest judged step."""
        ages = self._judge.ages()
        # the caller may be another thread, and series may just be added, or the first step be judged
        judged = np.array([series.judged for series in self._judge.series[: len(ages)]], bool)
        known: Floats = ages[: len(judged)][judged]
        return np.maximum(known[~np.isnan(known)], 0.0)

    def judgeable(self) -> set[Scope]:
        """Return the scopes that were reported as old enough to be judged."""
        return self._maturity.reported(self._judge.until, self._judge.ages())

    def limit(self, capacity: Capacity) -> None:
        """Go on with other limits, from the next step on."""
        self._capacity = capacity

    def feed(self, blocks: Iterable[Block]) -> list[JudgedStep]:
        """Add blocks; return the steps that they complete, with their findings.

        Then follows the evaluation of the minute that early blocks complete, if they complete one.
        """
        blocks = list(blocks)
        judged: list[JudgedStep] = []
        whole = (block for block in blocks if not block.early)
        for stretch in self._measuring.stretches(self._early.noted(whole)):
            first = 0
            while first < len(stretch.steps):
                many = self._quiet(stretch.steps, first)
                if many > 1:
                    some = self._judge_many(stretch, first, many)
                else:
                    some = [self.judge(stretch.steps[first])]
                judged += some
                first += len(some)
        found = self._early.feed([block for block in blocks if block.early])
        if found is None:
            return judged
        known = [self._with_services(finding) for finding in found.findings]
        return [*judged, msgspec.structs.replace(found, findings=known)]

    def take_records(self) -> list[bytes]:
        """Return the records of the steps judged since the last call; none if none are kept."""
        return self._recorder.take_records() if self._recorder else []

    def pass_over(self, until: int) -> None:
        """Take steps before ``until`` that have no record for unknown: nobody listened."""
        self._settled = None
        self._measuring.steps.pass_over(until)

    def hand_over(self, sources: Sequence[str]) -> None:
        """Go on with the blocks of other sources: those so far have ended.

        Until they begin, it is unknown whether anything is absent.
        """
        self._settled = None
        self._measuring.hand_over(sources)
        self._absences.begin_anew()
        if self._recorder is not None:
            self._recorder.name_anew()  # the new sources have no record before their own

    def succeed(self, before: "Detect", ended: Mapping[str, Finding]) -> None:
        """Take the place of ``before``, which judged the same steps with a different history.

        Findings of only one of the two are opened or withdrawn with the next step; scopes that only this one
        judges are reported with the next hour. ``ended`` are findings of this one that have ended, by id.
        """
        self._settled = None
        if self._recorder:
            self._recorder.name_anew()
        self._maturity.succeed(before.judgeable(), self._judge.until, self._judge.ages())
        self._capacity = before._capacity  # noqa: SLF001 - one of its kind
        self._on_step, self._on_judgement = before._on_step, before._on_judgement  # noqa: SLF001
        self.open_findings.succeed(before.open_findings, ended, self.watermark or 0)

    def judge(self, step: MeasuredStep) -> JudgedStep:
        """Judge one step, which must be later than the one before."""
        self._settled = None
        self._limit_anew(step.start)
        self._state(step.limits)
        self._add(step.fresh, step.start)
        self._hold_costs(step)
        corrections = self._correct(step) if step.late else []
        # a step without any record is evidence about the pipeline, even if it may be chance
        nothing = step.records == 0
        unknown = step.between or (nothing and self._is_before_all(step.start))
        if unknown:
            self._judge.pass_over()
            self._maturity.pass_over(self._settings.time.step)
        completeness, values, of_edges = step.completeness, step.values.copy(), step.of_edges
        if unknown or not completeness:  # nothing arrived: a gap in the pipeline is not zero traffic
            values[:], of_edges = np.nan, np.full(len(of_edges), np.nan)
        measured = values.copy()
        self._absences.mask(values, nothing=nothing)
        judgement = self._judge.judge(step.start, values, completeness, partial=step.partial)
        self._early.learn(step)
        known = not nothing and completeness >= 1 and not step.partial
        if step.between:
            self._absences.pass_over(step.start)
        else:
            self._absences.feed(judgement, measured, known=known, nothing=nothing)
        if not self._absences.none:
            self._judge.trust_weeks(self._absences.unopened(nothing=nothing))
        # an incident teaches no baseline
        spoilt = self._explainer.leading_to(self._findings.struck(judgement))
        self._edges.append(step.start, of_edges, spoilt)
        self._calling.append(step.start, step.called[None])
        soon = [growing.row for growing in judgement.growth if tomorrow(growing.growth)]
        near = self._limits.watch(judgement, soon)
        return self._find(step, judgement, near, corrections)

    def _is_before_all(self, start: int) -> bool:
        """Return whether a step without a record may lie between old records and the first of today.

        Whoever sends a few old ones first teaches nothing of the days between: not before a series is old
        enough to be judged. The nights of an office teach as ever.
        """
        if self._absences.gap_before(start) < DAY:
            return False
        ages = self._judge.ages()
        return not (ages >= self._settings.judge.young).any()

    def _find(
        self,
        step: MeasuredStep,
        judgement: Judgement,
        near: Sequence[LimitChange],
        corrections: Sequence[Finding] = (),
    ) -> JudgedStep:
        """Return the findings of a step that all watches have seen."""
        self._failure_kinds.feed(step)
        found = self._failure_kinds.add_to([*corrections, *self._findings.feed(step, judgement)])
        findings = [*found, *self._fatal.feed(step)]
        findings += self._limits.found(near, judgement, step.completeness)
        findings = [self._with_services(finding) for finding in self._affected.add_to(findings)]
        findings = self.open_findings.feed(findings if self._held else self._costs.add_to(findings))
        if self._on_judgement:
            self._on_judgement(judgement, self._judge.series)
        if self._recorder:
            ages = self._judge.ages()
            self._recorder.feed(step, step.values, judgement, self._findings.reported(judgement), ages)
        return self._judged_step(step, findings, self._accounts(judgement.observed, judgement.expected))

    def _with_services(self, finding: Finding) -> Finding:
        """Return a finding with the services that carry it; of a table, of all that call it if none does."""
        about, known = finding.about, self._measuring.steps.services_of
        into = [Edge(scope, about) for scope in finding.touches] if isinstance(about, Scope) else []
        carriers = {name for edge in into for name in known(edge)}
        return msgspec.structs.replace(finding, services=sorted(carriers or known(about))[:MAX_SHARES])

    def _judged_step(
        self, step: MeasuredStep, findings: list[Finding], accounts: AccountRequests
    ) -> JudgedStep:
        """Return a judged step, with the totals of the hour that it ends."""
        if self._on_step:
            self._on_step(step.start)
        end, known = step.start + self._settings.time.step, step.completeness > 0
        judged = JudgedStep(
            self._shard,
            step.start,
            end,
            findings,
            completeness=step.completeness,
            changes=list(step.changes),
            illustrations=illustrated(self.open_findings.open.values(), step.examples),
            accounts=accounts,
        )
        if step.hourly is None:
            return judged
        counted, p95 = step.hourly
        loads = self._loads.feed(counted, known=known)
        uses = self._use.feed(counted, p95, known=known)
        uses += self._totals.feed(counted, known=known)
        maturity = None
        if ends_hour(step.start, self._settings.time.step):
            maturity = self._maturity.feed(end, self._judge.ages(end))
        return msgspec.structs.replace(judged, loads=loads, uses=uses, maturity=maturity)

    def _accounts(self, observed: Floats, expected: Floats) -> AccountRequests:
        """Return the requests a second of the accounts of this shard in one step, of (n,) of all series."""
        step = self._settings.time.step
        known = {
            name: AccountTraffic(float(observed[row]) / step, float(expected[row]) / step)
            for name, row in self._account_rows.items()
        }
        return {name: of for name, of in known.items() if not math.isnan(of.observed + of.expected)}

    def _quiet(self, steps: Sequence[MeasuredStep], first: int) -> int:
        """Return how many steps from ``first`` on may be judged together, one if it must be judged alone.

        Nothing is open or was late, and they differ in nothing but their values.
        """
        if (
            self._on_judgement
            or self.open_findings.waiting
            or not (self._findings.quiet and self._absences.none)
        ):
            return 1
        begin, width = steps[first].start, self._settings.time.step
        most = 0
        for at, step in enumerate(steps[first : first + self._judge.largest_batch]):
            if step.start != begin + at * width or not self._is_plain(step):
                break
            most += 1
        return self._judge.steps_in_batch(begin, most) if most > 1 else 1

    def _is_plain(self, step: MeasuredStep) -> bool:
        """Return whether nothing is known of a step but its values, and these are all there."""
        return (
            not (step.fresh or step.late or step.between or step.partial or step.limits)
            and step.completeness == 1
            and (step.records > 0 or not (self._absences.hole(step.start) or self._is_before_all(step.start)))
            and (self._capacity, self._capacity.era(step.start)) == self._limited
            and self._prices.at(step.start) == self._held
            and self._fatal.passes(step)
        )

    def _judge_many(self, stretch: Stretch, first: int, many: int) -> list[JudgedStep]:
        """Judge quiet steps together, up to the first with a finding; return these."""
        self._settled = None
        steps, width = stretch.steps[first : first + many], self._settings.time.step
        start, here = steps[0].start, slice(first, first + many)
        values, of_edges = stretch.values[here], stretch.of_edges[here]
        attempt = self._judge.evaluate_batch(start, values)
        index = attempt.index + np.arange(attempt.done, dtype=np.int64)[:, None]
        young = self._judge.young(index)
        by_days = self._judge.by_days(attempt.out.basis[: attempt.done], index)
        nothing = np.array([step.records == 0 for step in steps[: attempt.done]], bool)
        done, near = 0, list[LimitChange]()
        while done < attempt.done and self._absences.none and not near:
            to = attempt.done if self._limits.idle else done + 1
            some = Output._make(field[done:to] for field in attempt.out)
            at = start + done * width
            added = self._absences.feed_steps(
                at,
                values[done:to],
                some,
                young=young[done:to],
                by_days=by_days[done:to],
                nothing=nothing[done:to],
            )
            if self._limits.idle:
                self._limits.pass_by(at, attempt.values[done : done + added])
            else:
                near = self._limits.watch(self._judge.judgement(attempt, done))
            done += added
        self._judge.accept_batch(attempt, done)
        if not self._absences.none:
            self._judge.trust_weeks(self._absences.unopened(nothing=steps[done - 1].records == 0))
        self._early.learn_all(steps[:done])
        last = self._judge.judgement(attempt, done - 1)
        ends_quiet = self._absences.none and not near and not last.opened.any()
        quiet = done if ends_quiet else done - 1
        self._edges.append_steps(start, of_edges[:quiet])
        self._calling.append(start, stretch.called[here][:done])
        if quiet:
            self._findings.pass_by(start + quiet * width)
        judged = []
        for at, step in enumerate(steps[:quiet]):
            self._fatal.pass_by(step)
            self._failure_kinds.feed(step)
            if self._recorder:
                judgement = self._judge.judgement(attempt, at)
                ages = self._judge.ages(judgement.start + width)
                self._recorder.feed(step, step.values, judgement, judgement.verdict, ages)
            accounts = self._accounts(attempt.values[at], attempt.out.expected[at])
            judged.append(self._judged_step(step, [], accounts))
        if not ends_quiet:
            step = steps[quiet]
            spoilt = self._explainer.leading_to(self._findings.struck(last))
            self._edges.append(step.start, of_edges[quiet], spoilt)
            judged.append(self._find(step, last, near))
        return judged

    def _correct(self, step: MeasuredStep) -> list[Finding]:
        """Merge late records into judged steps, and return the findings that they change.

        A latency is not corrected: quantiles cannot be added.
        """
        seen = step.start + self._settings.time.step
        for late in step.late:
            self._judge.correct(late.start, late.values)
            self._edges.correct(late.start, late.of_edges)
            self._calling.correct(late.start, late.called)
            self._absences.correct(late.start + self._settings.time.step, step.start, late.values)
        return self._findings.correct({late.start: late.values for late in step.late}, seen)

    def _limit_anew(self, start: int) -> None:
        """Apply the limits in force at ``start``, if they are not those of the step before."""
        capacity = self._capacity  # another thread may set it
        if (in_force := (capacity, capacity.era(start))) == self._limited:
            return
        self._limited = in_force
        changed = {
            row: _limited(series, limit)
            for row, series in enumerate(self._judge.series)
            if can_be_limited(series.measure)
            and isinstance(series.about, Scope)
            and (limit := self._limit_of(series.about, series.measure, start)) != series.limit
        }
        self._change_limits(changed)
        self._loads.limit(capacity, start)

    def _hold_costs(self, step: MeasuredStep) -> None:
        """Judge no costs where they are not comparable with those before."""
        held = self._prices.at(step.start)
        if held != self._held or (held and step.fresh):
            self._held = held
            self._judge.hold(self._costs.rows, held=held)

    def _state(self, limits: Iterable[LevelLimit]) -> None:
        """Apply the limits of levels that samples begin to state."""
        changed = {}
        for about, measure, limit in limits:
            self._stated[about, measure] = limit
            row = self._levels.get((about, measure))
            if row is not None:
                changed[row] = _limited(self._judge.series[row], limit)
        if changed:
            self._change_limits(changed)

    def _change_limits(self, changed: Mapping[int, Series]) -> None:
        self._judge.limit(changed)
        self._findings.limit(changed)
        self._limits.limit(changed)
        if self._recorder:
            self._recorder.limit(changed)

    def _limit_of(self, scope: Scope, measure: Measure, at: int) -> float | None:
        stated = self._stated.get((scope, measure)) if measure.level else None
        if stated is not None:
            return stated
        return self._capacity.limit_of(
            scope.kind, scope.account, scope.name, measure, region=scope.region, at=at
        )

    def _add(self, fresh: Sequence[Fresh], start: int) -> None:
        if not fresh:
            return
        of_scopes, of_edges = ([self._series(name, start) for name in named] for named in series_of(fresh))
        first = len(self._judge.series)
        levels = {
            (series.about, series.measure): row
            for row, series in enumerate(of_scopes, first)
            if series.measure.level
        }
        self._levels |= levels
        self._account_rows |= {
            series.about.account: row
            for row, series in enumerate(of_scopes, first)
            if series.about.kind == ACCOUNT and series.measure is Measure.REQUESTS
        }
        if self._recorder:
            self._recorder.add(of_scopes, of_edges)
        self._edges.grow(len(of_edges))
        self._explainer.add(of_edges)
        for watch in self._by_row:
            watch.add(of_scopes, first)
        self._early.add(of_scopes)
        self._judge.add(of_scopes)
        self._findings.add(of_scopes)
        scopes = scopes_of(fresh)
        self._calling.add([scope for scope in scopes.values() if scope.kind == TABLE])
        self._fatal.add(scopes, start)
        self._failure_kinds.add(scopes)
        self._loads.add(scopes, start)
        self._use.add(scopes, values_of(fresh))
        self._totals.add(costs_of(fresh))

    def _series(self, named: Named, at: int) -> Series:
        about, measure = named.about, named.measure
        if isinstance(about, Edge):
            return Series(about, measure)
        if measure in SUPPORTING.get(about.kind, ()):
            return Series(about, measure, judged=False)
        floor = self._floors.get(measure) or self._settings.floors.values
        series = Series(
            about,
            measure,
            # What is folded changes, and with it every amount and mixture; the part that fails stays one.
            judged=(about.name != OTHER or measure in RATIO_OF)
            and (measure is not Measure.COST or about.kind in COSTS_JUDGED),
            floor_absolute=floor.absolute,
            floor_relative=floor.relative,
        )
        return _limited(series, self._limit_of(about, measure, at))

    def snapshot(self) -> dict[str, bytes]:
        """Return the state of the shard; unchanged parts are the same objects as before."""
        if self._settled is None:
            self._settled = self._measuring.settled() | super().snapshot()
        return {**self._settled, **self.steps.snapshot()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot; floors and limits are those of the current settings."""
        self._settled, self._limited, self._held = None, None, False
        fresh = self._measuring.restore(parts)
        self._state(self._measuring.limits())
        self._add(fresh, 0)  # the parts include when each was first seen
        super().restore(parts)
        if REPORTED.name not in parts:
            self._maturity.begin(self._judge.until)


def _limited(series: Series, limit: float | None) -> Series:
    """Return a series with a limit. A level is judged against its limit, or else by its own past."""
    judged = limit is None if series.measure.level else series.judged
    return dataclasses.replace(series, limit=limit, judged=judged)
