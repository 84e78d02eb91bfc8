// Markup as tagged templates: text stays text, whatever names hold.
import { Component, createRef, h, render } from "./preact.mjs";
import htm from "./htm.mjs";

export const html = htm.bind(h);
export { Component, createRef, render };
