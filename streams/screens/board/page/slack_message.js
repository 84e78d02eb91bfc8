import { given } from "./given.js";
import { Component, createRef, html } from "./view.js";

// A message of an incident, or a digest, of a report, as Slack shows it. It is markup already, made with the file: no text becomes markup here.
export class Message extends Component {
  constructor(props) {
    super(props);
    this.place = createRef();
  }

  componentDidMount() {
    this.show();
  }

  componentDidUpdate() {
    this.show();
  }

  show() {
    this.place.current.replaceChildren(document.getElementById(`message-${this.props.of}`).content.cloneNode(true));
  }

  render() {
    return html`<div class="slack" lang=${given.wall.language} ref=${this.place}></div>`;
  }
}
