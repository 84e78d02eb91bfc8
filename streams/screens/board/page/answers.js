// Asks the daemon for the data of a page: once for every step, and what came last is what is shown.
import { given } from "./given.js";
import { Component } from "./view.js";
import { errorIn } from "./words.js";

const RETRY = 4000; // ms

// Returns { said } or { error } with its `code`, with `missing` where there is no such thing, `lost` where nobody
// answered, `passing` where the daemon may answer soon; a session that has ended is { signedOut }.
export const ask = async (path, signal) => {
  if (given) {
    const said = given.answers[path.split("?")[0]];
    return said ? { said } : { error: "HTTP 404", missing: true };
  }
  try {
    const answer = await fetch(path, { signal });
    if (answer.status === 401 || answer.status === 403) return { signedOut: true };
    const said = await answer.json();
    return answer.ok ? { said } : { error: said.error ?? `HTTP ${answer.status}`, code: said.code, missing: answer.status === 404, passing: answer.status >= 500 };
  } catch {
    return { lost: true, passing: true }; // no connection, or a proxy that answers for the daemon
  }
};

// A page with data of its own: a subclass has `path(props)`, and draws `state.said`, `state.error`.
// What is shown stays while the same page is asked again with the next step; another path starts empty.
export class AskingPage extends Component {
  componentDidMount() {
    this.again();
  }

  componentDidUpdate(before) {
    const moved = this.path(before) !== this.path(this.props);
    if (moved) this.setState({ said: null, error: null });
    if (moved || this.isDue(before)) this.again();
  }

  // Whether what is shown is to be asked for again, since what was `before`.
  isDue(before) {
    return before.wall?.at !== this.props.wall?.at;
  }

  componentWillUnmount() {
    this.stop();
  }

  stop() {
    this.asking?.abort();
    clearTimeout(this.waiting);
  }

  async again() {
    this.stop();
    const asking = (this.asking = new AbortController());
    const { said, missing, lost, passing, signedOut, ...raw } = await ask(this.path(this.props), asking.signal);
    if (asking.signal.aborted) return;
    if (passing) this.waiting = setTimeout(() => this.again(), RETRY);
    const { words } = this.props;
    const error = lost ? words.neverFound : errorIn(words, raw);
    if (signedOut) this.props.actions.signedOut();
    else this.setState(error ? { error, missing } : { said, error: null });
  }
}
