// What is open: in one line for the wall, and in full for the list.
import { Shape } from "./level.js";
import { Component, html } from "./view.js";

const versioned = (one) => (one.version ? `${one.name} ${one.version}` : one.name);
export const about = (scope) => (scope.from === undefined ? versioned(scope) : `${scope.from} → ${scope.to}`);
const kind = (scope, words) => words.kind[scope.kind] ?? scope.kind;

// How severe a page is decides its colour; growth is never more than a hint.
export const weight = (incident) =>
  ["growth", "shift"].includes(incident.verdict) || incident.severity?.level === "low" ? { verdict: "growth" } : { verdict: "spike" };

export const size = (incident, figures, words) => {
  const { failures, measure, observed, expected, verdict, error_type: type } = incident;
  if (verdict === "fatal" && type) return type;
  if (failures) return words.failed(figures.number(failures.failed), figures.number(failures.requests), figures.duration(failures.seconds));
  const [name, unit] = figures.measure(measure);
  const named = unit.toLowerCase().includes(name.toLowerCase()) ? "" : `${name} `; // 41 wcu/s says it all
  const usually = expected === null || expected === undefined ? "" : ` (${words.usually(figures.number(expected))})`;
  return `${named}${figures.quantity(observed, measure)}${usually}`;
};

const carriers = (incident) => [incident.callers?.[0], incident.suspects?.[0]].filter(Boolean);

const Verdict = ({ of, words }) => html`<span class="mark"><${Shape} of=${of.verdict} />${words.verdict[of.verdict] ?? of.verdict}</span>`;

// The rows of a wall: what, since when, who; the newest first.
export const OpenRows = ({ incidents, most, figures, words, now }) => {
  const sorted = [...incidents].sort((a, b) => b.start - a.start);
  const { verdict } = weight(sorted[0]);
  return html`<section class=${`tile open ${verdict === "spike" ? "critical" : "warning"}`} data-tile="open">
    <h2 class="label">${words.open(incidents.length)}</h2>
    <ul>
      ${sorted.slice(0, most).map(
        (one) => html`<li key=${one.id}>
          <${Verdict} of=${one} words=${words} />
          <b>${kind(one.scope, words)} ${about(one.scope)}</b>
          <span class="how">${size(one, figures, words)}</span>
          ${carriers(one).map((by) => html`<span class="by" key=${by.kind}><span>${versioned(by)}</span> ${figures.percent(by.share)}</span>`)}
          <span class="when">${words.for(figures.duration(now - one.start))}</span>
          ${one.acknowledged && html`<span>${words.acknowledged(one.acknowledged.by)}</span>`}
        </li>`,
      )}
    </ul>
    ${sorted.length > most && html`<p class="more">${words.more(sorted.length - most)}</p>`}
  </section>`;
};

export const QuietRow = ({ last, figures, words, now }) =>
  html`<section class="tile quiet" data-tile="open">
    <p>
      <b>${words.openNone}</b>
      ${last
        ? html`<span class="last">
            ${words.last} <${Verdict} of=${last} words=${words} /> ${kind(last.scope, words)} ${about(last.scope)},
            ${" "}${words.ago(figures.duration(now - (last.end ?? last.start)))}
            ${last.memos?.length > 0 && html` · ${words.memos}: ${last.memos.at(-1).text}`}
          </span>`
        : html`<span class="last">${words.lastNone}</span>`}
    </p>
  </section>`;

const safe = (url) => {
  try {
    return ["https:", "http:"].includes(new URL(url).protocol) ? url : null;
  } catch {
    return null;
  }
};

const Shares = ({ title, of, figures }) =>
  of?.length > 0 &&
  html`<div>
    <dt>${title}</dt>
    <dd>
      <ul class="rows">
        ${of.map(
          (one) => html`<li key=${`${one.kind} ${versioned(one)}`}><span class="what">${versioned(one)}</span><span class="number">${figures.percent(one.share)}</span></li>`,
        )}
      </ul>
    </dd>
  </div>`;

const Links = ({ of }) => {
  const links = Object.entries(Object.assign({}, ...(of.examples ?? []).map((one) => one.links ?? {}))).filter(([, url]) => safe(url));
  return links.length === 0 ? null : html`<p class="links">${links.map(([name, url]) => html`<a href=${url} rel="noreferrer" key=${name}>${name}</a>`)}</p>`;
};

const Card = ({ of, figures, words, now }) =>
  html`<article class="card tile" aria-labelledby=${`i-${of.id}`}>
    <header>
      <p class=${`badge ${weight(of).verdict === "spike" ? "critical" : "warning"}`}><${Verdict} of=${of} words=${words} /></p>
      <h2 id=${`i-${of.id}`}><span class="kind">${kind(of.scope, words)}</span> ${about(of.scope)}</h2>
      <p class="aside">
        ${words.state_[of.state] ?? of.state} · ${words.since(figures.moment(of.start, now))} · ${words.for(figures.duration((of.end ?? now) - of.start))}
      </p>
    </header>
    <p class="size">${size(of, figures, words)}</p>
    <p class="sentence" lang="en">${of.sentence}</p>
    <${Links} of=${of} />
    <dl class="shares">
      <${Shares} title=${words.callers} of=${of.callers} figures=${figures} />
      <${Shares} title=${words.clients} of=${of.suspects} figures=${figures} />
      ${of.members?.length > 0 &&
      html`<div>
        <dt>${words.alsoAffected}</dt>
        <dd>
          <ul class="rows">
            ${of.members.map(
              (one) => html`<li key=${one.id}>
                <span class="what">${kind(one.scope, words)} ${about(one.scope)}</span><span class="aside">${figures.measure(one.measure)[0]}</span>
              </li>`,
            )}
          </ul>
        </dd>
      </div>`}
      ${of.memos?.length > 0 &&
      html`<div>
        <dt>${words.memos}</dt>
        <dd><ul class="rows">${of.memos.map((memo, place) => html`<li key=${place}><span class="what">${memo.text}</span><span class="aside">${memo.by}</span></li>`)}</ul></dd>
      </div>`}
    </dl>
  </article>`;

const fits = (incident, wanted, words) => {
  const scopes = [incident.scope, ...(incident.members ?? []).map((one) => one.scope)];
  const said = [
    incident.verdict,
    words.verdict[incident.verdict],
    incident.sentence,
    ...scopes.flatMap((scope) => [scope.kind, words.kind[scope.kind], about(scope), scope.account]),
    ...[...(incident.callers ?? []), ...(incident.suspects ?? [])].map(versioned),
  ];
  return wanted.every((word) => said.some((each) => each?.toLowerCase().includes(word)));
};

export class IncidentsPage extends Component {
  constructor(props) {
    super(props);
    this.state = { wanted: "" };
  }

  render({ wall, figures, words, now }, { wanted }) {
    const all = [...wall.incidents].sort((a, b) => b.start - a.start);
    const found = all.filter((one) => fits(one, wanted.toLowerCase().split(/\s+/).filter(Boolean), words));
    return html`<div class="list">
      <div class="finder">
        <h1>${words.incidents}</h1>
        ${all.length > 1 &&
        html`<label>
          ${words.find} <input type="search" placeholder=${words.findHint} value=${wanted} onInput=${(event) => this.setState({ wanted: event.target.value })} />
        </label>`}
        ${wanted && html`<p role="status">${words.found(found.length, all.length)}</p>`}
      </div>
      ${all.length === 0 && html`<${QuietRow} last=${wall.last} ...${{ figures, words, now }} />`}
      ${all.length > 0 && found.length === 0 && html`<p class="note">${words.notFound}</p>`}
      <div class="cards">${found.map((one) => html`<${Card} of=${one} key=${one.id} ...${{ figures, words, now }} />`)}</div>
    </div>`;
  }
}
