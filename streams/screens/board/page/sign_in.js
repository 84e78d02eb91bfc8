// Asks for a token, once.
import { signIn } from "./session.js";
import { Component, html } from "./view.js";

export class SignInPage extends Component {
  constructor(props) {
    super(props);
    this.state = { said: props.said ?? null, busy: false };
  }

  async go(event) {
    event.preventDefault();
    const field = event.target.elements.token;
    this.setState({ busy: true });
    const said = await signIn(field.value.trim());
    field.value = "";
    this.setState({ said, busy: false });
    if (said === null) this.props.done();
  }

  render({ words }, { said, busy }) {
    const wrong = said === null ? null : words.signIn[said] ?? words.signIn.failed(said);
    return html`<main class="sign-in" id="main" tabindex="-1">
      <form class="tile" onSubmit=${(event) => this.go(event)}>
        <h1>${words.signIn.title}</h1>
        <p>${words.signIn.why}</p>
        <label for="token">${words.signIn.label}</label>
        <input id="token" name="token" type="password" autocomplete="current-password" required spellcheck=${false} aria-describedby="said" />
        <p id="said" role="alert">${wrong}</p>
        <button type="submit" disabled=${busy}>${words.signIn.go}</button>
        <p class="note">${words.signIn.wall}</p>
      </form>
    </main>`;
  }
}
