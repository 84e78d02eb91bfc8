// What this browser may do, and doing it: each action shows the proof that the daemon gave this session.
import { given } from "./given.js";
import { keep, kept } from "./kept.js";

const LOST = [502, 504]; // a proxy has no answer of the daemon

let known = given && Promise.resolve({ may: [], token: "", needed: false });
let name = kept("who") ?? "";

// The name under which a person acts, which this browser keeps.
export const who = () => name;
export const callMe = (text) => {
  name = text.trim();
  keep("who", name || null);
};

// Returns { needed, may, token, proof }, asked for once a session.
export const permission = () => {
  known ??= fetch("/board/session").then((answer) => answer.json());
  known.catch(forget);
  return known;
};

// The session is another one now.
export const forget = () => {
  known = null;
};

// Returns { said } or { error }; `result` is what became of the command, where the daemon says so, `unanswered` that
// nobody knows.
export const act = async (method, path, body = {}, again = true) => {
  let sent = false;
  try {
    const { proof = "" } = await permission();
    sent = true;
    const answer = await fetch(`/board/${path}`, {
      method,
      headers: { "Content-Type": "application/json", "X-Uneri-Proof": proof },
      body: JSON.stringify({ ...body, by: name }),
    });
    if (answer.status === 403 && again) {
      forget(); // another tab signed in with another token
      return act(method, path, body, false);
    }
    if (LOST.includes(answer.status)) return { error: `HTTP ${answer.status}`, unanswered: true };
    const said = await answer.json().catch(() => ({}));
    return answer.ok ? { said } : { error: said.error ?? `HTTP ${answer.status}`, code: said.code, result: said.said };
  } catch (error) {
    return { error: String(error.message ?? error), unanswered: sent };
  }
};
