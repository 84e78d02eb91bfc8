// The chart of one measure over any range: observed over last week's, what was expected behind, the extremes of each
// point, its limit, and what happened meanwhile. It is read with the arrow keys, too; a range that is drawn over it is looked at.
import { Chart, colour, isDrawn } from "./chart.js";
import { html } from "./view.js";

const KEYS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -12, PageDown: 12, Home: -Infinity, End: Infinity };
const NARROWEST = 10; // pixels of a drawn range; less is a click
const DAY = 86400;

export class ScopeChart extends Chart {
  componentDidUpdate(before) {
    const { look, figures, curve, marks, start, step, points, limit } = this.props;
    const same = before.limit?.limit === limit?.limit && before.look === look && before.figures === figures && before.points === points && before.start === start && before.step === step;
    if (!same) this.make();
    else if (before.curve !== curve || before.marks !== marks) this.plot.setData(this.data());
  }

  // The highest value of the curve: it decides the unit of all.
  get highest() {
    const { curve } = this.props;
    return Math.max(...curve.observed, ...curve.most);
  }

  // The limit that the chart has room for, beside all that it draws.
  get limit() {
    const { curve, limit } = this.props;
    return isDrawn(limit?.limit, Math.max(this.highest, ...curve.upper, ...curve.expected)) ? limit.limit : null;
  }

  get limitName() {
    const { limit, figures, words, measure } = this.props;
    return words.limit(figures.quantity(limit.limit, measure, this.highest));
  }

  data() {
    const { start, step, points, curve, figures, measure } = this.props;
    const times = figures.times(measure, this.highest);
    const fill = (values) => Array.from({ length: points }, (_, place) => (values[place] == null ? null : values[place] * times));
    return [
      Array.from({ length: points }, (_, place) => start + place * step),
      ...["lower", "upper", "least", "most", "before", "expected", "observed"].map((name) => fill(curve[name])),
    ];
  }

  options() {
    const options = super.options();
    const place = this.place.current;
    const { figures, step, points, zoom, measure } = this.props;
    this.inks = { limit: colour(place, "--limit"), critical: colour(place, "--critical"), warning: colour(place, "--warning"), quiet: colour(place, "--dim") };
    const [x, y] = options.axes;
    const values = (_, marks) => figures.ticks(marks, figures.measure(measure, this.highest)[1]);
    const span = step * points;
    const times = figures.times(measure, this.highest);
    const [, , , before, now] = options.series;
    const hidden = { stroke: "transparent", points: { show: false } };
    const expected = { stroke: colour(place, "--before"), width: now.width * 0.5, points: { show: false } };
    return {
      ...options,
      select: { show: Boolean(zoom) },
      cursor: { y: false, points: { size: 7 }, drag: { x: Boolean(zoom), y: false, setScale: false }, sync: { key: "scope" } },
      hooks: {
        setCursor: [(plot) => this.read(plot.cursor.idx)],
        setSelect: [(plot) => plot.select.width > NARROWEST && zoom(...[0, plot.select.width].map((each) => Math.round(plot.posToVal(plot.select.left + each, "x"))))],
        draw: [(plot) => this.mark(plot)],
      },
      scales: { y: { range: (_, least, most) => [Math.min(0, least ?? 0), Math.max((most || 1) * 1.06, this.limit * times * 1.2)] } }, // room for its name
      axes: [{ ...x, values: (_, at) => at.map((each) => (span > 1.6 * DAY || figures.isMidnight(each) ? figures.day.format(each * 1000) : figures.time(each))) }, { ...y, values }],
      series: [{}, hidden, hidden, hidden, hidden, before, expected, { ...now, width: now.width * (points > 300 ? 0.75 : 1) }],
      bands: [...options.bands, { series: [4, 3], fill: colour(place, "--extremes") }],
    };
  }

  // Draws the limit and its name, and what happened: incidents along the top, changes as lines, memos as dots.
  mark(plot) {
    const { ctx, bbox } = plot;
    const size = devicePixelRatio;
    const { figures, measure } = this.props;
    const at = (time) => Math.min(bbox.left + bbox.width, Math.max(bbox.left, plot.valToPos(time, "x", true)));
    ctx.save();
    if (this.limit !== null) {
      const y = plot.valToPos(this.limit * figures.times(measure, this.highest), "y", true);
      ctx.strokeStyle = ctx.fillStyle = this.inks.limit;
      ctx.lineWidth = 1.5 * size;
      ctx.setLineDash([6 * size, 4 * size]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.font = plot.axes[1].font[0];
      ctx.textAlign = "left";
      ctx.textBaseline = "bottom";
      ctx.fillText(this.limitName, bbox.left + 6 * size, y - 2 * size);
    }
    for (const { kind, from, to } of this.props.marks) {
      const left = at(from);
      ctx.fillStyle = this.inks[kind] ?? this.inks.quiet;
      if (kind === "alerted") {
        for (let top = bbox.top; top < bbox.top + bbox.height; top += 8 * size) ctx.fillRect(left - size / 2, top, size, 5 * size);
      } else if (kind === "change") ctx.fillRect(left - size / 2, bbox.top, size, bbox.height);
      else if (kind === "memo") {
        ctx.beginPath();
        ctx.arc(left, bbox.top + bbox.height - 4 * size, 3 * size, 0, 2 * Math.PI);
        ctx.fill();
      } else {
        const width = Math.max(2 * size, at(to) - left);
        ctx.fillRect(left, bbox.top, width, 4 * size);
        ctx.globalAlpha = 0.08;
        ctx.fillRect(left, bbox.top, width, bbox.height);
        ctx.globalAlpha = 1;
      }
    }
    ctx.restore();
  }

  read(at) {
    if (this.state.at !== (at ?? null)) this.setState({ at: at ?? null });
  }

  press(event) {
    const by = KEYS[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const last = this.props.points - 1;
    const at = Math.min(last, Math.max(0, (this.state.at ?? last) + (this.state.at === null && by === -1 ? 0 : by)));
    this.plot.setCursor({ left: this.plot.valToPos(this.props.start + at * this.props.step, "x"), top: 10 });
    this.read(at);
  }

  said(at) {
    const { start, step, curve, figures, words, measure } = this.props;
    const value = (name) => curve[name][at] ?? null;
    const of = (name) => figures.quantity(value(name), measure, this.highest);
    const amount = (name) => figures.amount(value(name), measure, this.highest);
    const when = start + at * step;
    const parts = at < curve.observed.length ? [of("observed")] : []; // a forecast goes on after what is observed
    if (value("most") !== null && value("most") !== value("least")) parts.push(words.scope.between(amount("least"), amount("most")));
    if (value("expected") !== null) parts.push(words.scope.expected(amount("expected"), amount("lower"), amount("upper")));
    if (value("before") !== null) parts.push(`${words.lastWeek} ${amount("before")}`);
    return `${step >= DAY ? figures.day.format(when * 1000) : figures.date.format(when * 1000)}: ${parts.join(" · ")}`;
  }

  // A limit that is too far to be drawn, and when growth reaches it.
  beside() {
    const { limit, figures, words } = this.props;
    const reached = limit && figures.limitIn(limit, words.reaches);
    const far = limit && this.limit === null && words.above(this.limitName);
    return (far || reached) && html`<p class="note limit-note"><i class="k-limit"></i>${[far, reached].filter(Boolean).join(" · ")}</p>`;
  }

  render({ name, points }, { at }) {
    return html`<div class="charted">
      ${this.beside()}
      <p class="reading" aria-hidden="true">${at === null ? "\u00a0" : this.said(at)}</p>
      <div
        class="plot"
        role="slider"
        tabindex="0"
        aria-label=${this.limit === null ? name : `${name}, ${this.limitName}`}
        aria-valuemin="0"
        aria-valuemax=${points - 1}
        aria-valuenow=${at ?? points - 1}
        aria-valuetext=${this.said(at ?? points - 1)}
        onKeyDown=${(event) => this.press(event)}
        ref=${this.place}
      ></div>
    </div>`;
  }
}
