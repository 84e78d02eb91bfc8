// A token is shown to the daemon once; the browser keeps a cookie that no script can read.
import { keep, kept } from "./kept.js";

const KNOWN = "session";

// Returns null when the daemon took the token, else what it said: refused, or why nobody could be asked.
export const signIn = async (token) => {
  try {
    const answer = await fetch("/board/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    if (answer.ok) keep(KNOWN, "1");
    return answer.ok ? null : answer.status === 401 ? "refused" : `HTTP ${answer.status}`;
  } catch (error) {
    return String(error.message ?? error);
  }
};

export const signOut = async () => {
  keep(KNOWN, null);
  await fetch("/board/session", { method: "DELETE" }).catch(() => null);
};

export const hasSession = () => kept(KNOWN) !== null;

// Takes the token out of the address: https://host/?wall#TOKEN
export const tokenInAddress = () => {
  const token = location.hash.slice(1);
  if (location.hash) history.replaceState(history.state, "", location.pathname + location.search);
  return token;
};
