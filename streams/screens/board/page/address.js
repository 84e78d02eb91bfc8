// Where in the board somebody is, as the address bar has it:
// / the wall, /?incidents, and /?scope=table:items&cloud=aws&account=1&region=eu-west-1 a page of one scope.
// A report, which is one file, has them after a #.
import { given } from "./given.js";

const BASE = given ? "#" : "/?";

// Returns the page that an address names, one of `pages`, with all of its parameters; the first where it names none.
export const placeIn = (search, pages) => {
  const asked = new URLSearchParams(search);
  const page = Object.keys(pages).find((each) => asked.has(each)) ?? Object.keys(pages)[0];
  return { ...Object.fromEntries(asked), page };
};

// Returns parameters as an address has them, without those that are empty.
export const queryOf = (parameters) =>
  Object.entries(parameters)
    .filter(([, value]) => value !== undefined && value !== null && value !== "")
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join("&");

// Returns the address of a page: its name, what it is about, and what else narrows it.
export const addressOf = (page, about = "", more = {}) => {
  if (page === "wall") return "/";
  return [`${BASE}${page}${about ? `=${encodeURIComponent(about)}` : ""}`, queryOf(more)].filter(Boolean).join("&");
};

// Returns the address of a scope's own page, of the JSON that the daemon has of a scope.
export const scopeAddress = ({ kind, name, cloud, account, region, version }) =>
  addressOf("scope", `${kind}:${name}`, { cloud, account, region, version });

const BEFORE = 3 * 3600; // s
const AFTER = 3600;

// Returns the address of a scope's page over the time of an incident: other hours would say something else of who calls it.
export const addressDuring = (scope, { start, end }) => `${scopeAddress(scope)}&from=${start - BEFORE}${end == null ? "" : `&to=${end + AFTER}`}`;
