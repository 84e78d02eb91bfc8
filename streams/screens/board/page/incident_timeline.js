// Incidents over time: a row for each scope, a bar for each incident, with memos and changes above.
import { addressOf } from "./address.js";
import { about, weight } from "./incidents.js";
import { given } from "./given.js";
import { Inner } from "./inner.js";
import { Component, html } from "./view.js";

const LANES = 14; // scopes with a row of their own
const ROWS = 3; // of bars that overlap, in one lane
const DAY = 86_400;

// Returns the times at which the axis has a mark: midnights, or every third hour of one day, of the configured zone.
const ticksOf = (since, at, figures) => {
  const short = at - since <= 2 * DAY;
  const fits = (time) => (short ? /^(00|03|06|09|12|15|18|21):00$/ : /^00:00$/).test(figures.time(time));
  let first = Math.ceil(since / 1800) * 1800;
  while (first < at && !fits(first)) first += 1800;
  const step = short ? 3 * 3600 : at - since > 14 * DAY ? 7 * DAY : DAY;
  const ticks = [];
  for (let tick = first; tick < at; tick += step) ticks.push(tick);
  return ticks;
};

// Puts incidents of one scope into as few rows as do not overlap.
const inRows = (incidents, place) => {
  const free = [];
  return [...incidents]
    .sort((a, b) => a.start - b.start)
    .map((of) => {
      const [left, right] = place(of);
      let row = free.findIndex((until) => until <= left);
      if (row < 0) row = Math.min(free.length, ROWS - 1);
      free[row] = right + 0.4;
      return { of, left, right, row };
    });
};

const lanesOf = (incidents, words, others) => {
  const lanes = new Map();
  for (const one of incidents) {
    const key = JSON.stringify([one.scope.kind, about(one.scope), one.scope.account]);
    if (!lanes.has(key)) lanes.set(key, { key, scope: one.scope, of: [] });
    lanes.get(key).of.push(one);
  }
  const rank = (lane) => lane.of.reduce((sum, one) => sum + (one.sent === "page" ? 4 : one.sent === "digest" ? 1 : 0), 0);
  const sorted = [...lanes.values()].sort((a, b) => rank(b) - rank(a));
  const [own, rest] = sorted.length === LANES + 1 ? [sorted, []] : [sorted.slice(0, LANES), sorted.slice(LANES)];
  own.sort((a, b) => `${a.scope.account}`.localeCompare(`${b.scope.account}`) || Math.min(...a.of.map((one) => one.start)) - Math.min(...b.of.map((one) => one.start)));
  if (rest.length > 0) own.push({ key: "", name: others(rest.length), of: rest.flatMap((lane) => lane.of) });
  return own;
};

export class Timeline extends Component {
  constructor(props) {
    super(props);
    this.state = { current: null, told: null };
  }

  move(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by || !event.target.matches("a.bar")) return;
    event.preventDefault();
    const bars = [...event.currentTarget.querySelectorAll("a.bar")];
    const next = bars[(bars.indexOf(event.target) + by + bars.length) % bars.length];
    this.setState({ current: next.dataset.incident });
    next.focus();
  }

  render({ incidents, memos, changes, since, at, figures, words, go, accounts }, { current, told }) {
    const { incident: says } = words;
    const share = (time) => Math.min(100, Math.max(0, (100 * (time - since)) / (at - since)));
    const place = (of) => {
      const left = Math.min(share(of.start), 99.4); // the youngest is seen, too
      return [left, Math.max(share(of.end ?? at), left + 0.6)];
    };
    const lanes = lanesOf(incidents, words, says.others);
    const short = at - since <= 2 * DAY;
    const ids = lanes.flatMap((lane) => lane.of.map((one) => one.id));
    const first = ids.includes(current) ? current : ids[0];
    const marks = [
      ...memos.map((memo) => ({ at: memo.at, kind: "memo", text: `${figures.moment(memo.at, at)} · ${memo.name ?? memo.by}: ${memo.text}` })),
      ...changes.map((one) => ({ at: one.ts, kind: "change", text: [figures.moment(one.ts, at), one.what, one.version, about(one.of), one.by].filter(Boolean).join(" · ") })),
    ];
    return html`<section class="tile timeline" aria-labelledby="timeline">
      <h2 id="timeline" class="label">${says.timeline}</h2>
      <p class="hidden">${says.timelineHelp}</p>
      <div class="lanes" role="group" aria-labelledby="timeline" onKeyDown=${(event) => this.move(event)}>
        <div class="lane axis" aria-hidden="true">
          <span class="lane-name"></span>
          <span class="track">${ticksOf(since, at, figures).map((tick) => html`<i class="tick" style=${{ left: `${share(tick)}%` }} key=${tick}><small>${short ? figures.time(tick) : figures.day.format(tick * 1000)}</small></i>`)}</span>
        </div>
        ${marks.length > 0 &&
        html`<div class="lane">
          <span class="lane-name">${(given ? words.report : says).marks}</span>
          <span class="track">
            ${marks.map(
              (mark, number) => html`<button type="button" key=${number} class=${`point ${mark.kind}`} style=${{ left: `${share(mark.at)}%` }} aria-label=${mark.text} title=${mark.text} onClick=${() => this.setState({ told: mark.text })}></button>`,
            )}
          </span>
        </div>`}
        ${lanes.map((lane) => {
          const bars = inRows(lane.of, place);
          const rows = Math.max(1, ...bars.map((bar) => bar.row + 1));
          const name = lane.name ?? about(lane.scope);
          return html`<div class="lane" key=${lane.key}>
            <span class="lane-name">${lane.scope && html`<small>${words.kind[lane.scope.kind] ?? lane.scope.kind}${accounts.size > 1 && ` · ${accounts.get(lane.scope.account) ?? lane.scope.account}`}</small>`}<bdi>${name}</bdi></span>
            <span class="track" style=${{ height: `${rows * 1.75}rem` }}>
              ${bars.map(({ of, left, right, row }) => {
                const lasted = of.end == null ? says.stillOpen : says.lasted(figures.duration(of.end - of.start));
                const said = says.bar(words.verdict[of.verdict] ?? of.verdict, about(of.scope), figures.moment(of.start, at), lasted);
                return html`<${Inner}
                  to=${addressOf("incident", of.id)}
                  go=${go}
                  key=${of.id}
                  class=${`bar ${weight(of)}${of.end == null ? " open" : ""}`}
                  style=${{ left: `${left}%`, width: `${right - left}%`, top: `${row * 1.75}rem` }}
                  aria-label=${said}
                  title=${said}
                  data-incident=${of.id}
                  tabindex=${of.id === first ? 0 : -1}
                ></${Inner}>`;
              })}
            </span>
          </div>`;
        })}
      </div>
      ${lanes.length === 0 && html`<p class="note">${says.noneInRange}</p>`}
      <p class="note told" role="status">${told && html`<bdi>${told}</bdi>`}</p>
    </section>`;
  }
}
