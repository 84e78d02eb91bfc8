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

// What every link takes along from the address that is shown: others see by it what its sender saw. A report keeps that itself.
const carried = (more) => {
  const asked = new URLSearchParams(given ? "" : globalThis.location?.search);
  const names = "range" in more || more.from ? ["lang", "look"] : ["range", "lang", "look"];
  return Object.fromEntries(names.map((name) => [name, asked.get(name)]));
};

// Returns the address of a page: its name, what it is about, and what else narrows it.
export const addressOf = (page, about = "", more = {}) => {
  const named = page === "wall" ? "" : `${page}${about ? `=${encodeURIComponent(about)}` : ""}`;
  const query = [named, queryOf({ ...more, ...carried(more) })].filter(Boolean).join("&");
  return query ? `${BASE}${query}` : "/";
};

// Returns the address of a scope's own page, `looked` at over a time of its own.
export const scopeAddress = ({ kind, name, cloud, account, region, version }, looked = {}) =>
  addressOf("scope", `${kind}:${name}`, { cloud, account, region, version, ...looked });

const BEFORE = 3 * 3600; // s
const AFTER = 3600;

// Returns the address of a scope's page over the time of an incident: other hours would say something else of who calls it.
export const addressDuring = (scope, { start, end }) => scopeAddress(scope, { from: start - BEFORE, to: end == null ? null : end + AFTER });
