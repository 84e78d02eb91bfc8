// The tiles of the wall: a name, a number, a small line; filled, marked and named when something is wrong.
import { addressOf } from "./address.js";
import { Chart } from "./chart.js";
import { Inner } from "./inner.js";
import { byWorst, level, Mark, worst } from "./level.js";
import { ScopeLink } from "./scope_link.js";
import { limitOver, Meter, Spark } from "./spark.js";
import { html } from "./view.js";

const Tile = ({ of = {}, name, label, extra, children, kind = "", rank = 2 }) =>
  html`<section class=${`tile ${kind} ${level(of)}`} data-tile=${name}>
    ${label &&
    html`<header>
      <${`h${rank}`} class="label">${label}</${`h${rank}`}>
      ${extra}
    </header>`}
    ${children}
  </section>`;

const Big = ({ parts: [value, unit], size = "" }) =>
  html`<p class=${`big ${size}`}><span class="value">${value}</span>${unit && html`<span class="unit">${unit}</span>`}</p>`;

// What is under a tile: the incident that colours it, else what has most of it, else the busiest account.
const Explained = ({ of, busiest, go, children }) => {
  if (of.incident && go) return html`<${Inner} class="scope-link whole-tile" to=${addressOf("incident", of.incident)} go=${go}>${children}</${Inner}>`;
  const quiet = level(of) === "well";
  return html`<${ScopeLink} to=${quiet ? busiest : of.scope ?? busiest} wide=${true} go=${go}>${children}</${ScopeLink}>`;
};

export const NumberTile = ({ of, busiest, figures, words, go }) => {
  const wrong = level(of) !== "well";
  const change = figures.change(of.hour, of.hour_week_before);
  const usually = of.expected === null ? null : words.usually(figures.value(of.expected, of.unit));
  const onLastWeek = change && words.onLastWeek(change);
  const quiet = of.unit === "1/s" ? onLastWeek : usually ?? (of.unit === "share" ? onLastWeek : null);
  return html`<${Tile} of=${of} name=${of.id} label=${html`<${Explained} ...${{ of, busiest, go }}>${words.number[of.id]}</${Explained}>`}>
    <div class="figure"><${Big} parts=${figures.parts(of.value, of.unit)} /><${Spark} now=${of.trend} before=${of.trend_week_before} /></div>
    <p class="note"><${Mark} of=${of} words=${words} />${wrong ? usually && html`<span>${usually}</span>` : quiet ?? "\u00a0"}</p>
  </${Tile}>`;
};

const Time = ({ parts: [value, unit] }) => html`<span class="value">${value}</span><span class=${`unit ${unit}`}>${unit}</span>`;

export const LayersTile = ({ layers, busiest, figures, words, go }) =>
  html`<${Tile} name="layers" kind="layers" label=${words.layers} extra=${html`<span class="aside">${words.layersUnit}</span>`}>
    <dl>
      ${layers.map(
        (of) => html`<div class=${`layer ${level(of)}`} key=${of.id}>
          <dt><${Explained} ...${{ of, busiest, go }}>${words.layer[of.id]}</${Explained}></dt>
          <dd>
            <${Time} parts=${figures.parts(of.p95, "ms")} />
            <${Mark} of=${of} words=${words} />
            <span class="rest">p50 ${figures.value(of.p50, "ms")} · p99 ${figures.value(of.p99, "ms")}</span>
          </dd>
        </div>`,
      )}
    </dl>
  </${Tile}>`;

export const TableTile = ({ of, figures, words, label, go }) => {
  const unit = figures.measure(of.measure)[1].trim();
  const left = figures.limitIn(of);
  const limit = limitOver(of.trend, of.limit);
  const parts = of.share === null ? [figures.number(of.used), unit] : figures.parts(of.share, "share");
  return html`<${Tile} of=${of} name=${`table-${of.label}`} label=${label} extra=${html`<span class="aside">${of.account}</span>`}>
    <p class="name"><span title=${of.label}><${ScopeLink} to=${of.scope} go=${go}>${of.label}</${ScopeLink}></span>${left && html`<span class="left">${left}</span>`}</p>
    <div class="figure"><${Big} parts=${parts} size="middle" /><${Spark} now=${of.trend} limit=${limit} /></div>
    <${Meter} share=${of.share} />
    <p class="note">
      <${Mark} of=${of} words=${words} />
      <span>${limit !== null && html`<i class="k-limit"></i>`}${of.limit === null ? words.noLimit : words.of(figures.number(of.used), figures.number(of.limit), unit)}</span>
    </p>
  </${Tile}>`;
};

export const ConcurrencyTile = ({ of, figures, words, go }) => {
  const limit = limitOver(of.trend, of.limit);
  const left = figures.limitIn(of);
  return html`<${Tile} of=${of} name=${`concurrency-${of.account}`} label=${words.concurrency} extra=${html`<span class="aside"><${ScopeLink} to=${of.scope} go=${go}>${of.account}</${ScopeLink}></span>`}>
    <p class="name"><span>${of.holders[0] ? html`<${ScopeLink} to=${of.holders[0].scope} go=${go}>${of.holders[0].label}</${ScopeLink}>` : "\u00a0"}</span>${of.holders[0] && html`<span class="left">${figures.percent(of.holders[0].share)}</span>`}</p>
    <div class="figure">
      <${Big} parts=${of.share === null ? figures.parts(of.used) : figures.parts(of.share, "share")} size="middle" /><${Spark} now=${of.trend} limit=${limit} />
    </div>
    <${Meter} share=${of.share} />
    <p class="note">
      <${Mark} of=${of} words=${words} />
      <span>${limit !== null && html`<i class="k-limit"></i>`}${of.limit === null ? words.noLimit : words.concurrencyOf(figures.number(of.used), figures.number(of.limit))}</span>
      ${left && html`<span class="left">${left}</span>`}
    </p>
  </${Tile}>`;
};

export const QuotasTile = ({ quotas, figures, words, go, most = 4 }) => {
  const sorted = byWorst(quotas);
  return html`<${Tile} name="quotas" kind="quotas" label=${words.quotas}>
    <ul class="rows">
      ${sorted.slice(0, most).map(
        (of) => html`<li class=${level(of)} key=${`${of.account} ${of.label}`}>
          <span class="what" title=${of.label}><${ScopeLink} to=${of.scope} go=${go}>${of.label}</${ScopeLink}> <small>${of.account}</small></span><${Mark} of=${of} words=${words} />
          <span class="number">${figures.percent(of.share)}</span>
        </li>`,
      )}
    </ul>
    ${sorted.length > most && html`<p class="note">${words.more(sorted.length - most)}</p>`}
  </${Tile}>`;
};

// Throttles and quotas in one tile, for a wall: the number is of what colours it.
export const LimitsTile = ({ throttles, quotas, figures, words }) => {
  const [first] = byWorst(quotas);
  const bad = first !== undefined && level(first) !== "well";
  if (bad && level(throttles ?? {}) !== worst([throttles ?? {}, first]))
    return html`<${Tile} of=${first} name="limits" label=${words.quotas} extra=${html`<span class="aside">${first.account}</span>`}>
      <div class="figure"><${Big} parts=${figures.parts(first.share, "share")} size="middle" /></div>
      <p class="note"><${Mark} of=${first} words=${words} /><span>${first.label}</span></p>
    </${Tile}>`;
  const tenth = first?.share == null ? null : Math.min(1, Math.floor(first.share * 10 + 1) / 10);
  const held = bad ? figures.percent(first.share) : first === undefined ? words.noQuotas : words.quotasBelow(figures.percent(tenth));
  return html`<${Tile} of=${throttles} name="limits" label=${words.number.throttles}>
    <div class="figure">
      <${Big} parts=${figures.parts(throttles?.value ?? null, "1")} size="middle" /><${Spark} now=${throttles?.trend ?? []} />
    </div>
    <p class="note">
      <${Mark} of=${throttles ?? {}} words=${words} /><span>${bad ? first.label : words.quotas}</span><span class="left">${held}</span>
    </p>
  </${Tile}>`;
};

const newest = (values) => values.reduce((found, value) => value ?? found, null);

export const CallsTile = ({ calls, figures, words, look, tv }) => {
  if (calls === null) return null;
  const label = `${words.callsTitle}: ${words.chart.now(figures.value(newest(calls.observed), "1/s"), figures.value(newest(calls.week_before), "1/s"))}`;
  return html`<${Tile} name="calls" kind="charted">
    <${Chart} kind="calls" title=${words.callsTitle} label=${label} start=${calls.start} step=${calls.step} now=${calls.observed}
      before=${calls.week_before} lower=${calls.lower} upper=${calls.upper} ...${{ figures, words, look, tv }} />
  </${Tile}>`;
};

export const MonthTile = ({ month, figures, words, look, tv }) => {
  if (month === null) return null;
  const then = month.before[month.observed.length - 1] ?? null;
  const label = `${words.monthTitle}: ${words.chart.month(figures.value(newest(month.observed), "1/s"), figures.value(then, "1/s"))}`;
  return html`<${Tile} name="month" kind="charted">
    <${Chart} kind="month" title=${words.monthTitle} label=${label} start=${month.start} step=${month.step} now=${month.observed}
      before=${month.before} ...${{ figures, words, look, tv }} />
  </${Tile}>`;
};

const Ranking = ({ title, places, figures, most, words, go }) => {
  const top = Math.max(...places.map((place) => place.value), 0);
  return html`<div class="ranking">
    <h3 class="aside">${title}</h3>
    ${places.length === 0
      ? html`<p class="note">${words.none}</p>`
      : html`<ol class="rows">
          ${places.slice(0, most).map(
            (place) => html`<li key=${`${place.scope.kind} ${place.label}`}>
              <span class="what" title=${place.label}><${ScopeLink} to=${place.scope} go=${go}>${place.label}</${ScopeLink}></span><span class="number">${figures.value(place.value, place.unit, top)}</span>
              <${Meter} share=${top ? place.value / top : null} />
            </li>`,
          )}
        </ol>`}
  </div>`;
};

export const RankingTile = ({ which, rankings, figures, words, go, most = 5 }) =>
  html`<${Tile} name=${which} kind="rankings" label=${words[which]}>
    <div class="pair">
      <${Ranking} title=${words.hours4} places=${rankings[`${which}_4h`]} ...${{ figures, words, go, most }} />
      <${Ranking} title=${words.week} places=${rankings[`${which}_week`]} ...${{ figures, words, go, most }} />
    </div>
  </${Tile}>`;

const WHOLE = 0.98; // of a time: of less, the part that is known is said

export const ValueTile = ({ of, figures, words }) => {
  const day = figures.change(of.day, of.day_before);
  const month = figures.change(of.month, of.month_before);
  const part = (known) => (known < WHOLE ? words.knownPart(figures.percent(known)) : null);
  return html`<${Tile} name=${`value-${of.key}`} kind="valued" label=${of.key === "cost" ? words.cost : of.key} extra=${html`<span class="aside">${words.day}</span>`}>
    <div class="figure"><${Big} parts=${figures.parts(of.day)} size="middle" /><${Spark} now=${of.trend} /></div>
    <p class="note">${part(of.day_known) ?? (day ? words.onDayBefore(day) : "\u00a0")}</p>
    <p class="note">${words.month} <b>${figures.number(of.month)}</b> <span>${part(of.month_known) ?? (month && words.onMonthBefore(month))}</span></p>
  </${Tile}>`;
};
