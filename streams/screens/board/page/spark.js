// A small line of the last hours over last week's dotted one, under its limit.
import { isDrawn } from "./chart.js";
import { html } from "./view.js";

const HEIGHT = 40;
const known = (value) => typeof value === "number";

// So many points that noise does not hide the course: each is the mean of its neighbours.
const POINTS = 60;
const smooth = (values) => {
  const each = Math.ceil(values.length / POINTS);
  if (each < 2) return values;
  return Array.from({ length: Math.ceil(values.length / each) }, (_, place) => {
    const some = values.slice(place * each, (place + 1) * each).filter(known);
    return some.length ? some.reduce((sum, value) => sum + value, 0) / some.length : null;
  });
};

const path = (values, low, high) => {
  let drawn = "";
  let pen = false;
  values.forEach((value, x) => {
    if (!known(value)) {
      pen = false;
      return;
    }
    const y = high > low ? HEIGHT - ((value - low) / (high - low)) * HEIGHT : value > 0 ? HEIGHT / 2 : HEIGHT;
    drawn += `${pen ? "L" : "M"}${x} ${y.toFixed(1)}`;
    pen = true;
  });
  return drawn;
};

// The limit that a small line has room for; else null.
export const limitOver = (values, limit) => (isDrawn(limit, Math.max(...smooth(values).filter(known))) ? limit : null);

export const Spark = (props) => {
  const [now, before] = [smooth(props.now), smooth(props.before ?? [])];
  const all = [...now, ...before].filter(known);
  if (all.length < 2) return html`<svg class="spark" aria-hidden="true"></svg>`;
  const limit = props.limit ?? null;
  const high = Math.max(...all, limit);
  const least = Math.min(...all);
  const low = limit === null && least > high * 0.5 ? Math.max(0, least - (high - least)) : Math.min(0, least);
  const width = Math.max(now.length, before.length) - 1;
  return html`<svg class="spark" viewBox=${`-1 -2 ${width + 2} ${HEIGHT + 4}`} preserveAspectRatio="none" aria-hidden="true">
    <path class="before" d=${path(before, low, high)} /><path class="now" d=${path(now, low, high)} />${limit !== null && html`<path class="limit" d=${path(Array(width + 1).fill(limit), low, high)} />`}
  </svg>`;
};

// A bar for a share of 1; none where it is not known.
export const Meter = ({ share }) =>
  share === null
    ? null
    : html`<svg class="meter" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect class="whole" width="100" height="4" /><rect class="part" width=${Math.min(100, Math.max(0, share * 100)).toFixed(1)} height="4" />
      </svg>`;
