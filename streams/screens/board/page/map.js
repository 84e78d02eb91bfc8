// The service map: clients, routes, functions, tables, and who calls whom. What is folded, looked for and picked is in its address.
import { addressOf } from "./address.js";
import { AskingPage } from "./answers.js";
import { falls, Mark } from "./level.js";
import { Name } from "./map_box.js";
import { Canvas } from "./map_canvas.js";
import { many, whole } from "./map_figures.js";
import { chosen, folded, foldFor, FOLDS, nodesOf, openGroups, unwell } from "./map_graph.js";
import { MapList } from "./map_list.js";
import { html } from "./view.js";

const NARROW = "(max-width: 700px)"; // where a list reads better than a picture

// The figures of a line that somebody picked.
const Picked = ({ link, figures, words, go, close }) =>
  html`<section class="tile picked" aria-label=${words.map.picked}>
    <p class="name"><span><${Name} of=${link.source} go=${go} /> → <${Name} of=${link.target} go=${go} /></span>
      <button type="button" aria-label=${words.map.close} onClick=${close}>×</button></p>
    <p><${Mark} of=${link} words=${words} />${link.excess != null && html` ${(falls(link) ? words.map.lack : words.map.excess)(figures.percent(link.excess))}`}</p>
    <dl>
      ${whole(link, figures, words).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
      ${link.source.requests > 0 && html`<div><dt>${words.map.ofSource}</dt><dd>${figures.percent(link.requests / link.source.requests)}</dd></div>`}
      ${link.target.requests > 0 && html`<div><dt>${words.map.ofTarget}</dt><dd>${figures.percent(link.requests / link.target.requests)}</dd></div>`}
    </dl>
  </section>`;

const Choice = ({ value, current, turn, children }) =>
  html`<button type="button" aria-pressed=${value === current} onClick=${() => turn(value)}>${children}</button>`;

export class MapPage extends AskingPage {
  path() {
    return "/board/map";
  }

  // What is drawn of what was sent; made anew only when one of them changes, so that nothing moves for nothing.
  made(said, place, words) {
    const of = [said, place.find, place.only, place.fold, place.open, words];
    if (this.of?.every((each, at) => each === of[at])) return this.drawn;
    this.of = of;
    const nodes = nodesOf(said, words);
    const { shown, found } = chosen(nodes, said.edges, place, words);
    const kept = nodes.filter((node) => shown.has(node.place));
    const fold = FOLDS.includes(place.fold) ? place.fold : foldFor(kept);
    const open = new Set((place.open ?? "").split(".").filter(Boolean));
    this.drawn = {
      kept,
      fold,
      open,
      opened: openGroups(kept, fold, open, words),
      found: new Set([...found].map((each) => nodes[each].key)),
      all: nodes.filter((node) => node.kind !== "service"),
      services: nodes.filter((node) => node.kind === "service" && unwell(node)),
      ...folded(kept, said.edges, fold, open, words),
    };
    return this.drawn;
  }

  // Goes on with another part of the address; what was only typed is not a step back.
  turn(changes, typed = false) {
    const { page, ...place } = { ...this.props.place, ...changes };
    const { map, ...rest } = place;
    const address = addressOf("map", "", rest);
    if (typed) this.props.actions.stay(address);
    else this.props.actions.turn(address);
  }

  render({ place, figures, words, actions, wall }, { said, error }) {
    const heading = html`<h1>${words.map.title}</h1>`;
    if (!said) return html`<div class="map"><div class="finder">${heading}</div><p class="loading">${error ?? words.loading}</p></div>`;
    const { kept, fold, open, opened, boxes, links, found, all, services } = this.made(said, place, words);
    const listed = (place.as ?? (matchMedia(NARROW).matches ? "list" : "map")) === "list";
    const picked = links.find((link) => link.id === place.edge);
    const { go } = actions;
    const turned = (more) => (value) => this.turn({ [more]: value });
    const toggle = (id) => {
      const next = new Set(open);
      if (!next.delete(id)) next.add(id);
      this.turn({ open: [...next].join(".") });
    };
    return html`<div class="map">
      <div class="finder">
        ${heading}
        <label>${words.map.find} <input type="search" placeholder=${words.map.findHint} value=${place.find ?? ""} onInput=${(event) => this.turn({ find: event.target.value }, true)} /></label>
        <label class="switch"><input type="checkbox" checked=${Boolean(place.only)} onChange=${(event) => this.turn({ only: event.target.checked ? "unwell" : "" })} /> ${words.map.only}</label>
        ${!listed &&
        html`<p class="choices" role="group" aria-label=${words.map.fold}>
          <span class="aside" aria-hidden="true">${words.map.fold}</span>
          ${FOLDS.map((each) => html`<${Choice} key=${each} value=${each} current=${fold} turn=${turned("fold")}>${words.map.folds[each]}</${Choice}>`)}
        </p>`}
        <p class="choices" role="group" aria-label=${words.map.as}>
          ${["map", "list"].map((each) => html`<${Choice} key=${each} value=${each} current=${listed ? "list" : "map"} turn=${turned("as")}>${words.map.shown[each]}</${Choice}>`)}
        </p>
        <p role="status">${words.map.found(kept.length, all.length, all.filter(unwell).length)}${said.folded > 0 ? ` · ${words.map.bounded(said.folded)}` : ""}${said.left_out > 0 ? ` · ${words.map.leftOut(said.left_out)}` : ""}</p>
      </div>
      ${error && html`<p class="note">${error}</p>`}
      ${services.length > 0 &&
      html`<p class="opened">
        ${services.map((each) => html`<span key=${each.key}>${words.kind.service} <${Name} of=${each} go=${go} /><${Mark} of=${each} words=${words} /></span>`)}
      </p>`}
      ${opened.length > 0 &&
      !listed &&
      html`<p class="opened">${opened.map((each) => html`<button type="button" key=${each.id} aria-expanded="true" onClick=${() => toggle(each.id)}>${words.map.close_(each.name, many(each, words))} ×</button>`)}</p>`}
      ${picked && !listed && html`<${Picked} link=${picked} close=${() => this.turn({ edge: "" })} ...${{ figures, words, go }} />`}
      ${kept.length === 0
        ? html`<p class="tile empty">${all.length === 0 ? (wall?.at == null ? words.nothing : words.map.none) : place.find ? words.map.notFound : words.map.allWell}</p>`
        : listed
          ? html`<div class="lists"><${MapList} nodes=${kept} edges=${said.edges} ...${{ figures, words, go }} /></div>`
          : html`<${Canvas} edge=${place.edge} pick=${(id) => this.turn({ edge: id === place.edge ? "" : id })} open=${toggle} ...${{ boxes, links, found, go, figures, words }} />`}
    </div>`;
  }
}
