// The boxes and lines of the map.
import { scopeAddress } from "./address.js";
import { Inner } from "./inner.js";
import { level, Mark, Shape } from "./level.js";
import { many, priced, short } from "./map_figures.js";
import { lineOf, middleOf } from "./map_layout.js";
import { html } from "./view.js";

// Lengths on the map are those of its letters.
export const rem = (value) => `${value.toFixed(2)}rem`;
export const root = () => parseFloat(getComputedStyle(document.documentElement).fontSize);

// The name of a node or a box, which leads to its page if it has one.
export const Name = ({ of, go }) => (of.scope ? html`<${Inner} to=${scopeAddress(of.scope)} go=${go}><bdi>${of.name}</bdi></${Inner}>` : html`<bdi>${of.name}</bdi>`);

const Inside = ({ box, figures, words, most }) => html`
  <span class="top"><bdi>${box.name}</bdi><${Mark} of=${box} words=${words} /></span>
  <span class="of">
    ${box.folds && most === undefined && html`<b>${many(box, words)}${box.wrong > 0 && ` · ${words.map.wrong(box.wrong)}`}</b>`}
    ${short(box, figures, words).slice(0, most).map((each) => html`<span key=${each}>${each}</span>`)}
  </span>`;

// A box: of a node, a link to its page; of a group, a button that opens it; of a rest, neither.
export const Box = ({ box, found, figures, words, go, near, open, figuresMost }) => {
  const { x, y, width, height } = box;
  const at = {
    class: `node ${box.kind} ${level(box)}${found ? " found" : ""}${box.folds ? " folds" : ""}`,
    style: { left: rem(x), top: rem(y), width: rem(width), height: rem(height) },
    title: [box.name, priced(box, figures)].filter(Boolean).join(" · "),
    "data-node": box.id,
    onMouseEnter: () => near(box.id),
    onMouseLeave: () => near(null),
    onFocus: () => near(box.id),
    onBlur: () => near(null),
  };
  const inside = html`<${Inside} ...${{ box, figures, words, most: figuresMost }} />`;
  if (box.folds) return html`<button type="button" aria-expanded="false" onClick=${() => open(box.group)} ...${at}>${inside}</button>`;
  if (!box.scope) return html`<div ...${at}>${inside}</div>`;
  return html`<${Inner} to=${scopeAddress(box.scope)} go=${go} ...${at}>${inside}</${Inner}>`;
};

// A line, as wide as it is used; a wider one that nobody sees takes clicks.
export const Line = ({ link, drawn, form, most, thin = 1, current, pick, said }) => {
  const path = lineOf(link, drawn, form);
  const wide = thin * (0.07 + (0.3 * Math.log1p((99 * link.requests) / (most || 1))) / Math.log(100));
  const wrong = Boolean(said); // only what is wrong is a stop of the keyboard: the list has all of them
  return html`<g class=${`edge ${level(link)}${current ? " current" : ""}`} data-edge=${link.id}
    role=${wrong ? "button" : undefined} tabindex=${wrong ? "0" : undefined} aria-label=${wrong ? said : undefined} aria-hidden=${wrong ? undefined : "true"}
    onClick=${() => pick(link.id)} onKeyDown=${(event) => ["Enter", " "].includes(event.key) && (event.preventDefault(), pick(link.id))}>
    <path class="line" d=${path} stroke-width=${wide.toFixed(2)} /><path class="hit" d=${path} />
  </g>`;
};

// What is wrong between two, as a shape on the line.
export const Sign = ({ link, drawn, form }) => {
  const { x, y } = middleOf(link, drawn, form);
  return html`<span class=${`sign ${level(link)}`} style=${{ left: rem(x), top: rem(y) }} aria-hidden="true"><${Shape} of=${link.verdict ?? "threshold"} /></span>`;
};
