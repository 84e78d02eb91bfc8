// Markup as tagged templates: text stays text, whatever names hold. Names stand in <bdi>, and can be read there.
import { Component, createRef, h, render } from "./preact.mjs";
import htm from "./htm.mjs";
import { readable } from "./readable.js";

export const html = htm.bind((type, props, ...children) => h(type, props, ...(type === "bdi" ? readable(children) : children)));
export { Component, createRef, render };
