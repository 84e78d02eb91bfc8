// How bad something is, and the shape that says so beside the colour.
import { html } from "./view.js";

const ACT = new Set(["spike", "drop", "absence", "fatal", "limit"]); // a limit that is far is in the digest
const ORDER = ["well", "warning", "critical"];

// A verdict for which people are called counts like the upper threshold, one for the digest or of a calm incident like
// the lower.
export const level = ({ verdict, threshold, calm }) =>
  threshold === "critical" || (ACT.has(verdict) && !calm) ? "critical" : threshold === "warning" || verdict ? "warning" : "well";

const RISES = new Set(["spike", "growth", "limit", "fatal"]); // for all of its life, whatever the newest minute shows

// Less than expected: a share of it is a share of what is missing.
export const falls = ({ verdict, observed, expected, added_up: mean }) =>
  verdict === "drop" || verdict === "absence" || (!RISES.has(verdict) && (mean?.observed ?? observed) < (mean?.expected ?? expected));

export const worst = (things) => ORDER[Math.max(0, ...things.map((thing) => ORDER.indexOf(level(thing))))];

export const byWorst = (things) =>
  [...things].sort((a, b) => ORDER.indexOf(level(b)) - ORDER.indexOf(level(a)) || (b.share ?? -1) - (a.share ?? -1));

const SHAPES = {
  __proto__: null, // a verdict may be any text
  spike: "M8 2 15 14H1Z",
  drop: "M8 14 1 2H15Z",
  shift: "M1 14V9H8V2H15V14Z",
  growth: "M6 2H14V10L11.2 7.2 4 14.4 1.6 12 8.8 4.8Z",
  limit: "M1 1H15V4H1ZM5 6H11V15H5Z",
  absence: "M8 1a7 7 0 1 0 0 14a7 7 0 1 0 0-14ZM8 4a4 4 0 1 1 0 8a4 4 0 1 1 0-8Z",
  fatal: "M5 1H11L15 5V11L11 15H5L1 11V5ZM7 4V9H9V4ZM7 10.5V12.5H9V10.5Z",
  threshold: "M8 .5 15.5 8 8 15.5.5 8Z",
  well: "M6.4 13.2 1.2 8 3.2 6 6.4 9.2 12.8 2.8 14.8 4.8Z",
  stale: "M8 1a7 7 0 1 0 0 14a7 7 0 1 0 0-14ZM7 4H9V8H12V10H7Z",
};

export const Shape = ({ of }) =>
  html`<svg class="shape" viewBox="0 0 16 16" aria-hidden="true"><path fill-rule="evenodd" d=${SHAPES[of] ?? SHAPES.threshold} /></svg>`;

// The word for what is wrong, with its shape; nothing while it is well.
export const Mark = ({ of, words }) => {
  if (level(of) === "well") return null;
  const said = of.verdict ? words.verdict[of.verdict] ?? of.verdict : words.threshold[of.threshold];
  const whose = of.verdict && of.verdict_of; // of some of the accounts that a number sums up
  return html`<span class="mark"><${Shape} of=${of.verdict ?? "threshold"} />${said}${whose && html` · <bdi class="as-is">${whose}</bdi>`}</span>`;
};
