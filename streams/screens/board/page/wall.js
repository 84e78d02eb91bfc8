// The wall: on a desk, all of it, to scroll; on a screen on the wall, one page that fits, then the next.
import { calls, OpenRows, QuietRow } from "./incidents.js";
import { byWorst } from "./level.js";
import { TvMap } from "./map_tv.js";
import {
  CallsTile,
  ConcurrencyTile,
  LayersTile,
  LimitsTile,
  MonthTile,
  NumberTile,
  QuotasTile,
  RankingTile,
  TableTile,
  ValueTile,
} from "./tiles.js";
import { hasSession } from "./session.js";
import { html } from "./view.js";

export const TV_PAGES = ["overview", "calls", "month", "rankings", "map"];

const MOST = 12; // tiles of one kind on a desk

// Those that are worst, where they were: tiles must not change places.
const mostOf = (things) => {
  const chosen = new Set(byWorst(things).slice(0, MOST));
  return things.filter((thing) => chosen.has(thing));
};

const FIELDS = { route: "route", function: "function", table: "tables", client: "client.name" };

const soFar = (seen, { soFar: says, map }) => {
  const kinds = Object.keys(FIELDS).filter((kind) => kind in seen);
  const [there, missing] = [true, false].map((is) => kinds.filter((kind) => seen[kind] > 0 === is));
  return there.length > 0 ? says(there.map((kind) => map.count(kind, seen[kind])), missing.map((kind) => FIELDS[kind])) : "";
};

const Learning = ({ wall, figures, words }) =>
  wall.learning &&
  html`<section class="tile learning" data-tile="learning">
    <p><b>${words.state.learning}.</b> ${words.learning(Math.min(Math.floor(wall.learning.days) + 1, wall.learning.of), wall.learning.of)} ${words.learningMore} ${soFar(wall.learning.seen, words)}</p>
  </section>`;

const TOKEN = ' \\\n -H "Authorization: Bearer $UNERI_INTAKE_TOKEN"';

const curlTo = (path) => `curl ${new URL(path, location.href)}${hasSession() ? TOKEN : ""} -d '{"ts": '"$(date +%s)"',
 "service": "shop", "route": "GET /items/{id}", "function": "get-item", "status": 200,
 "client": {"name": "ios", "version": "3.2.1"}, "ms": {"total": 41.2, "function": 33.0},
 "tables": [{"name": "items", "op": "GetItem", "rcu": 0.5, "ms": 7.5}]}'`;

const First = ({ learning, words }) =>
  html`<div class="first">
    ${learning.post && html`<p>${words.post}</p><pre tabindex="0">${curlTo(learning.post)}</pre>`}
    ${learning.topic && html`<p>${words.topic(learning.topic)}</p>`}
  </div>`;

const Open = ({ wall, most, figures, words, now, go }) => {
  const open = wall.incidents.filter(calls);
  return open.length > 0
    ? html`<${OpenRows} incidents=${open} accounts=${wall.accounts} ...${{ most, figures, words, now, go }} />`
    : html`<${QuietRow} incidents=${wall.incidents} last=${wall.last} ...${{ figures, words, now, go }} />`;
};

// Incidents outlive a restart, and the values of what was learnt follow the first step.
const Empty = ({ wall, ...common }) =>
  html`${wall.incidents.some(calls) && html`<${Open} wall=${wall} most=${5} ...${common} />`}<section class="tile empty"><p>${common.words.nothing}</p>${wall.learning && html`<${First} learning=${wall.learning} ...${common} />`}</section>`;

export const DeskWall = ({ wall, figures, words, look, now, actions }) => {
  const busiest = wall.numbers.find((of) => of.id === "requests")?.scope ?? null;
  const common = { figures, words, look, busiest, go: actions.go };
  if (wall.at === null) return html`<${Empty} wall=${wall} now=${now} ...${common} />`;
  const more = [wall.tables, wall.concurrency].reduce((sum, things) => sum + Math.max(0, things.length - MOST), 0);
  return html`<div class="desk">
    <h1 class="hidden">${words.wall}</h1>
    <${Learning} wall=${wall} ...${common} />
    <${Open} wall=${wall} most=${5} now=${now} ...${common} />
    <div class="numbers">${wall.numbers.map((of) => html`<${NumberTile} of=${of} key=${of.id} ...${common} />`)}</div>
    <div class="wide"><${CallsTile} calls=${wall.calls} ...${common} /><${LayersTile} layers=${wall.layers} ...${common} /></div>
    <div class="limits">
      ${mostOf(wall.tables).map((of) => html`<${TableTile} of=${of} label=${words.hottest} key=${`${of.account} ${of.label}`} ...${common} />`)}
      ${mostOf(wall.concurrency).map((of) => html`<${ConcurrencyTile} of=${of} key=${of.account} ...${common} />`)}
      ${wall.quotas.length > 0 && html`<${QuotasTile} quotas=${wall.quotas} ...${common} />`}
    </div>
    ${more > 0 && html`<p class="note">${words.more(more)}</p>`}
    <div class="wide">
      <${MonthTile} month=${wall.month} ...${common} />
      ${wall.values.length > 0 && html`<div class="values">${wall.values.map((of) => html`<${ValueTile} of=${of} key=${of.key} ...${common} />`)}</div>`}
    </div>
    <div class="halves">
      <${RankingTile} which="used" rankings=${wall.rankings} ...${common} /><${RankingTile} which="slowest" rankings=${wall.rankings} ...${common} />
    </div>
  </div>`;
};

const Overview = ({ wall, common, now }) => {
  const [throttles] = wall.numbers.filter((of) => of.id === "throttles");
  const [table] = byWorst(wall.tables);
  const [concurrency] = byWorst(wall.concurrency);
  return html`<div class="tv-page overview">
    <div class="numbers">
      ${wall.numbers.filter((of) => of !== throttles).map((of) => html`<${NumberTile} of=${of} key=${of.id} ...${common} />`)}
    </div>
    <${LayersTile} layers=${wall.layers} ...${common} />
    <div class="limits">
      ${table && html`<${TableTile} of=${table} label=${common.words.hottest} ...${common} />`}
      ${concurrency && html`<${ConcurrencyTile} of=${concurrency} ...${common} />`}
      <${LimitsTile} throttles=${throttles} quotas=${wall.quotas} ...${common} />
    </div>
    <${CallsTile} calls=${wall.calls} tv=${true} ...${common} />
    ${wall.learning && !wall.incidents.some(calls)
      ? html`<${Learning} wall=${wall} ...${common} />`
      : html`<${Open} wall=${wall} most=${2} now=${now} ...${common} />`}
  </div>`;
};

export const TvWall = ({ wall, page, figures, words, look, now, actions }) => {
  const common = { figures, words, look };
  if (wall.at === null) return html`<${Empty} wall=${wall} now=${now} ...${common} />`;
  const open = html`<${Open} wall=${wall} most=${1} now=${now} ...${common} />`;
  if (page === "calls") return html`<div class="tv-page one"><${CallsTile} calls=${wall.calls} tv=${true} ...${common} />${open}</div>`;
  if (page === "month")
    return html`<div class="tv-page month">
      <${MonthTile} month=${wall.month} tv=${true} ...${common} />
      <div class="values">${wall.values.slice(0, 3).map((of) => html`<${ValueTile} of=${of} key=${of.key} ...${common} />`)}</div>
      ${open}
    </div>`;
  if (page === "rankings")
    return html`<div class="tv-page ranked">
      <${RankingTile} which="used" rankings=${wall.rankings} most=${5} ...${common} /><${RankingTile} which="slowest" rankings=${wall.rankings} most=${5} ...${common} />
      ${open}
    </div>`;
  if (page === "map") return html`<div class="tv-page one"><${TvMap} wall=${wall} actions=${actions} ...${common} />${open}</div>`;
  return html`<${Overview} wall=${wall} common=${common} now=${now} />`;
};
