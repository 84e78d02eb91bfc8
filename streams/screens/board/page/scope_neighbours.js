// Who calls a scope and whom it calls: how much, what part of the whole, and whether that is more calls or more a call.
import { addressOf, scopeAddress } from "./address.js";
import { Inner } from "./inner.js";
import { Meter } from "./spark.js";
import { html } from "./view.js";

const NEW = Infinity;

// How much more: a factor in words; what was not there before is new, and may not be there now either.
const changed = (now, before, figures, words) => (before === null ? null : before === 0 ? (now > 0 ? words.scope.fresh : words.scope.neither) : figures.change(now, before));

const each = (amount, calls) => (calls > 0 ? amount / calls : NEW);

// More calls, or more a call: only for an amount that calls have more or less of.
const why = ({ value, before, calls, calls_before }, counts, figures, words) => {
  const all = changed(value, before, figures, words);
  if (all === null) return words.scope.noWeek;
  if (before === 0) return all;
  if (counts || !calls || !calls_before) return words.scope.onWeek(all);
  const a = changed(calls, calls_before, figures, words);
  const b = changed(each(value, calls), each(before, calls_before), figures, words);
  return words.scope.split(all, a, b);
};

const Neighbour = ({ of, measure, most, compared, figures, words, go, range }) => {
  const amount = of.amounts[measure];
  return html`<li>
    <span class="what"><${Inner} to=${scopeAddress(of.scope, range)} go=${go}><bdi>${of.label}</bdi></${Inner}></span>
    <span class="number">${figures.quantity(amount.value, measure, most)}</span>
    <span class="part">${figures.percent(amount.share)}</span>
    <${Meter} share=${amount.share ?? 0} />
    <span class="note">${compared && why(amount, measure === "requests", figures, words)}</span>
  </li>`;
};

const Kind = ({ of, by, place, compared, figures, words, go, range }) => {
  const measure = of.measures.includes(by) ? by : of.measures[0];
  const { scope, page, ...more } = place;
  const most = Math.max(...of.neighbours.map((one) => one.amounts[measure].value));
  return html`<section class="tile neighbours" data-neighbours=${of.kind}>
    <header>
      <h3 class="label">${words.scope.kinds[of.kind] ?? of.kind}</h3>
      ${of.measures.length > 1 &&
      html`<p class="by">
        ${of.measures.map((one) => html`<${Inner} key=${one} to=${addressOf(page, scope, { ...more, by: one })} go=${go} current=${one === measure}>${figures.measure(one)[0]}</${Inner}>`)}
      </p>`}
    </header>
    <ol class="rows">
      ${[...of.neighbours]
        .sort((a, b) => b.amounts[measure].value - a.amounts[measure].value)
        .map((one) => html`<${Neighbour} of=${one} key=${JSON.stringify(one.scope)} ...${{ measure, most, compared, figures, words, go, range }} />`)}
    </ol>
    ${of.more > 0 && html`<p class="note">${words.more(of.more)}</p>`}
  </section>`;
};

const Part = ({ title, kinds, ...common }) =>
  kinds.length > 0 &&
  html`<section class="part-of" aria-label=${title}>
    <h2>${title}</h2>
    <div class="tiles">${kinds.map((of) => html`<${Kind} of=${of} key=${of.kind} by=${common.place.by} ...${common} />`)}</div>
  </section>`;

const HOLDS = { __proto__: null, account: "service", service: "function" }; // the parts of a kind are counted like its callers
const WEEK = 7 * 86400; // s: a longer range has a part of the week before in itself

// What a scope consists of, who calls it, whom it calls, and what it is a part of.
export const Neighbours = ({ of, ...common }) => {
  const { scope: says } = common.words;
  const [own, whole] = [HOLDS[of.scope.kind], Object.keys(HOLDS).find((kind) => HOLDS[kind] === of.scope.kind)];
  const parts = [
    [says.parts, of.callers.filter((one) => one.kind === own)],
    [says.callers, of.callers.filter((one) => one.kind !== own)],
    [says.callees, of.callees.filter((one) => one.kind !== whole)],
    [says.whole, of.callees.filter((one) => one.kind === whole)],
  ];
  return parts.map(([title, kinds]) => html`<${Part} key=${title} title=${title} kinds=${kinds} compared=${of.end - of.first <= WEEK} ...${common} />`);
};
