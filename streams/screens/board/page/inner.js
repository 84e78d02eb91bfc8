// A link to another page of the board: drawn at once, or opened in a tab of its own as links are.
import { html } from "./view.js";

export const Inner = ({ to, go, current = false, children, ...more }) =>
  html`<a
    href=${to}
    aria-current=${current ? "page" : undefined}
    onClick=${(event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
      event.preventDefault();
      go(to);
    }}
    ...${more}
    >${children}</a
  >`;
