// Where in the board somebody is, as the address bar has it:
// / the wall, /?incidents, and /?scope=table:items&cloud=aws&account=1&region=eu-west-1 a page of one scope.

// Returns the page that an address names, one of `pages`, with all of its parameters; the wall where it names none.
export const placeIn = (search, pages) => {
  const asked = new URLSearchParams(search);
  const page = Object.keys(pages).find((each) => asked.has(each)) ?? "wall";
  return { ...Object.fromEntries(asked), page };
};

// Returns the address of a page: its name, what it is about, and what else narrows it; nothing that is empty.
export const addressOf = (page, about = "", more = {}) => {
  if (page === "wall") return "/";
  const rest = Object.entries(more).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const query = rest.map(([name, value]) => `&${name}=${encodeURIComponent(value)}`).join("");
  return `/?${page}${about ? `=${encodeURIComponent(about)}` : ""}${query}`;
};

// Returns the address of a scope's own page, of the JSON that the daemon has of a scope.
export const scopeAddress = ({ kind, name, cloud, account, region, version }) =>
  addressOf("scope", `${kind}:${name}`, { cloud, account, region, version });

const BEFORE = 3 * 3600; // s
const AFTER = 3600;

// Returns the address of a scope's page over the time of an incident: other hours would say something else of who calls it.
export const addressDuring = (scope, { start, end }) => `${scopeAddress(scope)}&from=${start - BEFORE}${end == null ? "" : `&to=${end + AFTER}`}`;
