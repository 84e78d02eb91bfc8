// The page of one scope, in the order of the questions: is it well, what does it do, who makes it do so, since when,
// show me one, take me there.
import { addressOf, scopeAddress } from "./address.js";
import { AskingPage } from "./answers.js";
import { about } from "./incidents.js";
import { Inner } from "./inner.js";
import { level, Mark, Shape, worst } from "./level.js";
import { ScopeChart } from "./scope_chart.js";
import { Elsewhere, IncidentRow, marksOf, ScopeEvents, weighs } from "./scope_events.js";
import { Neighbours } from "./scope_neighbours.js";
import { html } from "./view.js";

const RANGES = ["4h", "1d", "1w", "5w", "13mo"];
const GIVEN = ["scope", "cloud", "account", "region", "version"];
const LOOKED = ["range", "from", "to"];

const SLOWEST = 600; // s
const SHORTEST = 600; // s, of a range

const openIn = (wall) => JSON.stringify((wall?.incidents ?? []).map((one) => [one.id, one.state, one.acknowledged?.at, one.memos?.length]));

const some = (place, names) => Object.fromEntries(names.filter((name) => place[name]).map((name) => [name, place[name]]));

const addressWith = (place, looked) => {
  const { scope, ...given } = some(place, GIVEN);
  return addressOf("scope", scope, { ...given, by: place.by, ...looked });
};

const Ranges = ({ of, place, go, figures, words }) => {
  const show = (event) => {
    event.preventDefault();
    const { from, to } = Object.fromEntries(new FormData(event.target));
    if (from) go(addressWith(place, { from, to }));
  };
  const current = of ? of.range : place.from ? "" : (place.range ?? "4h");
  return html`<div class="ranges">
    <nav aria-label=${words.scope.range}>
      ${RANGES.map((name) => html`<${Inner} key=${name} to=${addressWith(place, { range: name })} go=${go} current=${name === current}>${words.scope.ranges[name]}</${Inner}>`)}
    </nav>
    <form onSubmit=${show}>
      <label>${words.scope.from} <input type="datetime-local" name="from" required value=${of ? figures.local(of.first) : ""} /></label>
      <label>${words.scope.to} <input type="datetime-local" name="to" value=${of ? figures.local(of.end) : ""} /></label>
      <button type="submit">${words.scope.show}</button>
    </form>
  </div>`;
};

const Limit = ({ of, figures, words }) => {
  const [name, unit] = figures.measure(of.measure);
  const left = figures.limitIn(of);
  return html`<section class=${`tile ${level(of)}`} data-tile=${`limit-${of.measure}`}>
    <header><h3 class="label">${words.scope.limit(name)}</h3></header>
    <p class="big middle"><span class="value">${figures.parts(of.share, "share")[0]}</span><span class="unit">%</span></p>
    <p class="note"><${Mark} of=${of} words=${words} /><span>${words.of(figures.number(of.used), figures.number(of.limit), unit.trim())}</span>${left && html`<span>${left}</span>`}</p>
  </section>`;
};

export const State = ({ of, wall, words }) => {
  const open = of.incidents.filter((one) => one.end === null);
  const parts = [{ verdict: of.verdict }, ...of.limits, ...of.measures, ...open.map((one) => ({ verdict: one.verdict, verdict_of: about(one.of), calm: weighs(one) !== "critical" }))];
  const how = worst(parts);
  const shown = parts.find((one) => level(one) === how);
  const young = wall.learning !== null || (of.measures.length > 0 && of.measures.every((one) => one.curve.expected.every((each) => each === null)));
  return html`<p class=${`badge ${how}`} data-state=${how}>
    ${how === "well" ? html`<span class="mark"><${Shape} of=${young ? "growth" : "well"} />${young ? words.scope.young : words.scope.well}</span>` : html`<${Mark} of=${shown} words=${words} />`}
  </p>`;
};

export const Measure = ({ of, page, figures, words, look, go, place }) => {
  const like = Math.max(of.value, of.most);
  const [name, unit] = figures.measure(of.measure, like);
  const amount = (value) => figures.amount(value, of.measure, like);
  // of what is never seen, a millionth is expected
  const usually = of.expected === null ? null : words.usually(amount(of.expected < of.upper / 1000 ? 0 : of.expected));
  const onWeek = figures.change(of.mean, of.mean_before);
  const zoom = (from, to) => {
    const short = Math.max(0, SHORTEST - (to - from)) / 2;
    go(addressWith(place, { from: Math.floor(from - short), to: Math.ceil(to + short) }));
  };
  const reasons = Object.entries(of.reasons);
  const limit = page.limits?.find((one) => one.measure === of.measure);
  return html`<section class="tile measured" data-measure=${of.measure}>
    <header>
      <h3 class="label"><bdi>${name}</bdi></h3>
      ${level(of) !== "well" && html`<span class=${`badge ${level(of)}`}>${of.incident ? html`<${Inner} to=${addressOf("incident", of.incident)} go=${go}><${Mark} of=${of} words=${words} /></${Inner}>` : html`<${Mark} of=${of} words=${words} />`}</span>`}
    </header>
    <p class="note">
      <b class="now">${amount(of.value)}<span class="unit">${unit}</span></b>
      ${usually && html`<span>${usually}</span>`}
      ${of.p50 !== null && html`<span>p50 ${figures.number(of.p50)} · p99 ${figures.number(of.p99)} ${words.scope.ofCalls}</span>`}
      <span>${words.scope.mean(amount(of.mean))}${onWeek && ` (${words.scope.onWeek(onWeek)})`}</span>
      ${of.most > 0 && html`<span>${words.scope.most(amount(of.most), figures.moment(of.most_at, page.at))}</span>`}
    </p>
    <${ScopeChart} name=${name} measure=${of.measure} curve=${of.curve} start=${page.start} step=${page.step} points=${page.points}
      marks=${marksOf(page, of.measure)} ...${{ limit, figures, words, look, zoom }} />
    ${reasons.length > 0 && html`<ul class="reasons">${reasons.map(([reason, count]) => html`<li key=${reason}><bdi>${reason}</bdi> <b>${figures.number(count)}</b></li>`)}</ul>`}
  </section>`;
};

// Nothing happened in it over the whole range: no chart says more than its name.
const isFlat = (of) => of.most === 0 && level(of) === "well" && of.curve.verdicts.length === 0;

export const Measures = ({ of, ...common }) => {
  const charts = (measures) => html`<div class="tiles charts">${measures.map((one) => html`<${Measure} of=${one} page=${of} key=${one.measure} ...${common} />`)}</div>`;
  const flat = of.measures.filter(isFlat);
  const named = flat.map((one) => common.figures.measure(one.measure)[0]).join(", ");
  return html`${charts(of.measures.filter((one) => !isFlat(one)))}
    ${flat.length > 0 && html`<details class="flat"><summary>${common.words.scope.flat} <bdi>${named}</bdi></summary>${charts(flat)}</details>`}`;
};

// Several scopes have this name: the address does not say which one.
const Choice = ({ found, words, go, range }) =>
  html`<section class="tile" data-tile="choice">
    <h1>${words.scope.several}</h1>
    <ul class="rows">
      ${found.map((one) => html`<li key=${JSON.stringify(one.scope)}>
        <span class="what"><${Inner} to=${scopeAddress(one.scope, range)} go=${go}>${words.kind[one.scope.kind] ?? one.scope.kind} <bdi>${one.label}</bdi></${Inner}></span>
        <span class="aside"><bdi>${[one.account, one.scope.region].filter(Boolean).join(" · ")}</bdi></span>
      </li>`)}
    </ul>
  </section>`;

export class ScopePage extends AskingPage {
  path({ place }) {
    const query = new URLSearchParams(some(place, [...GIVEN, ...LOOKED]));
    return `/board/scope?${query}`;
  }

  // A long range changes slowly; what happens to its incidents is seen at once.
  isDue(before) {
    const { wall } = this.props;
    const { said } = this.state;
    if (openIn(before.wall) !== openIn(wall)) return true;
    const patience = said?.end < said?.at ? SLOWEST : Math.min(SLOWEST, (said?.step ?? 0) / 10);
    return super.isDue(before) && wall.at - (said?.at ?? 0) >= patience;
  }

  render({ wall, place, figures, words, look, actions, now }, { said, error }) {
    const go = actions.go;
    const range = some(place, LOOKED); // to be kept in links to other scopes
    const common = { figures, words, look, go, place, range, now };
    const [kind, ...name] = (place.scope ?? "").split(":");
    const of = said?.measures ? said : null;
    if (said?.scopes) return html`<${Choice} found=${said.scopes} ...${common} />`;
    const open = (of?.incidents ?? []).filter((one) => one.end === null);
    return html`<article class="scope">
      <header class="titled">
        <h1><span class="kind">${words.kind[of?.scope.kind ?? kind] ?? kind}</span> <bdi>${of?.label ?? name.join(":")}</bdi></h1>
        ${of && of.end >= of.at && html`<${State} of=${of} wall=${wall} words=${words} />`}
        <p class="aside"><bdi>${[of?.account, place.account !== of?.account && of?.scope.account, of?.scope.cloud, of?.scope.region].filter(Boolean).join(" · ")}</bdi></p>
      </header>
      ${error && html`<p class="tile empty" role="alert">${error}</p>`}
      <${Ranges} of=${of} ...${common} />
      ${!of && !error && html`<p class="loading">${words.loading}</p>`}
      ${of &&
      html`${open.length > 0 && html`<ul class="rows open-here tile">${open.map((one) => html`<${IncidentRow} of=${one} key=${one.id} ...${common} />`)}</ul>`}
        ${of.limits.length > 0 && html`<div class="tiles narrow">${of.limits.map((one) => html`<${Limit} of=${one} key=${one.measure} ...${common} />`)}</div>`}
        <section class="part-of">
          <div class="finder">
            <h2>${words.scope.measures}</h2>
            <ul class="key">
              <li><i class="k-now"></i>${words.scope.observed}</li>
              ${of.step < 86400 && html`<li><i class="k-before"></i>${words.lastWeek}</li>`}
              <li><i class="k-band"></i>${words.expected}</li>
              ${of.measures[0]?.curve.most.length > 0 && html`<li><i class="k-extremes"></i>${words.scope.extremes}</li>`}
            </ul>
          </div>
          ${of.since > of.first && html`<p class="note">${words.scope.noDataBefore(figures.date.format(of.since * 1000))}</p>`}
          ${of.measures.length === 0 && html`<p class="note">${words.scope.noMeasures}</p>`}
          <${Measures} of=${of} ...${common} />
        </section>
        <${Neighbours} of=${of} ...${common} />
        <${ScopeEvents} of=${of} ...${common} />
        <${Elsewhere} of=${of} words=${words} />`}
    </article>`;
  }
}
