// A scope's name, which leads to its page, over the time of an incident if there is one; on a television, in a report, and where the scope is not known, the name alone.
import { addressDuring, scopeAddress } from "./address.js";
import { given } from "./given.js";
import { Inner } from "./inner.js";
import { html } from "./view.js";

// Where a caller has its page: an incident names it without its account, which is that of what it calls.
export const calling = (caller, scope) => ({ ...caller, cloud: scope.cloud, account: scope.account });

export const ScopeLink = ({ to, during, wide, go, children }) => (to?.name && go && !given ? html`<${Inner} class=${wide ? "scope-link whole-tile" : "scope-link"} to=${during ? addressDuring(to, during) : scopeAddress(to)} go=${go}>${children}</${Inner}>` : children);
