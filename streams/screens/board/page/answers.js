// Asks the daemon for the data of a page: once for every step, and what came last is what is shown.
import { Component } from "./view.js";

// Returns { said } or { error }, with `missing` where there is no such thing; a session that has ended is { signedOut }.
export const ask = async (path, signal) => {
  try {
    const answer = await fetch(path, { signal });
    if (answer.status === 401 || answer.status === 403) return { signedOut: true };
    const said = await answer.json();
    return answer.ok ? { said } : { error: said.error ?? `HTTP ${answer.status}`, missing: answer.status === 404 };
  } catch (error) {
    return { error: String(error.message ?? error) };
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
    this.asking?.abort();
  }

  async again() {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const { said, error, missing, signedOut } = await ask(this.path(this.props), asking.signal);
    if (asking.signal.aborted) return;
    if (signedOut) this.props.actions.signedOut();
    else this.setState(error ? { error, missing } : { said, error: null });
  }
}
