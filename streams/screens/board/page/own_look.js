// How a person looks at the page, and moves in it: a board and a report have this in common.
import { keep } from "./kept.js";

export const LOOKS = ["auto", "light", "dark"];

const dark = matchMedia("(prefers-color-scheme: dark)");
const paper = matchMedia("print");

// Whether a page with this look is dark: charts take their colours from it. Paper is light.
export const lookOf = (look) => (paper.matches ? "light" : look === "auto" ? (dark.matches ? "dark" : "light") : look);

export const onSystemLook = (draw) => [dark, paper].forEach((each) => each.addEventListener("change", draw));

// Returns what a person does beside what only a board can do; `placeNow` reads the address.
export const moves = (view, update, placeNow) => {
  const turn = (address) => {
    history.pushState(null, "", address);
    update({ place: placeNow() });
  };
  // Keeps a look or a language, and says it in the address where that says one: links carry it from there.
  const choose = (name, value, as = name) => {
    keep(name, value);
    const address = new URL(location);
    if (address.searchParams.has(as)) {
      address.searchParams.set(as, value);
      history.replaceState(history.state, "", address);
    }
    update({ [name]: value });
  };
  return {
    go: (address) => {
      turn(address);
      scrollTo(0, 0);
    },
    // The same page with another part of its address: a step that can be taken back, and one that cannot.
    turn,
    stay: (address) => {
      history.replaceState(null, "", address);
      update({ place: placeNow() });
    },
    turnLook: () => choose("look", LOOKS[(LOOKS.indexOf(view.look) + 1) % LOOKS.length]),
    turnLanguage: () => choose("language", document.documentElement.lang === "ja" ? "en" : "ja", "lang"),
  };
};
