// How a person looks at the page, and moves in it: a board and a report have this in common.
import { keep } from "./kept.js";

export const LOOKS = ["auto", "light", "dark"];

const dark = matchMedia("(prefers-color-scheme: dark)");

// Whether a page with this look is dark: charts take their colours from it.
export const lookOf = (look) => (look === "auto" ? (dark.matches ? "dark" : "light") : look);

export const onSystemLook = (draw) => dark.addEventListener("change", draw);

// Returns what a person does beside what only a board can do; `placeNow` reads the address.
export const moves = (view, update, placeNow) => {
  const turn = (address) => {
    history.pushState(null, "", address);
    update({ place: placeNow() });
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
    turnLook: () => {
      const look = LOOKS[(LOOKS.indexOf(view.look) + 1) % LOOKS.length];
      keep("look", look);
      update({ look });
    },
    turnLanguage: () => {
      const language = document.documentElement.lang === "ja" ? "en" : "ja";
      keep("language", language);
      update({ language });
    },
  };
};
