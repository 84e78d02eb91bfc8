// What happened to a scope: incidents, changes and memos of the range, and requests to look at.
import { addressOf } from "./address.js";
import { about, Examples, Link, Sentence } from "./incidents.js";
import { Inner } from "./inner.js";
import { Shape } from "./level.js";
import { html } from "./view.js";

// The marks of charts: an incident that names the measure, else in no colour that calls; changes and memos.
export const marksOf = ({ incidents, changes, memos, end }, measure) => [
  ...incidents.filter((one) => one.measures.includes(measure)).map((one) => ({ kind: weighs(one), from: one.start, to: one.end ?? end })),
  ...changes.map((one) => ({ kind: "change", from: one.ts })),
  ...memos.map((one) => ({ kind: "memo", from: one.at })),
];

export const weighs = (one) => (one.sent === "none" ? "quiet" : one.acknowledged || one.sent === "digest" || ["growth", "shift"].includes(one.verdict) ? "warning" : "critical");

export const IncidentRow = ({ of, figures, words, go, now }) => {
  const { scope } = words;
  const elsewhere = of.measures.length === 0;
  return html`<li class="event ${of.end === null ? weighs(of) : ""}">
    <span class="mark"><${Shape} of=${of.verdict} />${words.verdict[of.verdict] ?? of.verdict}</span>
    <span class="what">
      <${Inner} to=${addressOf("incident", of.id)} go=${go}>${elsewhere ? html`${words.kind[of.of.kind] ?? of.of.kind} <bdi>${about(of.of)}</bdi>` : of.measures.map((one) => figures.measure(one)[0]).join(", ")}</${Inner}>
      ${elsewhere && of.share !== null && html` · ${(of.falls ? scope.lacks : scope.causes)(figures.percent(of.share))}`}
      <small class="sentence"><${Sentence} of=${of} words=${words} /></small>
    </span>
    ${of.acknowledged && html`<span class="ack"><bdi>${words.acknowledged(of.acknowledged.by)}</bdi></span>`}
    <span class="aside">${words.state_[of.state] ?? of.state} · ${figures.moment(of.start, now)} · ${figures.duration((of.end ?? now) - of.start)}</span>
  </li>`;
};

const Change = ({ of, figures, words, now }) =>
  html`<li class="event">
    <span class="mark">${words.scope.change}</span>
    <span class="what"><${Link} to=${of.url}><bdi>${of.what} ${of.version}</bdi></${Link}></span>
    <span class="aside">${[of.by, figures.moment(of.ts, now)].filter(Boolean).join(" · ")}</span>
  </li>`;

const Memo = ({ of, figures, words, now }) =>
  html`<li class="event">
    <span class="mark">${words.scope.memo}</span>
    <span class="what">${of.text}</span>
    <span class="aside">${[of.name ?? of.by, figures.moment(of.at, now)].filter(Boolean).join(" · ")}</span>
  </li>`;

// What is open stands at the top of the page.
export const ScopeEvents = ({ of, ...common }) => {
  const { words } = common;
  const timed = [
    ...of.incidents.filter((one) => one.end !== null).map((one) => [one.start, html`<${IncidentRow} of=${one} key=${one.id} ...${common} />`]),
    ...of.changes.map((one) => [one.ts, html`<${Change} of=${one} key=${`${one.ts} ${one.what} ${one.version}`} ...${common} />`]),
    ...of.memos.map((one) => [one.at, html`<${Memo} of=${one} key=${one.id} ...${common} />`]),
  ].sort(([a], [b]) => b - a);
  return html`<section class="part-of tile" data-tile="events">
    <h2 class="label">${words.scope.events}</h2>
    ${timed.length === 0 ? html`<p class="note">${of.incidents.length > 0 ? words.scope.nothingElse : words.scope.nothing}</p>` : html`<ul class="rows">${timed.map(([, row]) => row)}</ul>`}
    <${Examples} of=${of.examples} ...${common} />
  </section>`;
};

export const Elsewhere = ({ of, words }) =>
  of.links.length > 0 &&
  html`<section class="part-of tile" data-tile="elsewhere">
    <h2 class="label">${words.scope.elsewhere}</h2>
    <ul class="chips">
      ${of.links.map(({ kind, url }) => {
        const suffix = kind.split("_").slice(1).join("_");
        return html`<li key=${kind}><${Link} to=${url}>${words.scope.links[suffix] ?? suffix}</${Link}></li>`;
      })}
    </ul>
  </section>`;
