// The page: one view of what is known, drawn anew when something changes.
import { placeIn } from "./address.js";
import { Connection } from "./connection.js";
import { Figures } from "./figures.js";
import { forget } from "./acting.js";
import { IncidentsPage } from "./incident_list.js";
import { IncidentPage } from "./incident_page.js";
import { calls } from "./incidents.js";
import { kept } from "./kept.js";
import { worst } from "./level.js";
import { MapPage } from "./map.js";
import { lookOf, LOOKS, moves, onSystemLook } from "./own_look.js";
import { Rotation } from "./rotation.js";
import { ScopePage } from "./scope.js";
import { hasSession, signIn, signOut, tokenInAddress } from "./session.js";
import { Banner, DeskHeader, openOf, stateOf, TvHeader } from "./shell.js";
import { SignInPage } from "./sign_in.js";
import { html, render } from "./view.js";
import { DeskWall, TV_PAGES, TvWall } from "./wall.js";
import { errorIn, LANGUAGES } from "./words.js";

const root = document.documentElement;
const asked = new URLSearchParams(location.search);
const tv = asked.has("wall");
const tvPages = (asked.get("wall") || "overview,month,rankings").split(",").filter((page) => TV_PAGES.includes(page));

// What each page shows; all of them take the same.
const PAGES = { wall: DeskWall, map: MapPage, incidents: IncidentsPage, incident: IncidentPage, scope: ScopePage };
const placeNow = () => placeIn(location.search, PAGES);

// The daemon's clock: that of a television is often wrong.
const clock = {
  ahead: 0,
  set: (now) => {
    clock.ahead = now - Date.now() / 1000;
  },
  now: () => Date.now() / 1000 + clock.ahead,
};

const view = {
  wall: null, // the newest one
  lost: null, // since when there is no connection, by the daemon's clock
  trouble: null, // why there is no newer wall: { error, code }
  signIn: null, // what a sign-in says; null while none is needed
  signedIn: hasSession(),
  place: tv ? { page: tvPages[0] ?? "overview" } : placeNow(),
  language: asked.get("lang") ?? kept("language"),
  look: [asked.get("look"), kept("look")].find((each) => LOOKS.includes(each)) ?? (tv ? "dark" : "auto"),
  state: "unknown",
};
let figures = null;
let refused = false; // the token that came with the address

const update = (changes) => {
  Object.assign(view, changes);
  draw();
};

const actions = {
  ...moves(view, update, placeNow),
  signInAgain: () => update({ signIn: "operate" }),
  signedOut: () => connection.out(), // a page learns that its session has ended
  signOut: async () => {
    await signOut();
    location.reload();
  },
};

const signedIn = () => {
  refused = false;
  forget();
  update({ signIn: null, signedIn: true });
  connection.open();
};

const languageNow = () => [view.language, view.wall?.language, root.lang].find((each) => each in LANGUAGES) ?? "en";

const Page = () => {
  const { words } = figures;
  const { wall, place } = view;
  const common = { figures, words, look: lookOf(view.look), now: clock.now(), place, actions };
  const around = { view, actions, figures, words, clock };
  if (view.signIn !== null) return html`<${SignInPage} key=${view.signIn} words=${words} said=${view.signIn || null} done=${signedIn} />`;
  const shown =
    wall === null
      ? html`<p class="loading">${words.loading}</p>`
      : tv
        ? html`<${TvWall} wall=${wall} page=${place.page} ...${common} />`
        : html`<${PAGES[place.page]} wall=${wall} ...${common} />`;
  return html`<div class="around">
    <${tv ? TvHeader : DeskHeader} ...${around} />
    <${Banner} wall=${wall} lost=${view.lost} trouble=${view.trouble && errorIn(words, view.trouble)} clock=${clock} figures=${figures} words=${words} />
    <main id="main" tabindex="-1" class=${["stale", "lost"].includes(view.state) ? "old" : ""}>${shown}</main>
  </div>`;
};

function draw() {
  const language = languageNow();
  const zone = view.wall?.zone ?? "UTC";
  if (figures?.language !== language || figures.zone !== zone) figures = new Figures(language, zone);
  view.state = stateOf(view.wall, view.lost, clock.now());
  root.lang = language;
  root.dataset.look = lookOf(view.look);
  root.classList.toggle("tv", tv);
  const open = openOf(view.wall);
  document.title = `${open > 0 ? `(${open}) ` : ""}${view.signIn === null ? figures.words.state[view.state] : figures.words.signIn.title} · Uneri`;
  render(html`<${Page} />`, document.getElementById("board"));
}

// Figures of an incident that somebody works on step back with it.
const calmed = (wall) => {
  const theirs = new Set(wall.incidents.filter((one) => one.acknowledged).map((one) => one.id));
  const calm = (all) => all.map((of) => ({ ...of, calm: theirs.has(of.incident) }));
  return { ...wall, numbers: calm(wall.numbers), layers: calm(wall.layers), tables: calm(wall.tables) };
};

const judgedOf = (wall) => [...wall.numbers, ...wall.layers, ...wall.tables, ...wall.concurrency, ...wall.quotas];

// The daemon was upgraded, and has another page. While two versions answer at one address, a board must not load itself
// over and over.
const RELOAD = 600_000; // ms
const follow = (build) => {
  try {
    if (build === root.dataset.build || Date.now() - Number(sessionStorage.getItem("uneri-reload")) < RELOAD) return;
    sessionStorage.setItem("uneri-reload", Date.now());
    location.reload();
  } catch {
    // a browser that keeps nothing could not know when to stop
  }
};

const connection = new Connection({
  step: (wall) => {
    if (view.wall === null && clock.ahead === 0) clock.set(wall.now);
    update({ wall: calmed(wall), lost: null, trouble: null });
  },
  incidents: ({ incidents }) => view.wall !== null && update({ wall: calmed({ ...view.wall, incidents }) }),
  beat: ({ now, build }) => {
    clock.set(now);
    follow(build);
    if (stateOf(view.wall, view.lost, clock.now()) !== view.state) draw();
  },
  trouble: (trouble) => update({ trouble, lost: null }),
  found: () => view.lost !== null && update({ lost: null }),
  lost: () => view.lost === null && update({ lost: clock.now() }),
  signedOut: () => update({ signIn: refused ? "refused" : view.signedIn ? "ended" : "", wall: null }),
});

addEventListener("popstate", () => tv || update({ place: placeNow() }));
onSystemLook(draw);
setInterval(() => stateOf(view.wall, view.lost, clock.now()) !== view.state && draw(), 5000); // data grow old by themselves
if (tv) {
  new Rotation({
    pages: tvPages.length ? tvPages : ["overview"],
    every: Number(asked.get("every")) || undefined,
    turn: (page) => update({ place: { page } }),
    held: () => view.wall !== null && (view.wall.incidents.some((one) => calls(one) && !one.acknowledged) || worst(judgedOf(view.wall)) === "critical"),
  }).start();
}

draw();
const begin = async (token) => {
  if (token) {
    const said = await signIn(token);
    if (said === null) view.signedIn = true;
    else if (said === "refused") refused = true;
    else view.trouble = { error: figures.words.signIn.failed(said) };
  }
  connection.start();
};
begin(tokenInAddress());

// An address with a token, opened where the board is open already: the browser loads nothing.
addEventListener("hashchange", async () => {
  const token = tokenInAddress();
  if (!token) return;
  const said = await signIn(token);
  if (said === null) {
    update({ wall: null }); // what this browser may do is asked for again
    signedIn();
  } else if (view.signIn === null) update({ trouble: { error: said === "refused" ? figures.words.signIn.refused : figures.words.signIn.failed(said) } });
  else update({ signIn: said });
});
