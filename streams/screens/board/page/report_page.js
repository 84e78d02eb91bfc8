// The report of a replay: what was found in it, the incidents as the board lists them, and what they were found with.
import { addressOf } from "./address.js";
import { given } from "./given.js";
import { IncidentsPage } from "./incident_list.js";
import { Inner } from "./inner.js";
import { Shape } from "./level.js";
import { Message } from "./slack_message.js";
import { html } from "./view.js";

const WEEK = 7 * 86_400;

const Facts = ({ of }) =>
  html`<dl class="facts">
    ${of.map(
      ([name, value, detail]) => html`<div key=${name}>
        <dt>${name}</dt>
        <dd>${value} ${detail && html`<span class="aside">${detail}</span>`}</dd>
      </div>`,
    )}
  </dl>`;

const Head = ({ of, figures, words }) => {
  const { report: says } = words;
  const { first, last, records, seconds, sent } = of;
  const weeks = (last - first) / WEEK;
  const bad = of.bad.reduce((sum, [, count]) => sum + count, 0);
  const whole = (count) => figures.whole.format(count);
  const facts = [
    [says.pages(sent.page), whole(sent.page), of.open > 0 && says.stillOpen(whole(of.open))],
    weeks >= 1 && [says.perWeek, figures.tenths.format(sent.page / weeks), says.weeks(figures.tenths.format(weeks))],
    [says.digest, whole(sent.digest), sent.digest > 0 && says.small],
    [says.none, whole(sent.none), sent.none > 0 && says.reasons],
    records > 0 && [says.records, whole(records), seconds > 0 && says.pace(figures.number(records / seconds), figures.number((last - first) / seconds))],
    (records > 0 || bad > 0) && [says.bad, whole(bad), records > 0 && bad > 0 && says.part(figures.percent(bad / records))],
  ];
  const date = (at) => figures.local(at).replace("T", " ");
  return html`<section class="tile summary" aria-label=${words.report.title}>
    <h1><bdi>${of.title || says.title}</bdi></h1>
    <p class="aside">
      ${of.source && html`<bdi>${of.source}</bdi> · `}${last > 0 && says.span(date(first), date(last), figures.duration(last - first), figures.zone)}
    </p>
    <${Facts} of=${facts.filter(Boolean)} />
    ${of.notes.length > 0 && html`<ul class="notes">${of.notes.map((note) => html`<li key=${note}><bdi>${note}</bdi></li>`)}</ul>`}
    ${of.young && html`<p class="note">${says.judged(date(Math.min(first + of.young, last)), figures.duration(of.young))}</p>`}
  </section>`;
};

const Cell = ({ of: [text, incident, verdict], go }) =>
  html`${verdict && html`<${Shape} of=${verdict} /> `}${incident ? html`<${Inner} to=${addressOf("incident", incident)} go=${go}><bdi>${text}</bdi></${Inner}>` : html`<bdi>${text}</bdi>`}`;

const Table = ({ label, of: { title, head, rows, right = [], more = 0 }, words, go }) =>
  html`${title && html`<h3>${title}</h3>`}
    <div class="scroll" role="region" aria-label=${title || label} tabindex="0">
      <table>
        <thead>
          <tr>${head.map((name, place) => html`<th scope="col" class=${right.includes(place) ? "right" : ""} key=${name}>${name}</th>`)}</tr>
        </thead>
        <tbody>
          ${rows.map((row, number) => html`<tr key=${number}>${row.map((cell, place) => html`<td class=${right.includes(place) ? "right" : ""} key=${place}><${Cell} of=${cell} go=${go} /></td>`)}</tr>`)}
        </tbody>
      </table>
    </div>
    ${more > 0 && html`<p class="note">${words.report.moreRows(more)}</p>`}`;

// A section of tables, which is in English whatever the page speaks.
const Tables = ({ of, words, go }) =>
  html`<section class="tile" id=${of.id} aria-label=${of.title} lang="en">
    <h2>${of.title}</h2>
    ${of.facts.length > 0 && html`<${Facts} of=${of.facts} />`} ${of.lines.map((line) => html`<p key=${line}><bdi>${line}</bdi></p>`)}
    ${of.tables.map((table) => html`<${Table} of=${table} words=${words} go=${go} key=${table.title} />`)}
  </section>`;

const Configuration = ({ of, words: { report: says } }) =>
  html`<section class="tile" id="configuration" aria-label=${says.configuration}>
    <h2>${says.configuration}</h2>
    ${of.changed ? html`<p>${says.changed}</p><pre tabindex="0" aria-label=${says.changed}>${of.changed}</pre>` : html`<p>${says.shipped}</p>`}
    <details><summary>${says.effective}</summary><pre tabindex="0" aria-label=${says.effective}>${of.effective}</pre></details>
  </section>`;

export const ReportPage = (props) => {
  const { figures, words, actions } = props;
  const { report: says } = words;
  const { head, sections, digests, settings } = given;
  const bad = { head: [says.reason, says.records], rows: head.bad.map(([why, count]) => [[why], [figures.whole.format(count)]]), right: [1] };
  const found = Object.values(head.sent).some(Boolean);
  const links = [...sections.map((of) => [of.id, of.title]), digests > 0 && ["digest", says.digest], bad.rows.length > 0 && ["bad", says.bad], settings && ["configuration", says.configuration]].filter(Boolean);
  return html`<article class="report">
    <${Head} of=${head} figures=${figures} words=${words} />
    ${links.length > 0 && html`<nav aria-label=${says.sections}>${links.map(([id, name]) => html`<a href=${`#${id}`} key=${id}>${name}</a>`)}</nav>`}
    ${sections.map((of) => html`<${Tables} of=${of} key=${of.id} words=${words} go=${actions.go} />`)}
    ${found ? html`<${IncidentsPage} ...${props} />` : html`<p class="tile empty">${says.nothing}</p>`}
    ${digests > 0 && html`<section class="tile" id="digest" aria-label=${says.digest}><h2>${says.digests(digests)}</h2><${Message} of="digest" /></section>`}
    ${bad.rows.length > 0 && html`<section class="tile" id="bad" aria-label=${says.bad}><h2>${says.bad}</h2><${Table} label=${says.bad} of=${bad} words=${words} /></section>`}
    ${settings && html`<${Configuration} of=${settings} words=${words} />`}
  </article>`;
};
