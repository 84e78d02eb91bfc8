// A chart of times and values: what is observed, solid, over what was before, dotted, with what is expected behind.
import { Component, createRef, html } from "./view.js";

// A limit is drawn where it leaves the curve half of the chart; a farther one is named beside it.
export const isDrawn = (limit, highest) => limit != null && limit <= 2 * highest;

export const colour = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

// Draws `now`, `before`, `lower` and `upper` from `start` in steps of `step` seconds. `kind` is calls or month; `look`
// and `tall` redraw when colours or sizes change.
export class Chart extends Component {
  constructor(props) {
    super(props);
    this.place = createRef();
    this.state = { at: null };
  }

  componentDidMount() {
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.place.current);
    this.make();
  }

  componentDidUpdate(before) {
    const { look, figures, tv, kind } = this.props;
    if (before.look !== look || before.figures !== figures || before.tv !== tv || before.kind !== kind) this.make();
    else if (before.now !== this.props.now || before.before !== this.props.before) this.plot.setData(this.data());
  }

  componentWillUnmount() {
    this.watch.disconnect();
    this.plot?.destroy();
  }

  data() {
    const { start, step, now, before = [], lower = [], upper = [] } = this.props;
    const count = Math.max(now.length, before.length);
    const fill = (values) => Array.from({ length: count }, (_, place) => values[place] ?? null);
    const xs = Array.from({ length: count }, (_, place) => start + place * step);
    return [xs, fill(lower), fill(upper), fill(before), fill(now)];
  }

  size() {
    const { clientWidth, clientHeight } = this.place.current;
    return { width: Math.max(clientWidth, 80), height: Math.max(clientHeight, 60) };
  }

  fit() {
    const { width, height } = this.size();
    if (this.plot && (this.plot.width !== width || this.plot.height !== height)) {
      const font = parseFloat(getComputedStyle(this.place.current).fontSize);
      if (font !== this.font) this.make(); // the letters of a wall grow with it
      else this.plot.setSize({ width, height });
    }
  }

  make() {
    this.plot?.destroy();
    this.plot = new uPlot(this.options(), this.data(), this.place.current);
  }

  options() {
    const place = this.place.current;
    const { figures, kind, start, tv } = this.props;
    const style = getComputedStyle(place);
    const font = (this.font = parseFloat(style.fontSize));
    const line = font / 6.5;
    const axis = {
      stroke: colour(place, "--dim"),
      font: `${font}px ${style.fontFamily}`,
      ticks: { show: false },
      grid: { stroke: colour(place, "--rule"), width: 1 },
    };
    const days = (plot) => {
      const every = [1, 2, 5, 7, 10].find((each) => (plot.bbox.width / devicePixelRatio / 31) * each > font * 2.6) ?? 15;
      return Array.from({ length: 31 }, (_, day) => start + day * 86400).filter((_, day) => day % every === 0);
    };
    return {
      ...this.size(),
      padding: [font * 0.6, font * 1.8, 0, 0],
      legend: { show: false },
      select: { show: false },
      cursor: tv ? { show: false } : { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      hooks: { setCursor: [(plot) => this.state.at !== (plot.cursor.idx ?? null) && this.setState({ at: plot.cursor.idx ?? null })] },
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), figures.zone),
      scales: { y: { range: (_, least, most) => [Math.min(0, least ?? 0), (most || 1) * 1.06] } },
      axes: [
        {
          ...axis,
          space: font * 6,
          size: font * 1.9,
          gap: font * 0.4,
          grid: { show: false },
          ...(kind === "month" ? { splits: days } : {}),
          values: (_, at) => at.map((each) => (kind === "month" ? `${1 + Math.round((each - start) / 86400)}` : figures.time(each))),
        },
        {
          ...axis,
          space: font * (tv ? 1.5 : 3),
          gap: font * 0.5,
          size: (_, values) => Math.max(2, ...(values ?? []).map((each) => each.length)) * font * 0.62 + font * 0.9,
          values: (_, each) => each.map((value) => figures.number(value)),
        },
      ],
      series: [
        {},
        { stroke: "transparent", points: { show: false } },
        { stroke: "transparent", points: { show: false } },
        { stroke: colour(place, "--before"), width: line, dash: [line * 1.1, line * 2], cap: "round", points: { show: false } },
        { stroke: colour(place, "--line"), width: line * 1.15, points: { show: false } },
      ],
      bands: [{ series: [2, 1], fill: colour(place, "--band") }],
    };
  }

  render({ title, note, label, figures, words, start, step, now, before = [], kind, lower = [], level = 2 }, { at }) {
    const reading = (values) => figures.value(values[at], "1/s", Infinity); // as its title and its axis
    const when = at === null ? null : start + at * step;
    const earlier = kind === "month" ? words.monthBefore : words.lastWeek;
    return html`<figure class="chart">
      <figcaption>
        <${`h${level}`} class="label">${title}</${`h${level}`}>
        ${when === null
          ? html`<ul class="key">
              <li><i class="k-now"></i>${kind === "month" ? words.thisMonth : words.now}</li>
              ${before.length > 0 && html`<li><i class="k-before"></i>${earlier}</li>`}
              ${lower.length > 0 && html`<li><i class="k-band"></i>${words.expected}</li>`}
            </ul>`
          : html`<p class="reading">
              <b>${kind === "month" ? figures.date.format(when * 1000) : figures.time(when)}</b> ${reading(now)}
              ${before.length > 0 && html` · ${earlier} ${reading(before)}`}
            </p>`}
      </figcaption>
      <div class="plot" role="img" aria-label=${label} ref=${this.place}></div>
      ${note && html`<p class="note">${note}</p>`}
    </figure>`;
  }
}
