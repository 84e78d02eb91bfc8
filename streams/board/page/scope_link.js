// A scope's name, which leads to its page; on a television, and where the scope is not known, the name alone.
import { scopeAddress } from "./address.js";
import { Inner } from "./inner.js";
import { html } from "./view.js";

export const ScopeLink = ({ to, go, children }) => (to?.name && go ? html`<${Inner} class="scope-link" to=${scopeAddress(to)} go=${go}>${children}</${Inner}>` : children);
