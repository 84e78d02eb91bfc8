// The stream of steps: opened, watched, and opened again, however long this browser or the daemon slept.

const SILENT = 40_000; // ms: a beat comes every 15 s
const DELAYS = [500, 1000, 2000, 5000, 10_000];

export class Connection {
  // `heard` has a function for each thing that can be heard: step, beat, trouble, found, lost, signedOut.
  constructor(heard) {
    this.heard = heard;
    this.tries = 0;
    this.last = Date.now();
  }

  start() {
    this.open();
    this.watching = setInterval(() => this.check(SILENT), 5000);
    document.addEventListener("visibilitychange", () => document.hidden || this.check(SILENT / 2));
    addEventListener("online", () => this.check(0));
    addEventListener("pageshow", (event) => event.persisted && this.check(0));
  }

  open() {
    this.close();
    const source = (this.source = new EventSource("/board/events"));
    this.last = Date.now();
    const on = (name, use) =>
      source.addEventListener(name, (event) => {
        if (source !== this.source) return;
        this.last = Date.now();
        use(JSON.parse(event.data));
      });
    on("beat", (said) => {
      this.tries = 0;
      this.heard.found();
      this.heard.beat(said);
    });
    on("step", (wall) => this.heard.step(wall));
    on("trouble", ({ error }) => this.heard.trouble(error));
    on("signed-out", () => {
      this.close();
      this.heard.signedOut();
    });
    source.onerror = () => source === this.source && this.lose();
  }

  close() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.waiting);
    this.waiting = null;
  }

  // What was asleep does not know that its connection is gone: nothing has been heard for too long.
  check(longest) {
    if (this.source && Date.now() - this.last > longest) this.again();
    else if (!this.source && this.waiting && longest < SILENT) this.again();
  }

  lose() {
    this.close();
    if (this.tries === 0) this.again();
    else this.later();
  }

  later() {
    const delay = DELAYS[Math.min(this.tries, DELAYS.length) - 1];
    this.waiting = setTimeout(() => this.again(), delay * (0.75 + Math.random() / 2)); // not all boards at once
  }

  // Asks for the wall, because the stream does not tell why it ended.
  async again() {
    this.close();
    this.tries += 1;
    const aborting = new AbortController();
    const patience = setTimeout(() => aborting.abort(), 10_000);
    try {
      const answer = await fetch("/board/wall", { signal: aborting.signal });
      if (answer.status === 401 || answer.status === 403) return this.heard.signedOut();
      const said = await answer.json();
      if (answer.ok) this.heard.step(said);
      else this.heard.trouble(said.error);
      this.open();
    } catch {
      this.heard.lost();
      this.later();
    } finally {
      clearTimeout(patience);
    }
    return undefined;
  }
}
