// The stream of steps: opened, watched, and opened again, however long this browser or the daemon slept.

const SILENT = 40_000; // ms: a beat comes every 15 s
const AWAY = 30_000; // ms hidden: browsers open few connections to one host, and other tabs need them
const PEEK = 60_000; // ms between two looks of a hidden tab, for its title
const LONGEST = 10_000; // ms for an answer
const DELAYS = [500, 1000, 2000, 5000, 10_000];

export class Connection {
  // `heard` has a function for each thing that can be heard: step, incidents, beat, trouble, found, lost, signedOut.
  constructor(heard) {
    this.heard = heard;
    this.tries = 0;
    this.last = Date.now();
    this.hidden = null; // since when
  }

  start() {
    this.see();
    this.open();
    setInterval(() => this.check(SILENT), 5000);
    document.addEventListener("visibilitychange", () => this.see());
    addEventListener("online", () => this.check(0));
    addEventListener("pageshow", (event) => event.persisted && this.check(0));
  }

  see() {
    this.hidden = document.hidden ? Date.now() : null;
    if (!document.hidden) this.check(SILENT / 2);
  }

  get resting() {
    return this.hidden !== null && Date.now() - this.hidden >= AWAY;
  }

  open() {
    this.close();
    this.ended = false;
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
    on("incidents", (said) => this.heard.incidents(said));
    on("trouble", (said) => this.heard.trouble(said));
    on("signed-out", () => this.out());
    source.onerror = () => source === this.source && this.lose();
  }

  close() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.waiting);
    this.waiting = null;
  }

  out() {
    this.close();
    this.ended = true;
    this.heard.signedOut();
  }

  // What was asleep does not know that its connection is gone: nothing has been heard for too long.
  check(longest) {
    if (this.ended || this.asking) return;
    const silent = Date.now() - this.last;
    if (this.resting) {
      if (this.source) this.close();
      if (silent >= PEEK) this.again();
    } else if (this.source === null ? this.waiting === null || longest < SILENT : silent > longest) this.again();
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
    this.asking = true;
    const aborting = new AbortController();
    const patience = setTimeout(() => aborting.abort(), LONGEST);
    try {
      const answer = await fetch("/board/wall", { signal: aborting.signal });
      if (answer.status === 401 || answer.status === 403) return this.out();
      const said = await answer.json();
      this.last = Date.now();
      if (answer.ok) this.heard.step(said);
      else this.heard.trouble(said);
      if (!this.resting) this.open();
    } catch {
      this.heard.lost();
      this.later();
    } finally {
      this.asking = false;
      clearTimeout(patience);
    }
    return undefined;
  }
}
