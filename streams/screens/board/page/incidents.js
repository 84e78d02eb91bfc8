// What is open: in one line for the wall, and in full for the list.
import { addressOf } from "./address.js";
import { Inner } from "./inner.js";
import { falls, Shape } from "./level.js";
import { legible } from "./readable.js";
import { calling, ScopeLink } from "./scope_link.js";
import { html } from "./view.js";

export const versioned = (one) => legible(one.version ? `${one.name} ${one.version}` : one.name);
export const about = (scope) => (scope.from === undefined ? versioned(scope) : `${legible(scope.from)} → ${legible(scope.to)}`);
export const kind = (scope, words) => words.kind[scope.kind] ?? scope.kind;

// People are called for a page; what is in the digest, silenced or held is listed, and leaves the wall quiet.
export const calls = (incident) => (incident.sent ?? "page") === "page" && incident.end == null;

const grows = (incident) => ["growth", "limit"].includes(incident.verdict);

// Whether it needs a word why nobody was called; of what grows, nobody ever is.
export const needsReason = (incident) => incident.sent === "none" || (incident.sent === "digest" && !grows(incident));

// The colour of an incident: somebody who acknowledged it is at work, and growth is never more than a hint.
export const weight = (incident) => {
  if (incident.sent === "none") return "well";
  const calm = incident.acknowledged || incident.sent === "digest" || ["growth", "shift"].includes(incident.verdict);
  return calm || incident.severity?.level === "low" ? "warning" : "critical";
};

// The most severe first, then the newest; what somebody works on steps back.
const ORDER = ["critical", "warning", "well"];
const GRADES = ["low", "medium", "high", "critical"];
const rank = (one) => [-ORDER.indexOf(weight(one)), calls(one) ? 1 : 0, one.acknowledged ? 0 : 1, GRADES.indexOf(one.severity?.level), one.start];
export const byWeight = (incidents) =>
  [...incidents].sort((a, b) => {
    const [mine, other] = [rank(a), rank(b)];
    return mine.map((each, place) => other[place] - each).find((apart) => apart !== 0) ?? 0;
  });

export const grade = (of, words) => words.incident.severity[of.severity?.level] ?? "";

// Where it is, if there is more than one account that it may be in.
const Account = ({ of: { scope }, accounts = [] }) => {
  const id = scope.account ?? scope.to?.account;
  return accounts.length > 1 && id && html`<span class="account"><bdi>${accounts.find((one) => one.account === id)?.name ?? id}</bdi></span>`;
};

export const size = (incident, figures, words) => {
  const { failures, measure, verdict, error_type: type } = incident;
  const { observed, expected } = incident.added_up ?? incident;
  if (verdict === "fatal" && type) return type;
  if (failures) return words.failed(figures.number(failures.failed), figures.number(failures.requests), figures.duration(failures.seconds));
  const [name, unit] = figures.measure(measure, observed);
  const named = unit.toLowerCase().includes(name.toLowerCase()) ? "" : `${name} `; // 41 wcu/s says it all
  const usually = expected === null || expected === undefined ? "" : ` (${words.usually(figures.amount(expected, measure, observed))})`;
  return `${named}${figures.quantity(observed, measure)}${usually}`;
};

// The sentence that explains an incident, in English where the daemon has no other.
export const Sentence = ({ of, words }) => {
  const said = of.sentences?.[words.locale];
  return html`<span lang=${said ? undefined : "en"}>${said ?? of.sentence}</span>`;
};

const carriers = (incident) => [incident.callers?.[0], incident.suspects?.[0]].filter(Boolean);

export const Verdict = ({ of, words }) => html`<span class="mark"><${Shape} of=${of.verdict} />${words.verdict[of.verdict] ?? of.verdict}</span>`;

// The verdict, which leads to the whole of it; on a television the verdict alone.
const ToIncident = ({ of, go, words }) => {
  const shown = html`<${Verdict} of=${of} words=${words} />`;
  return go ? html`<${Inner} class="to" to=${addressOf("incident", of.id)} go=${go}>${shown}</${Inner}>` : shown;
};

// The rows of a wall: what, since when, who; those that nobody has acknowledged first.
export const OpenRows = ({ incidents, accounts, most, figures, words, now, go }) => {
  const sorted = byWeight(incidents);
  return html`<section class=${`tile open ${weight(sorted[0])}`} data-tile="open">
    <h2 class="label">${words.open(incidents.length)}</h2>
    <ul>
      ${sorted.slice(0, most).map(
        (one) => html`<li key=${one.id} class=${one.acknowledged ? "theirs" : ""}>
          <${ToIncident} of=${one} go=${go} words=${words} />
          <span class="grade">${grade(one, words)}</span>
          <b>${kind(one.scope, words)} <${ScopeLink} to=${one.scope} during=${one} go=${go}>${about(one.scope)}</${ScopeLink}></b>
          <${Account} of=${one} accounts=${accounts} />
          <span class="how">${size(one, figures, words)}</span>
          ${carriers(one).map((by) => html`<span class="by" key=${by.kind}><${ScopeLink} to=${calling(by, one.scope)} during=${one} go=${go}><bdi>${versioned(by)}</bdi></${ScopeLink}> ${figures.percent(by.share)}</span>`)}
          <span class="when">${words.for(figures.duration(now - one.start))}</span>
          ${one.acknowledged && html`<span class="ack">${words.acknowledged(one.acknowledged.by)}</span>`}
        </li>`,
      )}
    </ul>
    ${sorted.length > most && html`<p class="more">${words.more(sorted.length - most)}</p>`}
  </section>`;
};

export const QuietRow = ({ incidents = [], last, figures, words, now, go }) => {
  const digest = incidents.filter((one) => one.sent === "digest");
  const growing = digest.filter(grows).length;
  const held = incidents.filter((one) => one.sent === "none").length;
  return html`<section class="tile quiet" data-tile="open">
    <p>
      <b>${words.openNone}</b>
      ${growing > 0 && html`<span class="last">${words.inDigest(growing)}</span>`}
      ${digest.length > growing && html`<span class="last">${words.small(digest.length - growing)}</span>`}
      ${held > 0 && html`<span class="last">${words.held(held)}</span>`}
      ${last &&
      html`<span class="last">
            ${words.last} <${ToIncident} of=${last} go=${go} words=${words} /> ${kind(last.scope, words)} <bdi>${about(last.scope)}</bdi>,
            ${" "}${words.ago(figures.duration(now - (last.end ?? last.start)))}
            ${last.memos?.length > 0 && html` · ${words.memos}: <bdi>${last.memos[last.memos.length - 1].text}</bdi>`}
          </span>`}
    </p>
  </section>`;
};

export const safe = (url) => {
  try {
    return ["https:", "http:"].includes(new URL(url).protocol) ? url : null;
  } catch {
    return null;
  }
};

// A link only where it leads to the web: what an event says may be anything.
export const Link = ({ to, children }) => (safe(to) ? html`<a href=${to} rel="noreferrer">${children}</a>` : children);

export const Part = ({ title, children }) =>
  html`<div>
    <dt>${title}</dt>
    <dd><ul class="rows">${children}</ul></dd>
  </div>`;

// Usage, failures and slowness are not split into calls and what each takes.
const isSplit = ({ verdict, measure }) => !["fatal", "limit"].includes(verdict) && !/^(latency|errors|throttles|cold_starts)/.test(measure);

const Carriers = ({ title, of, by, split, go, figures, words }) =>
  by?.length > 0 &&
  html`<${Part} title=${title}>
    ${by.map((one) => {
      const { calls, each } = falls(of) ? words.incident.less : words.incident.more;
      const parts = split && isSplit(of) ? [one.more_calls > 0.005 && calls(figures.percent(one.more_calls)), one.more_per_call > 0.005 && each(figures.percent(one.more_per_call))].filter(Boolean) : [];
      return html`<li key=${`${one.kind} ${versioned(one)}`}>
        <span class="what"><${ScopeLink} to=${calling(one, of.scope)} during=${of} go=${go}><bdi>${versioned(one)}</bdi></${ScopeLink}></span><span class="number">${figures.percent(one.share)}</span>
        ${parts.length > 0 && html`<span class="aside split">${parts.join(" · ")}</span>`}
      </li>`;
    })}
  </${Part}>`;

// Who causes it, with `split` by more calls or more a call. Functions and routes each carry the whole of an excess: they
// are not to be added up.
export const Causes = ({ of, ...common }) => {
  const { words, figures } = common;
  const { requests, alike } = of.rests_on ?? {};
  const rested = (title) => (requests ? words.restsOn(title, figures.number(requests)) : title);
  const blamed = of.suspects?.length > 0 || alike; // how many requests say so stands there, and once
  const kinds = new Map();
  for (const one of of.callers ?? []) kinds.set(one.kind, [...(kinds.get(one.kind) ?? []), one]);
  const titled = (each, place) => (blamed || place ? (title) => title : rested)(words.callers(words.scope.kinds[each] ?? each));
  return html`${[...kinds].map(([each, callers], place) => html`<${Carriers} title=${titled(each, place)} of=${of} by=${callers} key=${each} ...${common} />`)}
    <${Carriers} title=${rested(words.clients)} of=${of} by=${of.suspects} ...${common} />
    ${alike && html`<${Part} title=${words.clients}><li><span class="what">${rested(words.alike[alike] ?? alike)}</span></li></${Part}>`}`;
};

export const Members = ({ of, figures, words, go }) =>
  of.members?.length > 0 &&
  html`<${Part} title=${words.alsoAffected}>
    ${of.members.map(
      (one) => html`<li key=${one.id}>
        <span class="what">${kind(one.scope, words)} <${ScopeLink} to=${one.scope} during=${of} go=${go}><bdi>${about(one.scope)}</bdi></${ScopeLink}></span><span class="aside">${figures.measure(one.measure)[0]}</span>
      </li>`,
    )}
  </${Part}>`;

// The findings by which what takes longer, or fails, is explained.
export const Explained = ({ of, figures, words }) =>
  of.causes?.length > 0 &&
  html`<${Part} title=${words.incident.causes}>
    ${of.causes.map((one, place) => html`<li key=${place}><span class="what">${kind(one, words)} <bdi>${about(one)}</bdi></span><span class="aside">${figures.measure(one.measure)[0]}</span><span class="number">${figures.percent(one.score)}</span></li>`)}
  </${Part}>`;

// What people did about it.
export const Handled = ({ of, words }) =>
  html`${of.acknowledged && html`<span class="ack"><bdi>${words.acknowledged(of.acknowledged.by)}</bdi></span>`}
    ${of.labelled && html`<span class="ack"><bdi>${words.incident.labelled[of.labelled.as](of.labelled.by)}</bdi></span>`}`;

// A memo, who wrote it and when; `children` follow.
export const Noted = ({ memo, figures, now, children }) =>
  html`<span>${memo.text}</span> <span class="aside"><bdi>${memo.name ?? memo.by}</bdi> · ${figures.moment(memo.at, now)}${children}</span>`;

export const Changes = ({ of, figures, words }) =>
  of?.length > 0 &&
  html`<${Part} title=${words.changed}>
    ${of.map(
      (one, place) => html`<li key=${place}>
        <span class="what"><${Link} to=${one.url}><bdi>${one.what} ${one.version}</bdi></${Link}> <bdi>${about(one.of)}</bdi></span>
        <span class="aside">${[one.by, figures.time(one.ts)].filter(Boolean).join(" · ")}</span>
      </li>`,
    )}
  </${Part}>`;

const clientOf = (request) => [request.client?.name, request.client?.version, request.client?.tenant].filter(Boolean).join(" ");

export const Examples = ({ of, figures, words }) =>
  of?.length > 0 &&
  html`<div class="examples">
    <h3 class="aside">${words.examples}</h3>
    <ul class="rows">
      ${of.map(
        (one, place) => html`<li key=${place}>
          <span class="what">
            <b>${words.why[one.why] ?? one.why}</b> ${figures.time(one.ts)} · ${one.route ?? one.function ?? one.service}
            ${one.status != null && ` · ${one.status}`}${one.error_type && ` · ${one.error_type}`}
            ${one.ms?.total != null && ` · ${figures.value(one.ms.total, "ms")}`}${clientOf(one) && ` · ${clientOf(one)}`}
          </span>
          ${Object.entries(one.links ?? {}).map(([name, url]) => safe(url) && html`<${Link} to=${url} key=${name}>${words.links[name] ?? name}</${Link}>`)}
          ${one.sample && html`<code>${one.sample}</code>`}
        </li>`,
      )}
    </ul>
  </div>`;

export const Card = ({ of, accounts, figures, words, now, go }) =>
  html`<article class="card tile" aria-labelledby=${`i-${of.id}`}>
    <header>
      <p class=${`badge ${weight(of)}`}><${Verdict} of=${of} words=${words} /></p>
      <h2 id=${`i-${of.id}`}><span class="kind">${kind(of.scope, words)}</span> <${ScopeLink} to=${of.scope} during=${of} go=${go}><bdi>${about(of.scope)}</bdi></${ScopeLink}></h2>
      <p class="aside">
        ${grade(of, words)} · ${of.sent !== undefined && `${words.sent[of.sent] ?? of.sent} · `}${words.state_[of.state] ?? of.state} · ${words.since(figures.moment(of.start, now))} · ${words.for(figures.duration((of.end ?? now) - of.start))} <${Account} of=${of} accounts=${accounts} />
      </p>
    </header>
    <p class="marks">
      <${Inner} to=${addressOf("incident", of.id)} go=${go} class="button" aria-label=${words.incident.wholeOf(about(of.scope))}>${words.incident.whole}</${Inner}>
      <${Handled} of=${of} words=${words} />
    </p>
    ${needsReason(of) && of.reason && html`<p class="aside">${of.reason}</p>`}
    <p class="size">${size(of, figures, words)}</p>
    <p class="sentence"><${Sentence} of=${of} words=${words} /></p>
    <dl class="shares">
      <${Causes} of=${of} ...${{ figures, words, go }} />
      <${Members} of=${of} ...${{ figures, words, go }} />
      <${Changes} of=${of.changes} ...${{ figures, words }} />
      ${of.memos?.length > 0 && html`<${Part} title=${words.memos}>${of.memos.map((memo) => html`<li class="memo" key=${memo.id}><${Noted} memo=${memo} ...${{ figures, now }} /></li>`)}</${Part}>`}
    </dl>
    <${Examples} of=${of.examples} ...${{ figures, words }} />
  </article>`;

export const fits = (incident, wanted, words) => {
  const scopes = [incident.scope, ...(incident.members ?? []).map((one) => one.scope)];
  const said = [
    incident.verdict,
    words.verdict[incident.verdict],
    incident.sentences?.[words.locale] ?? incident.sentence,
    ...(incident.services ?? []),
    ...scopes.flatMap((scope) => [scope.kind, words.kind[scope.kind], about(scope), scope.account]),
    ...[...(incident.callers ?? []), ...(incident.suspects ?? [])].map(versioned),
  ];
  return wanted.every((word) => said.some((each) => each?.toLowerCase().includes(word)));
};
