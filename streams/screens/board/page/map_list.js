// The map in words: every node with its figures and whom it calls, in document order.
import { level, Mark } from "./level.js";
import { Name } from "./map_box.js";
import { priced, short } from "./map_figures.js";
import { KINDS, unwell } from "./map_graph.js";
import { html } from "./view.js";

const worstFirst = (a, b) => unwell(b) - unwell(a) || b.requests - a.requests || (a.key < b.key ? -1 : 1);

export const MapList = ({ nodes, edges, figures, words, go }) => {
  const byPlace = new Map(nodes.map((node) => [node.place, node]));
  const calls = new Map();
  for (const edge of edges) {
    if (!byPlace.has(edge.source) || !byPlace.has(edge.target)) continue;
    if (!calls.has(edge.source)) calls.set(edge.source, []);
    calls.get(edge.source).push(edge);
  }
  return KINDS.map((kind) => {
    const of = nodes.filter((node) => node.kind === kind).sort(worstFirst);
    return (
      of.length > 0 &&
      html`<section class="tile listed" key=${kind}>
        <h2>${words.map.kinds[kind]} <small>${of.length}</small></h2>
        <ul class="rows">
          ${of.map(
            (node) => html`<li key=${node.key} class=${level(node)}>
              <span class="what"><${Name} of=${node} go=${go} /> <small><bdi>${node.accountName}</bdi></small></span>
              <${Mark} of=${node} words=${words} />
              <span class="figures">${[...short(node, figures, words), priced(node, figures)].filter(Boolean).join(" · ")}</span>
              ${calls.has(node.place) &&
              html`<span class="calls"><span class="aside">${words.map.calls}</span>
                ${calls.get(node.place).sort(worstFirst).map(
                  (edge) => html`<span key=${edge.target}><${Name} of=${byPlace.get(edge.target)} go=${go} /> <${Mark} of=${edge} words=${words} /> ${short(edge, figures, words).join(" · ")}</span>`,
                )}
              </span>`}
            </li>`,
          )}
        </ul>
      </section>`
    );
  });
};
