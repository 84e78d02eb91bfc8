// What a report has in itself, which is this page in one file, of a replay. The board of a daemon has nothing, and asks.
const own = globalThis.document?.getElementById("given");

export const given = own ? JSON.parse(own.textContent) : null;
