// One incident, whole and live: its figures, who causes it, what happened, what was learnt, and what can be done.
import { addressOf } from "./address.js";
import { AskingPage } from "./answers.js";
import { given } from "./given.js";
import { Acting, IncidentActs, MemoBox } from "./incident_acts.js";
import { IncidentCurve } from "./incident_curve.js";
import { IncidentFigures } from "./incident_figures.js";
import { about, Causes, Changes, Examples, Explained, grade, Handled, kind, Link, Members, needsReason, Noted, Part, safe, Sentence, size, Verdict, weight } from "./incidents.js";
import { Inner } from "./inner.js";
import { ScopeLink } from "./scope_link.js";
import { Message } from "./slack_message.js";
import { createRef, html } from "./view.js";

const Happened = ({ of, figures, words, now }) => {
  const { incident: says } = words;
  const detail = {
    __proto__: null,
    change: () => html`<${Link} to=${of.url}><bdi>${of.did} ${of.version}</bdi></${Link}> <bdi>${about(of.of)}</bdi>`,
    began: () => html`${kind(of.scope, words)} <bdi>${about(of.scope)}</bdi>, ${figures.measure(of.measure)[0]}`,
    joined: () => html`${kind(of.scope, words)} <bdi>${about(of.scope)}</bdi>, ${figures.measure(of.measure)[0]}`,
    alerted: () => words.sent[of.sent] ?? of.sent,
    memo: () => html`<q class="told">${of.text}</q>`,
  }[of.what];
  return html`<li>
    <time>${figures.moment(of.at, now)}</time>
    <p>
      <b>${says.happened[of.what] ?? of.what}</b> ${detail?.()} ${of.until ? says.until(figures.moment(of.until, now)) : ""}
      ${of.by && html` <span class="aside"><bdi>${says.by(of.by)}</bdi></span>`} ${of.why && html`<q>${of.why}</q>`}
    </p>
  </li>`;
};

class Export extends Acting {
  constructor(props) {
    super(props);
    this.text = createRef();
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.props.markdown);
    } catch {
      this.text.current.closest("details").open = true; // without TLS a page may copy what is selected only
      this.text.current.select();
      document.execCommand("copy");
    }
    this.setState({ said: this.props.words.incident.export.copied, wrong: null });
  }

  render({ id, markdown, exports, words }, { busy }) {
    const { export: says } = words.incident;
    const path = `incidents/${encodeURIComponent(id)}`;
    return html`<section class="tile export" aria-labelledby="export">
      <h2 id="export" class="label">${says.title}</h2>
      <p class="buttons">
        <button type="button" onClick=${() => this.copy()}>${says.copy}</button>
        ${!given && html`<a class="button" href=${`/board/${path}`} download=${`incident-${id}.json`}>${says.json}</a>`}
        ${this.acts && exports.map((to) => html`<button type="button" key=${to} disabled=${busy} onClick=${() => this.go("export", "POST", `${path}/export`, { to })}>${says.send(to)}</button>`)}
      </p>
      ${this.outcome()}
      <details>
        <summary>${says.text}</summary>
        <textarea ref=${this.text} readonly rows="12" aria-label=${says.text} value=${markdown}></textarea>
        ${!given && html`<p class="note">${says.github} <code>uneri incident ${id} --to github:OWNER/REPO</code></p>`}
      </details>
    </section>`;
  }
}

const Closer = ({ links, runbook, words }) => {
  const { incident: says } = words;
  const named = (each) => {
    const [first, ...rest] = each.split("_");
    return [words.kind[first] ?? first, says.link[rest.join("_")] ?? rest.join(" ")].filter(Boolean).join(" · ");
  };
  const shown = Object.entries(links ?? {}).filter(([, url]) => safe(url));
  if (shown.length === 0 && !safe(runbook)) return null;
  return html`<${Part} title=${says.links}>
    ${safe(runbook) && html`<li><${Link} to=${runbook}>${says.runbook}</${Link}></li>`}
    ${shown.map(([each, url]) => html`<li key=${each}><${Link} to=${url}>${named(each)}</${Link}></li>`)}
  </${Part}>`;
};

export class IncidentPage extends AskingPage {
  path({ place }) {
    return `/board/incidents/${encodeURIComponent(place.incident)}`;
  }

  isDue(before) {
    return before.wall?.incidents !== this.props.wall?.incidents;
  }

  render({ wall, place, figures, words, look, now, actions }, { said, error: raw, missing }) {
    const { incident: says } = words;
    const error = raw && missing ? (given ? words.report : says).notFound : raw;
    const back = html`<p class="back"><${Inner} to=${addressOf("incidents")} go=${actions.go}>← ${(given ? words.report : says).back}</${Inner}></p>`;
    if (!said) return html`<div class="list">${back}<p class=${error ? "wrong" : "loading"} role="status">${error ?? words.loading}</p></div>`;
    const of = said.incident;
    const own = of.memos.filter((memo) => memo.incident === of.id);
    const earlier = of.memos.filter((memo) => memo.incident !== of.id).reverse();
    const common = { figures, words, now };
    return html`<article class="list whole">
      ${back}
      <header>
        <p class=${`badge ${of.end == null ? weight(of) : "well"}`}><${Verdict} of=${of} words=${words} /></p>
        <h1>
          <span class="kind">${kind(of.scope, words)}</span>${" "}
          <bdi><${ScopeLink} to=${of.scope} during=${of} go=${actions.go}>${about(of.scope)}</${ScopeLink}></bdi>
        </h1>
        <p class="aside">
          ${words.sent[of.sent] ?? of.sent} · ${words.state_[of.state] ?? of.state} · ${grade(of, words)} ·
          ${" "}${words.since(figures.moment(of.start, now))} · ${words.for(figures.duration((of.end ?? now) - of.start))}
          ${said.account_name ?? of.scope.account ? html` · <bdi>${said.account_name ?? of.scope.account}</bdi>` : ""}
        </p>
      </header>
      ${error && html`<p class="wrong" role="alert">${error}</p>`}
      <p class="size">${size(of, figures, words)}</p>
      <p class="sentence"><${Sentence} of=${of} words=${words} /></p>
      ${said.digested && html`<p class="aside">${words.report.asOf(figures.moment(said.digested, now))}</p>`}
      <p class="marks">
        <${Handled} of=${of} words=${words} />
        ${needsReason(of) && of.reason && html`<span class="aside">${of.reason}</span>`}
      </p>
      ${earlier.length > 0 &&
      html`<section class="tile learnt" aria-labelledby="learnt">
        <h2 id="learnt" class="label">${says.earlier}</h2>
        <ul class="rows">
          ${earlier.map(
            (memo) => html`<li class="memo" key=${memo.id}><${Noted} memo=${memo} figures=${figures} now=${now}> · <${Inner} to=${addressOf("incident", memo.incident)} go=${actions.go}>${says.earlierIncident}</${Inner}></${Noted}></li>`,
          )}
        </ul>
      </section>`}
      ${!given && html`<${IncidentActs} key=${of.id} of=${of} silences=${said.silences} done=${() => this.again()} actions=${actions} ...${common} />`}
      <div class="halves">
        <div class="stack">
          ${given && !said.curve && !of.growth && html`<p class="note">${words.report.noCurve[of.verdict] ?? words.report.noCurve.other}</p>`}
          ${of.scope.from === undefined || said.curve ? html`<${IncidentCurve} key=${of.id} of=${of} known=${said.curve} at=${said.at} wall=${wall} look=${look} figures=${figures} words=${words} actions=${actions} />` : html`<${IncidentFigures} of=${of} figures=${figures} words=${words} />`}
          <section class="tile">
            <dl class="shares">
              <${Causes} of=${of} split=${true} go=${actions.go} ...${{ figures, words }} />
              ${Object.keys(of.throttle_reasons ?? {}).length > 0 &&
              html`<${Part} title=${says.throttled}>${Object.entries(of.throttle_reasons).map(([reason, count]) => html`<li key=${reason}><span class="what"><bdi>${reason}</bdi></span><span class="number">${figures.number(count)}</span></li>`)}</${Part}>`}
              <${Explained} of=${of} figures=${figures} words=${words} />
              <${Members} of=${of} go=${actions.go} ...${{ figures, words }} />
              <${Changes} of=${of.changes} ...${{ figures, words }} />
              <${Closer} links=${said.links} runbook=${said.runbook} words=${words} />
            </dl>
            <${Examples} of=${of.examples} ...${{ figures, words }} />
          </section>
        </div>
        <div class="stack">
          <section class="tile" aria-labelledby="story">
            <h2 id="story" class="label">${says.story}</h2>
            <ol class="story">${said.story.map((one, number) => html`<${Happened} of=${one} key=${number} ...${common} />`)}</ol>
            ${of.follows && html`<p class="note"><${Inner} to=${addressOf("incident", of.follows)} go=${actions.go}>${says.follows}</${Inner}></p>`}
          </section>
          ${said.message &&
          html`<section class="tile" aria-labelledby="message">
            <h2 id="message" class="label">${words.report.message}</h2>
            <${Message} of=${of.id} />
            ${said.curve && html`<p class="note">${words.report.withChart}</p>`}
          </section>`}
          ${!given && html`<${MemoBox} title=${words.memos} of=${own} label=${says.memo.label} note=${({ text }) => ({ text: text.value, incident: of.id })} done=${() => this.again()} actions=${actions} ...${common} />`}
          <${Export} id=${of.id} markdown=${said.markdown} exports=${said.exports} words=${words} done=${() => this.again()} />
        </div>
      </div>
    </article>`;
  }
}
