// A report: the page of the board as one file, with its data inside. Nobody is asked for anything.
import { addressOf, placeIn } from "./address.js";
import { Figures } from "./figures.js";
import { given } from "./given.js";
import { IncidentPage } from "./incident_page.js";
import { kept } from "./kept.js";
import { lookOf, LOOKS, moves, onSystemLook } from "./own_look.js";
import { ReportPage } from "./report_page.js";
import { Brand, Skip, Switches } from "./shell.js";
import { html, render } from "./view.js";
import { LANGUAGES } from "./words.js";

const PAGES = { incidents: ReportPage, incident: IncidentPage };
const root = document.documentElement;
const { wall } = given;
const placeNow = () => placeIn(location.hash.slice(1), PAGES);

const view = {
  place: placeNow(),
  language: [kept("language"), wall.language].find((each) => each in LANGUAGES),
  look: LOOKS.find((each) => each === kept("look")) ?? "auto",
  onPaper: false,
};

const update = (changes) => {
  Object.assign(view, changes);
  draw();
};

const actions = moves(view, update, placeNow);

// Paper is white, and has every incident: nobody presses anything there.
function draw() {
  const figures = new Figures(view.language, wall.zone);
  const { words } = figures;
  const look = lookOf(view.onPaper ? "light" : view.look);
  root.lang = view.language;
  root.dataset.look = look;
  const common = { wall, figures, words, look, now: wall.now, actions };
  const { page } = view.place;
  const printed = view.onPaper && page === "incidents" ? given.ids : [];
  render(
    html`<div class="around">
      <header class="head">
        <${Skip} words=${words} />
        <${Brand} to=${addressOf("incidents")} words=${words} />
        <${Switches} ...${{ view, actions, figures, words }} />
      </header>
      <main id="main" tabindex="-1">
        <${PAGES[page]} key=${page} place=${view.place} ...${common} />
        ${printed.map((incident) => html`<${IncidentPage} key=${incident} place=${{ page: "incident", incident }} ...${common} />`)}
      </main>
    </div>`,
    document.getElementById("board"),
  );
}

addEventListener("popstate", () => {
  update({ place: placeNow() });
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
});
onSystemLook(draw);
addEventListener("beforeprint", () => update({ onPaper: true }));
addEventListener("afterprint", () => update({ onPaper: false }));
draw();
