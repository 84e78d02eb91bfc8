// What is around every page: the state of everything, how old the data are, where else to go.
import { addressOf } from "./address.js";
import { Find } from "./find.js";
import { calls } from "./incidents.js";
import { Inner } from "./inner.js";
import { Shape } from "./level.js";
import { Component, html } from "./view.js";

const MARKS = { well: "well", attention: "threshold", learning: "growth", stale: "stale", lost: "stale", unknown: "stale" };

// Tells every second how old the data are, and redraws only itself.
export class Freshness extends Component {
  componentDidMount() {
    this.ticking = setInterval(() => this.setState({}), 1000);
  }

  componentWillUnmount() {
    clearInterval(this.ticking);
  }

  render({ wall, clock, figures, words }) {
    if (wall === null || wall.at === null) return html`<span class="fresh">${words.noData}</span>`;
    return html`<span class="fresh">${words.age(figures.duration(clock.now() - wall.at))}</span>`;
  }
}

// Says what is wrong with the data themselves; ticks for as long as it is shown.
export class Banner extends Freshness {
  render({ wall, lost, trouble, clock, figures, words }) {
    const now = clock.now();
    const since = (at) => figures.duration(Math.max(0, now - at));
    let said = null;
    let word = trouble; // what a screen reader says, once: the figures beside it change every second
    if (lost !== null) {
      word = words.state.lost;
      said = wall === null ? words.neverFound : [words.lost(since(lost)), wall.at !== null && words.shown(figures.moment(wall.at, now))].filter(Boolean).join(" · ");
    } else if (trouble) said = trouble;
    else if (wall !== null && wall.at !== null && isStale(wall, now)) {
      word = words.state.stale;
      said = words.stale(since(wall.at), figures.moment(wall.at, now));
    } else if (wall !== null && wall.incidents_until !== null && wall.at - wall.incidents_until > wall.stale_after) {
      word = words.notTold;
      said = wall.incidents_until ? words.toldUntil(figures.moment(wall.incidents_until, now)) : words.neverTold;
    }
    return html`<div class="banner" role="alert">
      ${said && html`<span class="hidden">${word}</span><p aria-hidden="true"><${Shape} of="stale" />${said}</p>`}
    </div>`;
  }
}

const isStale = (wall, now) => wall.state === "stale" || (wall.at !== null && now - wall.at > wall.stale_after);

export const stateOf = (wall, lost, now) => {
  if (wall === null) return "unknown";
  if (lost !== null) return "lost";
  if (isStale(wall, now)) return "stale";
  return wall.incidents.some(calls) ? "attention" : wall.state;
};

export const openOf = (wall) => wall?.incidents.filter(calls).length ?? 0;

export const State = ({ wall, state, words }) => {
  const open = openOf(wall);
  const said = open > 0 && !["stale", "lost"].includes(state) ? words.open(open) : words.state[state];
  return html`<p class=${`state ${state}`} role="status"><${Shape} of=${MARKS[state]} /><span>${said}</span></p>`;
};

// The time in the configured zone.
export class WallClock extends Freshness {
  render({ clock, figures }) {
    const now = clock.now();
    return html`<span class="clock">${figures.time(now)} <small>${figures.zoneName(now)}</small></span>`;
  }
}

const PageLink = ({ to, place, go, children }) =>
  html`<${Inner} to=${addressOf(to)} go=${go} current=${place.page === to || (to === "incidents" && place.page === "incident")}>${children}</${Inner}>`;

export const Skip = ({ words }) => html`<a class="skip" href="#main" onClick=${(event) => (event.preventDefault(), document.getElementById("main").focus())}>${words.skip}</a>`;

export const Brand = ({ words }) => html`<p class="brand"><svg viewBox="0 0 32 20" aria-hidden="true"><path d="M2 13c5 0 6-9 11-9s5 8 10 8c3 0 5-3 7-3" /></svg>${words.name}</p>`;

// How the page looks, and what it speaks; `children` follow.
export const Switches = ({ view: { look }, actions, figures, words, children }) =>
  html`<p class="switches">
    <button type="button" title=${words.look[look]} aria-label=${words.look[look]} onClick=${actions.turnLook}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.5" fill="none" /><path d="M8 1.5a6.5 6.5 0 0 1 0 13Z" /></svg>
      <span class="hidden">${words.look[look]}</span>
    </button>
    <button type="button" lang=${figures.language === "ja" ? "en" : "ja"} onClick=${actions.turnLanguage}>${words.otherLanguage}</button>
    ${children}
  </p>`;

export const DeskHeader = ({ view, actions, figures, words, clock }) => {
  const { wall, place, state } = view;
  const open = openOf(wall);
  return html`<header class="head">
    <${Skip} words=${words} />
    <${Brand} words=${words} />
    <nav aria-label=${words.pages}>
      <${PageLink} to="wall" place=${place} go=${actions.go}>${words.wall}</${PageLink}>
      <${PageLink} to="map" place=${place} go=${actions.go}>${words.map.nav}</${PageLink}>
      <${PageLink} to="incidents" place=${place} go=${actions.go}>${words.incidents}${open > 0 && html` <span class="count">${open}</span>`}</${PageLink}>
    </nav>
    <${Find} words=${words} actions=${actions} />
    <${State} ...${{ wall, state, words }} />
    <p class="about">
      ${wall && wall.accounts.length > 0 && html`<span title=${wall.accounts.map((one) => one.name).join(", ")}>${words.accounts(wall.accounts.length)}</span>`}
      <${Freshness} ...${{ wall, clock, figures, words }} />
      <${WallClock} ...${{ clock, figures }} />
    </p>
    <${Switches} ...${{ view, actions, figures, words }}>${view.signedIn && html`<button type="button" onClick=${actions.signOut}>${words.signOut}</button>`}</${Switches}>
  </header>`;
};

export const TvHeader = ({ view, figures, words, clock }) => {
  const { wall, state } = view;
  return html`<header class="head">
    <${State} ...${{ wall, state, words }} />
    <p class="about">
      ${wall && wall.accounts.length > 0 && html`<span>${words.accounts(wall.accounts.length)}</span>`}
      <${Freshness} ...${{ wall, clock, figures, words }} />
    </p>
    <p class="about"><${WallClock} ...${{ clock, figures }} /></p>
  </header>`;
};
