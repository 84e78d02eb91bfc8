// Names as people can read and press them, whatever characters they have.

const TURNING = /[\u202a-\u202e\u2066-\u2069]/g; // turns the direction of what stands around a name
const SEEN = /[^\p{Default_Ignorable_Code_Point}\p{C}\p{Z}\u2800]/u;

const codes = (name) => [...name].map((each) => `U+${each.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`).join(" ");

// Returns a name without what turns it around; one that nobody sees as its code points.
export const legible = (name) => (name && !SEEN.test(name) ? codes(name) : name?.replace(TURNING, ""));

// The same of the children of an element: one name, or a name among other things.
export const readable = (children) =>
  children.every((each) => typeof each === "string") ? [legible(children.join(""))] : children.map((each) => (typeof each === "string" ? each.replace(TURNING, "") : each));
