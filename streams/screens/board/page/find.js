// The way to any scope: type a part of its name, and choose.
import { scopeAddress } from "./address.js";
import { ask } from "./answers.js";
import { Inner } from "./inner.js";
import { Component, createRef, html } from "./view.js";
import { errorIn } from "./words.js";

const PAUSE = 200; // ms after the last key
const shortcut = () => (matchMedia("(hover: none)").matches ? "" : /Mac/.test(navigator.userAgent) ? " (⌘K)" : " (Ctrl K)");

export class Find extends Component {
  constructor(props) {
    super(props);
    this.state = { typed: "", found: null, more: 0, error: null };
    this.field = createRef();
    this.hint = shortcut();
    this.summoned = (event) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
      event.preventDefault();
      this.field.current.focus();
    };
  }

  componentDidMount() {
    document.addEventListener("keydown", this.summoned);
  }

  componentWillUnmount() {
    document.removeEventListener("keydown", this.summoned);
    clearTimeout(this.waiting);
    this.asking?.abort();
  }

  type(typed) {
    this.setState({ typed });
    clearTimeout(this.waiting);
    if (!typed.trim()) this.close();
    else this.waiting = setTimeout(() => this.ask(typed), PAUSE);
  }

  async ask(typed) {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const { said, lost, signedOut, ...raw } = await ask(`/board/scopes?like=${encodeURIComponent(typed)}`, asking.signal);
    if (asking.signal.aborted) return;
    const { words, actions } = this.props;
    if (signedOut) actions.signedOut();
    else this.setState({ found: said?.scopes ?? [], more: said?.more ?? 0, error: lost ? words.neverFound : (errorIn(words, raw) ?? null) });
  }

  close() {
    this.asking?.abort();
    this.setState({ typed: "", found: null, more: 0, error: null });
  }

  go(address) {
    this.close();
    this.props.actions.go(address);
  }

  enter(event) {
    event.preventDefault();
    const first = this.state.found?.[0];
    if (first) this.go(scopeAddress(first.scope));
  }

  press(event) {
    if (event.key === "Escape") this.close();
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const all = [...event.currentTarget.querySelectorAll("input, li a")];
    const next = all[all.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
    if (next) (event.preventDefault(), next.focus());
  }

  render({ words }, { typed, found, more, error }) {
    const said = error ?? (found === null ? "" : found.length === 0 ? words.find_.none : more > 0 ? words.find_.more(more) : "");
    return html`<form class="find" role="search" onSubmit=${(event) => this.enter(event)} onKeyDown=${(event) => this.press(event)}>
      <input type="search" ref=${this.field} aria-keyshortcuts="Control+K Meta+K" aria-label=${words.find_.label} placeholder=${words.find_.label + this.hint} value=${typed} onInput=${(event) => this.type(event.target.value)} autocomplete="off" spellcheck="false" />
      ${found !== null &&
      html`<div class="found">
        <ul>
          ${found.map((one) => html`<li key=${JSON.stringify(one.scope)}>
            <${Inner} to=${scopeAddress(one.scope)} go=${(to) => this.go(to)}>
              <small>${words.kind[one.scope.kind] ?? one.scope.kind}</small> <bdi>${one.label}</bdi> <small><bdi>${[one.account, one.scope.region].filter(Boolean).join(" · ")}</bdi></small>
            </${Inner}>
          </li>`)}
        </ul>
        <p class="note" role="status">${said}</p>
      </div>`}
    </form>`;
  }
}
