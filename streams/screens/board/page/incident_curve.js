// The measure of an incident over what was expected, from some hours before it began, and its figures.
import { addressDuring, scopeAddress } from "./address.js";
import { AskingPage } from "./answers.js";
import { IncidentFigures } from "./incident_figures.js";
import { Inner } from "./inner.js";
import { ScopeChart } from "./scope_chart.js";
import { marksOf } from "./scope_events.js";
import { html } from "./view.js";

const DAY = 86_400;
const STEP = DAY / 4;
const AHEAD = [14, 60]; // days of a forecast
const BEYOND = 1.2; // of the days to a limit

// The line that was fitted to a level until `at`, and where it leads from there: each day by a fraction more.
const forecastOf = ({ growth, observed }, at) => {
  const ahead = Math.min(Math.max(AHEAD[0], BEYOND * (growth.days_to_limit ?? 0)), AHEAD[1]);
  const points = Math.round(((growth.days + ahead) * DAY) / STEP) + 1;
  const now = Math.round((growth.days * DAY) / STEP);
  const level = (perDay) => Array.from({ length: points }, (_, place) => observed * (1 + Math.max(perDay, -0.9)) ** (((place - now) * STEP) / DAY));
  const fitted = level(growth.per_day);
  const future = (values) => values.map((value, place) => (place < now ? null : Math.min(value, 2 * fitted.at(-1))));
  const curve = { observed: fitted.slice(0, now + 1), expected: future(fitted), lower: future(level(growth.per_day_lower)), upper: future(level(growth.per_day_upper)), before: [], least: [], most: [] };
  return { start: at - now * STEP, step: STEP, points, curve, marks: [] };
};

const Key = ({ of }) => html`<ul class="key">${Object.entries(of).map(([kind, name]) => html`<li key=${kind}><i class=${`k-${kind}`}></i>${name}</li>`)}</ul>`;

// A report has a `known` curve of its own; `at` is the time of a forecast.
export class IncidentCurve extends AskingPage {
  path({ of }) {
    return addressDuring(of.scope, of).replace("/?", "/board/scope?");
  }

  render({ of, known, at, figures, words, look, actions }, { said }) {
    const { incident: says, scope } = words;
    const page = known ?? said;
    const measured = known ? known.measures[0] : page?.measures?.find((one) => one.measure === of.measure); // none of a step that is not there yet
    const limit = of.limit ? { limit: of.limit } : page?.limits?.find((one) => one.measure === of.measure);
    const chart = (measure, curve, key, more) => {
      const [name] = figures.measure(measure);
      return html`<section class="tile measured" data-tile=${curve.zoom === undefined ? "forecast" : "curve"} aria-label=${name}>
        <header><h2 class="label"><bdi>${name}</bdi></h2>${more}</header>
        <${Key} of=${key} />
        <${ScopeChart} measure=${measure} ...${curve} ...${{ name, limit, figures, words, look }} />
      </section>`;
    };
    const seen = () => {
      const { start, step, points } = page;
      const marks = [...marksOf(page, measured.measure), ...(of.alerted ? [{ kind: "alerted", from: of.alerted }] : [])];
      const zoom = known ? null : (from, to) => actions.go(scopeAddress(of.scope, { from, to }));
      const key = { now: scope.observed, before: words.lastWeek, band: words.expected, ...(of.alerted ? { alerted: says.happened.alerted } : {}) };
      const more = known ? null : html`<${Inner} to=${addressDuring(of.scope, of)} go=${actions.go} class="aside">${says.allMeasures}</${Inner}>`;
      return chart(measured.measure, { start, step, points, curve: measured.curve, marks, zoom }, key, more);
    };
    const forecast = () => chart(of.measure, forecastOf(of, at), { now: says.fitted, expected: says.forecast, band: says.likely });
    return html`${measured && seen()} ${of.growth && of.observed > 0 && forecast()}
      <${IncidentFigures} of=${of} now=${known ? undefined : measured?.value} figures=${figures} words=${words} />`;
  }
}
