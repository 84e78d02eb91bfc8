// The map as a picture: boxes over lines in a frame that scrolls, larger and smaller by keys, wheel and buttons.
import { scopeAddress } from "./address.js";
import { Inner } from "./inner.js";
import { Box, Line, rem, root, Sign } from "./map_box.js";
import { errorShare, unwell } from "./map_graph.js";
import { layout } from "./map_layout.js";
import { Component, createRef, html } from "./view.js";

const FORM = { width: 14.5, height: 3.1, gap: 5, between: 0.65, heading: 2, top: 0.4 };
const LEAST = 0.25; // times the size that reads well
const MOST = 2.5;
const STEP = 1.25;
const CROWD = 150; // lines, from where on they are thinner
const EDGE = 1; // rem around the map

const accountAddress = ({ cloud, account }) => scopeAddress({ kind: "account", name: account, cloud, account });

export class Canvas extends Component {
  constructor(props) {
    super(props);
    this.frame = createRef();
    this.state = { wide: 0, zoom: null }; // `zoom` null: as wide as the frame
    this.near = (id) => this.dim(id);
  }

  componentDidMount() {
    this.measure = () => this.frame.current && this.setState({ wide: this.frame.current.clientWidth / root() });
    this.sizes = new ResizeObserver(this.measure);
    this.sizes.observe(this.frame.current);
    this.turned = (event) => {
      if (!event.ctrlKey) return; // the frame scrolls
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY / 300), event);
    };
    this.frame.current.addEventListener("wheel", this.turned, { passive: false });
  }

  componentWillUnmount() {
    this.sizes.disconnect();
    this.frame.current?.removeEventListener("wheel", this.turned);
  }

  // Leaves what is next to a box in full ink. Drawing 500 boxes anew for that would be felt.
  dim(id) {
    const { links } = this.props;
    const beside = new Set(links.flatMap(({ source, target }) => (source.id === id ? [target.id] : target.id === id ? [source.id] : [])));
    for (const box of this.frame.current?.querySelectorAll("[data-node]") ?? []) {
      const { node } = box.dataset;
      box.classList.toggle("dim", id !== null && node !== id && !beside.has(node));
    }
    for (const line of this.frame.current?.querySelectorAll("[data-edge]") ?? []) {
      line.classList.toggle("dim", id !== null && !line.dataset.edge.split("-").includes(id));
    }
  }

  drawn() {
    const { boxes, links } = this.props;
    const { wide } = this.state;
    if (this.of !== boxes || this.for !== wide) {
      this.of = boxes;
      this.for = wide;
      this.made = layout(boxes, links, { ...FORM, wide: wide - 2 * EDGE });
    }
    return this.made;
  }

  fit(drawn) {
    const fit = (this.state.wide - 2 * EDGE) / drawn.width;
    return Math.max(Math.min(1.3, fit), 0.62); // what is smaller is not read: the frame scrolls
  }

  // Zooms, and keeps what is under the pointer (or in the middle) where it is.
  zoomBy(by, point) {
    const frame = this.frame.current;
    const before = this.state.zoom ?? this.fit(this.drawn());
    const zoom = Math.min(MOST, Math.max(LEAST, before * by));
    const { left, top, width, height } = frame.getBoundingClientRect();
    const [x, y] = point ? [point.clientX - left, point.clientY - top] : [width / 2, height / 2];
    const [atX, atY] = [(frame.scrollLeft + x) / before, (frame.scrollTop + y) / before];
    this.setState({ zoom }, () => {
      frame.scrollLeft = atX * zoom - x;
      frame.scrollTop = atY * zoom - y;
    });
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (["+", "=", "-", "0"].includes(event.key)) {
      event.preventDefault();
      if (event.key === "0") this.setState({ zoom: null });
      else this.zoomBy(event.key === "-" ? 1 / STEP : STEP);
    }
  }

  // Moves the map under a pointer that is held down on its ground.
  grab(event) {
    if (event.button || event.pointerType === "touch" || event.target.closest("a, button, .edge")) return;
    const frame = this.frame.current;
    const [x, y] = [event.clientX + frame.scrollLeft, event.clientY + frame.scrollTop];
    const move = (moved) => {
      frame.scrollLeft = x - moved.clientX;
      frame.scrollTop = y - moved.clientY;
    };
    const end = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      frame.classList.remove("held");
    };
    frame.classList.add("held");
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
  }

  render({ boxes, links, found, edge, pick, open, go, figures, words }, { wide, zoom }) {
    const drawn = this.drawn();
    const scale = zoom ?? this.fit(drawn);
    const [width, height] = [drawn.width + 2 * EDGE, drawn.height + 2 * EDGE];
    const most = Math.max(0, ...links.map((link) => link.requests));
    const thin = links.length > CROWD ? 0.5 : 1;
    const said = (link) => words.map.between(link.source.name, link.target.name, figures.value(link.requests, "1/s"), words.verdict[link.verdict] ?? words.threshold[link.threshold] ?? "", figures.percent(errorShare(link)));
    return html`<div class="canvas">
      <p class="zooms">
        <button type="button" title=${words.map.larger} aria-label=${words.map.larger} onClick=${() => this.zoomBy(STEP)}>+</button>
        <button type="button" title=${words.map.smaller} aria-label=${words.map.smaller} onClick=${() => this.zoomBy(1 / STEP)}>−</button>
        <button type="button" onClick=${() => this.setState({ zoom: null })}>${words.map.fit}</button>
      </p>
      <div class="tile frame" ref=${this.frame} tabindex="0" role="region" aria-label=${words.map.frame} onKeyDown=${(event) => this.pressed(event)} onPointerDown=${(event) => this.grab(event)}>
        ${wide > 0 &&
        html`<div class="heads" style=${{ width: rem(width * scale) }}>
            ${drawn.columns.map(({ kind, x }) => html`<p class="column" key=${kind} style=${{ left: rem((x + EDGE) * scale), width: rem(drawn.column * scale) }}>${words.map.kinds[kind]}</p>`)}
          </div>
          <div class="sized" style=${{ width: rem(width * scale), height: rem(height * scale) }}>
          <div class="drawn" style=${{ width: rem(width), height: rem(height), transform: `scale(${scale.toFixed(4)})` }}>
            <div class="placed" style=${{ left: rem(EDGE), top: rem(EDGE), width: rem(drawn.width), height: rem(drawn.height) }}>
              ${drawn.bands.map((band) => html`<div class="band" key=${band.key} style=${{ left: rem(drawn.inner - EDGE / 2), top: rem(band.y), width: rem(drawn.width - drawn.inner + EDGE), height: rem(band.height + EDGE / 2) }}><${Inner} to=${accountAddress(band.of)} go=${go}><bdi>${band.name}</bdi></${Inner}></div>`)}
              <svg viewBox=${`0 0 ${drawn.width} ${drawn.height}`} style=${{ width: rem(drawn.width), height: rem(drawn.height) }}>
                ${links.map((link) => html`<${Line} key=${link.id} current=${edge === link.id} said=${unwell(link) && said(link)} form=${FORM} ...${{ link, drawn, most, thin, pick }} />`)}
              </svg>
              ${drawn.boxes.map((box) => html`<${Box} key=${box.id} found=${box.keys.some((key) => found.has(key))} near=${this.near} ...${{ box, figures, words, go, open }} />`)}
              ${links.filter(unwell).map((link) => html`<${Sign} key=${link.id} form=${FORM} ...${{ link, drawn }} />`)}
            </div>
          </div>
        </div>`}
      </div>
    </div>`;
  }
}
