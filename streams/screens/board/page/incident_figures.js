// The figures of an incident: what it is now, or was at last, over what is usual.
import { html } from "./view.js";

const Figure = ({ name, children }) =>
  children != null &&
  html`<div>
    <dt>${name}</dt>
    <dd>${children}</dd>
  </div>`;

// `now` is the value of the newest step; without one, an incident has what was last reported of it.
export const IncidentFigures = ({ of, now, figures, words }) => {
  const { incident: says } = words;
  const quantity = (value) => figures.quantity(value, of.measure);
  const interval = of.lower != null && of.upper != null && of.upper > 0 ? ` (${words.scope.between(...[of.lower, of.upper].map((value) => figures.amount(value, of.measure, of.expected)))})` : "";
  const { days_to_limit: days, days_to_limit_lower: early, days_to_limit_upper: late } = of.growth ?? {};
  const live = of.end == null && now !== undefined;
  const observed = live ? now : of.observed;
  const compared = says.comparedWith[of.compared_with];
  return html`<section class="tile" aria-labelledby="figures">
    <h2 id="figures" class="label">${says.figuresOf}</h2>
    <dl class="facts">
      <${Figure} name=${live ? says.observed : of.end == null ? says.reported : says.last}>${quantity(observed)}</${Figure}>
      <${Figure} name=${says.usual}>${of.expected == null ? null : `${quantity(of.expected)}${interval}`}</${Figure}>
      <${Figure} name=${says.peak}>${of.peak ? quantity(of.peak) : null}</${Figure}>
      <${Figure} name=${says.failures}>${of.failures ? words.failed(figures.number(of.failures.failed), figures.number(of.failures.requests), figures.duration(of.failures.seconds)) : null}</${Figure}>
      <${Figure} name=${says.error}>${of.failures?.kinds?.length ? words.failureKinds(of.failures.kinds, (count) => figures.number(count)) : of.error_type ? html`<bdi>${of.error_type}</bdi>, ${says.times(figures.number(of.times))}` : null}</${Figure}>
      <${Figure} name=${says.costs}>${of.costs == null || Math.abs(of.costs) < 0.01 ? null : says.anHour(figures.number(Math.abs(of.costs)), of.costs >= 0)}</${Figure}>
      <${Figure} name=${says.limit}>${of.limit ? `${quantity(of.limit)} (${says.share(figures.percent(observed === null ? null : observed / of.limit))})` : null}</${Figure}>
      <${Figure} name=${says.limitIn}>${days == null ? null : days <= 0 ? words.atLimit : figures.daysLeft(days, early, late)}</${Figure}>
      <${Figure} name=${says.affected}>${of.affected?.requests ? figures.number(of.affected.requests) : null}</${Figure}>
      <${Figure} name=${says.weeks}>${compared ? `${compared(of.weeks_used?.length ?? 0)}${of.weeks_left_out?.length ? `, ${says.leftOutWeeks(of.weeks_left_out.length)}` : ""}` : null}</${Figure}>
      <${Figure} name=${says.completeness}>${figures.percent(of.completeness)}</${Figure}>
      <${Figure} name=${says.score}>${of.score.toFixed(4)}</${Figure}>
    </dl>
  </section>`;
};
