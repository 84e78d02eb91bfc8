// What a screen on the wall does by itself: it turns pages, and moves a little so that nothing burns in.

const STAY = 30; // seconds a page
const SHIFT = 90; // seconds a place
const PLACES = [[0, 0], [1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1]];

export class Rotation {
  // `turn` receives the page; `held` says whether the first page must stay, because something is wrong.
  constructor({ pages, every, turn, held }) {
    this.pages = pages;
    this.every = every ?? STAY;
    this.turn = turn;
    this.held = held;
    this.place = 0;
    this.shifts = 0;
  }

  start() {
    if (this.pages.length > 1) setInterval(() => this.next(), this.every * 1000);
    setInterval(() => this.shift(), SHIFT * 1000);
  }

  next() {
    this.place = this.held() ? 0 : (this.place + 1) % this.pages.length;
    this.turn(this.pages[this.place]);
  }

  shift() {
    this.shifts += 1;
    const [x, y] = PLACES[this.shifts % PLACES.length];
    document.documentElement.style.setProperty("--shift-x", `${x * 0.4}rem`);
    document.documentElement.style.setProperty("--shift-y", `${y * 0.4}rem`);
  }
}
