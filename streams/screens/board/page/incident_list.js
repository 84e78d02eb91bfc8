// Incidents, open and ended, over time and as a list; what narrows them stands in the address.
import { addressOf, queryOf } from "./address.js";
import { AskingPage } from "./answers.js";
import { given } from "./given.js";
import { MemoBox } from "./incident_acts.js";
import { about, byWeight, Card, fits, kind, needsReason, QuietRow, size, Verdict } from "./incidents.js";
import { Timeline } from "./incident_timeline.js";
import { Inner } from "./inner.js";
import { html } from "./view.js";
import { timeOf } from "./zone_time.js";

const RANGES = ["1d", "1w", "5w"];
const USUAL = "1w";
const ASKED = ["state", "sent", "verdict", "kind", "account"];

const narrowed = ({ range = USUAL, text = "", ...place }) => ({
  range: RANGES.includes(range) ? range : USUAL,
  text,
  ...Object.fromEntries(ASKED.map((name) => [name, place[name] ?? ""])),
});

const Choice = ({ label, name, of, chosen, all, turn }) =>
  html`<label class="choice">
    ${label}
    <select name=${name} onChange=${(event) => turn({ [name]: event.target.value })}>
      ${all !== undefined && html`<option value="" selected=${chosen === ""}>${all}</option>`}
      ${of.map(([value, text]) => html`<option value=${value} selected=${chosen === value} key=${value}>${text}</option>`)}
    </select>
  </label>`;

const EndedRow = ({ of, figures, words, now, go }) => {
  const { incident: says } = words;
  return html`<li>
    <${Verdict} of=${of} words=${words} />
    <${Inner} to=${addressOf("incident", of.id)} go=${go}>${kind(of.scope, words)} <bdi>${about(of.scope)}</bdi></${Inner}>
    <span class="how">${size(of, figures, words)}</span>
    ${of.labelled && html`<span class="aside"><bdi>${says.labelled[of.labelled.as](of.labelled.by)}</bdi></span>`}
    ${of.memos > 0 && html`<span class="aside">${words.memos} ${of.memos}</span>`}
    ${needsReason(of) && html`<span class="aside">${words.sent[of.sent]}${of.reason && html`: <span lang="en">${of.reason}</span>`}</span>`}
    <span class="when">${figures.moment(of.start, now)} · ${of.end == null ? says.stillOpen : says.lasted(figures.duration(of.end - of.start))}</span>
  </li>`;
};

const EndedRows = ({ title, of, note, ...common }) =>
  html`<section class="tile ended" aria-label=${title}>
    <h2 class="label">${title}</h2>
    <ul>${of.map((one) => html`<${EndedRow} of=${one} key=${one.id} ...${common} />`)}</ul>
    ${note}
  </section>`;

// A report has what was sent first, and what grows is open in it like anything else.
const SENT = ["page", "digest", "none"];
const Reported = ({ found, leftOut, ...common }) => {
  const { words, figures } = common;
  const of = (kind) => found.filter((one) => one.sent === kind).sort((a, b) => a.start - b.start);
  return html`${SENT.map((kind) => of(kind).length > 0 && html`<${EndedRows} title=${`${words.report.sent[kind]} ${figures.whole.format(of(kind).length)}`} of=${of(kind)} key=${kind} ...${common} />`)}
    ${leftOut > 0 && html`<p class="note">${words.report.leftOut(figures.whole.format(leftOut))}</p>`}`;
};

export class IncidentsPage extends AskingPage {
  path({ place }) {
    const { text: _, sent: __, ...asked } = narrowed(place);
    return `/board/incidents?${queryOf(asked)}`;
  }

  isDue(before) {
    return before.wall?.incidents !== this.props.wall?.incidents;
  }

  // What is chosen can be taken back; not each letter that is typed.
  turn(changes) {
    const { range, ...rest } = { ...narrowed(this.props.place), ...changes };
    const { turn, stay } = this.props.actions;
    ("text" in changes ? stay : turn)(addressOf("incidents", "", { ...rest, range: range === USUAL ? "" : range }));
  }

  // Returns whether an incident is asked for, by what the address says.
  takes(one, asked) {
    const { words } = this.props;
    const ended = one.end != null;
    return (
      (!asked.state || (asked.state === "ended") === ended) &&
      (!asked.sent || asked.sent === (one.sent ?? "page")) &&
      (!asked.verdict || asked.verdict === one.verdict) &&
      (!asked.kind || asked.kind === one.scope.kind) &&
      (!asked.account || asked.account === one.scope.account) &&
      fits(one, asked.text.toLowerCase().split(/\s+/).filter(Boolean), words)
    );
  }

  render({ wall, place, figures, words, now, actions }, { said, error }) {
    const { incident: says } = words;
    const asked = narrowed(place);
    const common = { figures, words, now };
    const rows = said?.incidents ?? [];
    const all = given ? rows : [...wall.incidents, ...rows.filter((one) => one.end != null)];
    const found = all.filter((one) => this.takes(one, asked));
    const open = given ? [] : byWeight(found.filter((one) => one.end == null));
    const ended = found.filter((one) => one.end != null).sort((a, b) => b.end - a.end);
    const accounts = new Map(wall.accounts.map((one) => [one.account, one.name]));
    const turn = (changes) => this.turn(changes);
    const kinds = Object.entries(words.kind);
    return html`<div class="list">
      <div class="finder">
        <${given ? "h2" : "h1"}>${words.incidents}</${given ? "h2" : "h1"}>
        ${!given &&
        html`<p class="spans" role="group" aria-label=${words.scope.range}>
          ${RANGES.map((each) => html`<button type="button" key=${each} aria-pressed=${asked.range === each} onClick=${() => turn({ range: each })}>${words.scope.ranges[each]}</button>`)}
        </p>`}
        <${Choice} label=${says.state.label} name="state" chosen=${asked.state} all=${says.all} of=${["open", "ended"].map((each) => [each, says.state[each]])} turn=${turn} />
        <${Choice} label=${says.sent} name="sent" chosen=${asked.sent} all=${says.all} of=${Object.entries(words.sent)} turn=${turn} />
        <${Choice} label=${says.verdict} name="verdict" chosen=${asked.verdict} all=${says.all} of=${Object.entries(words.verdict)} turn=${turn} />
        <${Choice} label=${says.kind} name="kind" chosen=${asked.kind} all=${says.all} of=${kinds} turn=${turn} />
        ${accounts.size > 1 && html`<${Choice} label=${says.account} name="account" chosen=${asked.account} all=${says.all} of=${[...accounts]} turn=${turn} />`}
        <label class="search">
          ${words.find} <input type="search" placeholder=${words.findHint} value=${asked.text} onInput=${(event) => turn({ text: event.target.value })} />
        </label>
        ${asked.text && html`<p role="status">${words.found(found.length, all.length)}</p>`}
      </div>
      ${error && html`<p class="wrong" role="alert">${error}</p>`}
      ${said?.at > 0 && html`<${Timeline} incidents=${rows.filter((one) => this.takes(one, asked))} memos=${said.memos} changes=${said.changes} since=${said.since} at=${said.at} go=${actions.go} accounts=${accounts} figures=${figures} words=${words} />`}
      ${!given && wall.incidents.length === 0 && asked.state !== "ended" && html`<${QuietRow} last=${wall.last} go=${actions.go} ...${common} />`}
      ${all.length > 0 && found.length === 0 && html`<p class="note">${words.notFound}</p>`}
      ${given && said && html`<${Reported} found=${found} leftOut=${said.left_out} go=${actions.go} ...${common} />`}
      <div class="cards">${open.map((one) => html`<${Card} of=${one} accounts=${wall.accounts} key=${one.id} go=${actions.go} ...${common} />`)}</div>
      ${said &&
      !given &&
      html`${asked.state !== "open" &&
        html`<${EndedRows}
          title=${says.ended}
          of=${ended}
          note=${html`${ended.length === 0 && html`<p class="aside">${says.endedNone}</p>`}
            <p class="note">${said.left_out > 0 && says.leftOut(figures.whole.format(said.left_out))} ${asked.range === "5w" && says.keptFor}</p>`}
          go=${actions.go}
          ...${common}
        />`}
        <${MemoBox}
          title=${says.memosHere}
          none=${says.memosNone}
          label=${says.memo.label2}
          of=${said.memos}
          note=${({ text, at, scope }) => ({ text: text.value, at: timeOf(at.value, figures), scope: scope.value.trim() })}
          fields=${html`<p class="fields">
            <label>${says.memo.at} <input type="datetime-local" name="at" required defaultValue=${figures.local(now)} /></label>
            <label>${says.memo.scope} <input name="scope" placeholder="table:items" maxlength="200" /></label>
          </p>`}
          done=${() => this.again()}
          named=${true}
          actions=${actions}
          ...${common}
        />`}
    </div>`;
  }
}
