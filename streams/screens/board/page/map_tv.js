// The map on a television: as many boxes as are read from five metres. What is not well comes first and in full ink.
import { AskingPage } from "./answers.js";
import { Box, Line, rem, root, Sign } from "./map_box.js";
import { chosen, folded, KINDS, nodesOf, unwell } from "./map_graph.js";
import { layout } from "./map_layout.js";
import { Component, createRef, html } from "./view.js";

const FORM = { width: 36, height: 10.8, gap: 5.5, between: 1.4, heading: 0, top: 6 };
const MORE = 5; // rem for what is left out

// Chooses the boxes of each column: what is not well, what is next to it, what is used most.
export const fitting = (boxes, links, rows) => {
  const near = new Set(links.flatMap(({ source, target }) => (unwell(source) || unwell(target) ? [source, target] : [])));
  const rank = (box) => (unwell(box) ? 0 : near.has(box) ? 1 : 2);
  const shown = new Set();
  const more = new Map();
  for (const kind of KINDS) {
    const column = boxes.filter((box) => box.kind === kind).sort((a, b) => rank(a) - rank(b) || b.requests - a.requests);
    for (const box of column.slice(0, rows)) shown.add(box);
    if (column.length > rows) more.set(kind, column.length - rows);
  }
  return { boxes: boxes.filter((box) => shown.has(box)), links: links.filter(({ source, target }) => shown.has(source) && shown.has(target)), more };
};

class Picture extends Component {
  constructor(props) {
    super(props);
    this.place = createRef();
    this.state = { wide: 0, high: 0 };
  }

  componentDidMount() {
    this.sizes = new ResizeObserver(() => {
      const { clientWidth, clientHeight } = this.place.current ?? {};
      if (clientWidth) this.setState({ wide: clientWidth / root(), high: clientHeight / root() });
    });
    this.sizes.observe(this.place.current);
  }

  componentWillUnmount() {
    this.sizes.disconnect();
  }

  render({ said, figures, words }, { wide, high }) {
    if (!wide) return html`<div class="tv-map" ref=${this.place}></div>`;
    const nodes = nodesOf(said, words);
    const { shown } = chosen(nodes, said.edges, {}, words);
    const all = folded(nodes.filter((node) => shown.has(node.place)), said.edges, "none", new Set(), words);
    const rows = Math.max(1, Math.floor((high - FORM.top - MORE + FORM.between) / (FORM.height + FORM.between)));
    const { boxes, links, more } = fitting(all.boxes.map((box) => ({ ...box, band: box.band === null ? null : "" })), [], rows);
    const kept = new Map(boxes.map((box) => [box.id, box]));
    const lines = all.links.map((link) => ({ ...link, source: kept.get(link.source.id), target: kept.get(link.target.id) })).filter(({ source, target }) => source && target);
    const drawn = layout(boxes, lines, { ...FORM, wide });
    const most = Math.max(0, ...lines.map((link) => link.requests));
    return html`<div class="tv-map" ref=${this.place}>
      <svg viewBox=${`0 0 ${drawn.width} ${high}`} style=${{ width: rem(drawn.width), height: rem(high) }}>
        ${lines.map((link) => html`<${Line} key=${link.id} form=${FORM} pick=${() => {}} ...${{ link, drawn, most }} />`)}
      </svg>
      ${drawn.columns.map(
        ({ kind, x }) => html`<p class="column" key=${kind} style=${{ left: rem(x), width: rem(drawn.column) }}>${words.map.kinds[kind]}</p>
          ${more.has(kind) && html`<p class="column more" key=${`${kind}-more`} style=${{ left: rem(x), width: rem(drawn.column) }}>${words.more(more.get(kind))}</p>`}`,
      )}
      ${drawn.boxes.map((box) => html`<${Box} key=${box.id} figuresMost=${unwell(box) ? 2 : 1} go=${() => {}} near=${() => {}} open=${() => {}} ...${{ box, figures, words }} />`)}
      ${lines.filter(unwell).map((link) => html`<${Sign} key=${link.id} form=${FORM} ...${{ link, drawn }} />`)}
    </div>`;
  }
}

export class TvMap extends AskingPage {
  path() {
    return "/board/map";
  }

  render({ figures, words }, { said, error }) {
    return html`<section class="tile mapped" data-tile="map" aria-label=${words.map.title}>
      ${said ? html`<${Picture} ...${{ said, figures, words }} />` : html`<p class="note">${error ?? words.loading}</p>`}
    </section>`;
  }
}
