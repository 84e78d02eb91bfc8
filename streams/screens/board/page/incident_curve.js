// The measure of an incident over what was expected, from some hours before it began, and its figures.
import { addressDuring, scopeAddress } from "./address.js";
import { AskingPage } from "./answers.js";
import { IncidentFigures } from "./incident_figures.js";
import { Inner } from "./inner.js";
import { ScopeChart } from "./scope_chart.js";
import { marksOf } from "./scope_events.js";
import { html } from "./view.js";

export class IncidentCurve extends AskingPage {
  path({ of }) {
    return addressDuring(of.scope, of).replace("/?", "/board/scope?");
  }

  render({ of, figures, words, look, actions }, { said }) {
    const measured = said?.measures?.find((one) => one.measure === of.measure); // none of a step that is not there yet
    const [name] = figures.measure(of.measure);
    const { start, step, points } = said ?? {};
    const limit = of.limit ? { limit: of.limit } : said?.limits?.find((one) => one.measure === of.measure);
    return html`${measured &&
      html`<section class="tile measured" data-tile="curve" aria-label=${name}>
        <header><h2 class="label"><bdi>${name}</bdi></h2><${Inner} to=${addressDuring(of.scope, of)} go=${actions.go} class="aside">${words.incident.allMeasures}</${Inner}></header>
        <${ScopeChart} measure=${of.measure} curve=${measured.curve} marks=${marksOf(said, of.measure)} zoom=${(from, to) => actions.go(scopeAddress(of.scope, { from, to }))} ...${{ name, start, step, points, limit, figures, words, look }} />
      </section>`}<${IncidentFigures} of=${of} now=${measured?.value} figures=${figures} words=${words} />`;
  }
}
