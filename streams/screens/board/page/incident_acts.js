// What people do about an incident, as with the buttons of Slack, and under which name.
import { act, callMe, permission, who } from "./acting.js";
import { Noted } from "./incidents.js";
import { Component, html } from "./view.js";
import { errorIn } from "./words.js";

// Whether this browser may act, and how; what a page has one of is the field for the name.
export class Acting extends Component {
  constructor(props) {
    super(props);
    this.state = { may: null, token: "", needed: true, busy: false, said: null, wrong: null };
  }

  componentDidMount() {
    permission()
      .then((found) => this.setState({ may: found.may, token: found.token, needed: found.needed }))
      .catch((error) => this.setState({ may: [], wrong: String(error.message ?? error) }));
  }

  get acts() {
    return this.state.may?.includes("operate") ?? false;
  }

  // Does something and says what became of it; `what` names it. Returns whether it is done.
  async go(what, method, path, body) {
    const { words, done } = this.props;
    const { act: said } = words.incident;
    if (!who() && !this.state.token) {
      this.setState({ wrong: said.needWho, said: null });
      document.getElementById("who")?.focus();
      return false;
    }
    this.setState({ busy: true, said: null, wrong: null });
    const { error, code, result, unanswered } = await act(method, path, body);
    const wrong = error && (unanswered ? said.unanswered : said.failed(said.result[result] ?? errorIn(words, { error, code })));
    this.setState(wrong ? { busy: false, wrong } : { busy: false, said: said.done[what] });
    done();
    return !error;
  }

  // The field for the name under which a person acts.
  name(words) {
    const { act: says } = words.incident;
    return html`<p class="who">
      <label for="who">${says.who}</label>
      <input id="who" autocomplete="nickname" maxlength="60" defaultValue=${who()} placeholder=${this.state.token || says.whoHint} onInput=${(event) => callMe(event.target.value)} />
    </p>`;
  }

  // What became of the last action.
  outcome() {
    const { said, wrong } = this.state;
    return html`<p class=${wrong ? "wrong" : "done"} role="status">${wrong ?? said}</p>`;
  }

  // Why it cannot act, and what helps.
  refusal(words, actions) {
    const { act: says } = words.incident;
    if (this.state.may === null) return html`<p class="note">${says.loading}</p>`;
    if (this.state.wrong) return html`<p class="wrong" role="status">${says.failed(this.state.wrong)}</p>`;
    if (!this.state.needed) return html`<p class="note">${says.elsewhere}</p>`;
    return html`<p class="note">${says.readOnly} <button type="button" class="plain" onClick=${actions.signInAgain}>${says.signIn}</button></p>`;
  }
}

export class IncidentActs extends Acting {
  press(ask, body) {
    return this.go(ask, "POST", `incidents/${encodeURIComponent(this.props.of.id)}/${ask}`, body);
  }

  // A mark teaches what the next one like it must show: it asks first.
  async mark(ask) {
    if (await this.press(ask)) this.setState({ asking: null });
  }

  async pattern(event) {
    event.preventDefault();
    const { until, why } = event.target.elements;
    if (await this.press("snooze", { for: "pattern", until: until.value, why: why.value })) this.setState({ asking: null });
  }

  render({ of, silences, figures, words, now, actions }, { busy, asking }) {
    const { act: says, until } = words.incident;
    const open = of.end == null && !["resolved", "withdrawn"].includes(of.state);
    const button = (text, press, more = "") => html`<button type="button" class=${more} disabled=${busy} onClick=${press}>${text}</button>`;
    const asks = (text, what) => html`<button type="button" aria-expanded=${asking === what} disabled=${busy} onClick=${() => this.setState({ asking: asking === what ? null : what })}>${text}</button>`;
    const cancel = button(says.cancel, () => this.setState({ asking: null }), "plain");
    return html`<section class="tile acts" aria-labelledby="acts">
      <h2 id="acts" class="label">${says.title}</h2>
      ${silences.map(
        (one) => html`<p class="held" key=${one.id}>
          <bdi>${says.held(says.heldAs[one.ask] ?? says.heldAs.snooze, one.until ? until(figures.moment(one.until, now)) : says.whileItLasts, one.by)}</bdi>
          ${this.acts && button(one.ask === "raised" ? says.endRaised : says.endSnooze, () => this.go("unsilence", "DELETE", `silences/${encodeURIComponent(one.id)}`), "plain")}
        </p>`,
      )}
      ${!this.acts
        ? this.refusal(words, actions)
        : html`${this.name(words)}
            <div class="buttons">
              ${open && (of.acknowledged ? button(says.unacknowledge, () => this.press("unacknowledge")) : button(says.acknowledge, () => this.press("acknowledge"), "main"))}
              ${open &&
              html`<span class="group" role="group" aria-label=${says.snooze}>
                <span aria-hidden="true">${says.snooze}</span>
                ${button(says.hour, () => this.press("snooze", { for: "1h" }))} ${button(says.tomorrow, () => this.press("snooze", { for: "tomorrow" }))}
                ${asks(says.pattern, "pattern")}
              </span>`}
              ${of.state !== "withdrawn" &&
              !of.labelled &&
              html`${asks(says.expected, "expected")} ${asks(says.not_an_anomaly, "not_an_anomaly")}`}
              ${of.labelled && button(says.takeBack, () => this.press("take_back"))}
            </div>
            ${["expected", "not_an_anomaly"].includes(asking) &&
            html`<div class="pattern" role="group" aria-label=${says[asking]}>
              <p class="note">${open ? says.teaches : says.taught}</p>
              ${button(says.sure(says[asking]), () => this.mark(asking), "main")} ${cancel}
            </div>`}
            ${asking === "pattern" &&
            html`<form class="pattern" onSubmit=${(event) => this.pattern(event)}>
              <label>${says.patternUntil} <input type="date" name="until" required /></label>
              <label>${says.patternWhy} <input name="why" maxlength="200" /></label>
              <button type="submit" disabled=${busy}>${says.patternGo}</button>
              ${cancel}
            </form>`}
            ${this.outcome()}`}
    </section>`;
  }
}

const LONGEST = 1000; // characters of a memo

// Memos with their authors, and a field for another one. `note` makes a body of what was typed, `fields` are more inputs,
// `named` adds the field for the name.
export class MemoBox extends Acting {
  async add(event) {
    event.preventDefault();
    const form = event.target;
    const length = [...form.elements.text.value.replace(/\s+/g, " ").trim()].length;
    if (length > LONGEST) {
      const { words, figures } = this.props;
      this.setState({ said: null, wrong: words.incident.memo.tooLong(figures.whole.format(LONGEST), figures.whole.format(length)) });
      return;
    }
    if (await this.go("note", "POST", "memos", this.props.note(form.elements))) form.elements.text.value = "";
  }

  render({ title, of, none, label, fields = null, named = false, figures, words, now }, { busy }) {
    const { memo: says } = words.incident;
    return html`<section class="tile memos" aria-label=${title}>
      <h2 class="label">${title}</h2>
      <ul class="rows">
        ${of.map(
          (memo) => html`<li class="memo" key=${memo.id}>
            <${Noted} memo=${memo} figures=${figures} now=${now}>${memo.scope && html` · <bdi>${memo.scope}</bdi>`}</${Noted}>
            ${this.acts &&
            html`<button type="button" class="plain" disabled=${busy} aria-label=${says.removeOf(memo.name ?? memo.by)} onClick=${() => this.go("forget", "DELETE", `memos/${encodeURIComponent(memo.id)}`)}>
              ${says.remove}
            </button>`}
          </li>`,
        )}
        ${of.length === 0 && none && html`<li class="aside">${none}</li>`}
      </ul>
      ${this.acts &&
      html`<form onSubmit=${(event) => this.add(event)}>
        <label for="memo-text">${label}</label>
        <textarea id="memo-text" name="text" rows="3" required></textarea>
        ${fields} ${named && this.name(words)}
        <p class="buttons"><button type="submit" disabled=${busy}>${says.add}</button></p>
      </form>`}
      ${this.acts && this.outcome()}
    </section>`;
  }
}
