// Where the boxes of the map stand: a column a kind, from clients to tables, and a band an account. Lengths are in rem.
import { KINDS } from "./map_graph.js";

const SWEEPS = 4;

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// Places boxes as near as can be to where they want to be, in their order, `row` apart, within 0 and `height`: those that
// want the same place share their distance from it (pool adjacent violators).
export const spread = (wanted, row, height) => {
  const pools = [];
  wanted.forEach((want, at) => {
    pools.push({ sum: want - at * row, count: 1 });
    while (pools.length > 1) {
      const [before, last] = pools.slice(-2);
      if (before.sum / before.count <= last.sum / last.count) break;
      pools.splice(-2, 2, { sum: before.sum + last.sum, count: before.count + last.count });
    }
  });
  const most = Math.max(0, height - wanted.length * row);
  let at = -1;
  return pools.flatMap(({ sum, count }) =>
    Array.from({ length: count }, () => Math.min(most, Math.max(0, sum / count)) + (at += 1) * row),
  );
};

const byName = (a, b) => a.service.localeCompare(b.service) || a.name.localeCompare(b.name) || (a.key < b.key ? -1 : 1);

const neighbours = (boxes, links) => {
  const near = new Map(boxes.map((box) => [box, []]));
  for (const { source, target } of links) {
    near.get(source)?.push(target);
    near.get(target)?.push(source);
  }
  return near;
};

// Orders a column by where its neighbours are; what has none stays where it was.
const ordered = (column, near, place) => {
  const wanted = new Map(
    column.map((box, at) => {
      const places = near.get(box).map((other) => place.get(other)).filter((each) => each !== undefined);
      return [box, places.length ? mean(places) : at];
    }),
  );
  return [...column].sort((a, b) => wanted.get(a) - wanted.get(b));
};

// Places the boxes of one band; returns its height.
const placeBand = (boxes, near, row, y) => {
  let columns = KINDS.map((kind) => boxes.filter((box) => box.kind === kind).sort(byName));
  const place = new Map();
  const keep = (column) => column.forEach((box, at) => place.set(box, (at + 0.5) / column.length));
  columns.forEach(keep);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const order = sweep % 2 ? columns.keys() : [...columns.keys()].reverse();
    for (const at of order) {
      columns[at] = ordered(columns[at], near, place);
      keep(columns[at]);
    }
  }
  columns = columns.filter((column) => column.length);
  const height = Math.max(...columns.map((column) => column.length)) * row;
  const tallest = columns.findIndex((column) => column.length * row === height);
  columns[tallest].forEach((box, at) => y.set(box, at * row));
  const outwards = [...columns.keys()].filter((at) => at !== tallest).sort((a, b) => Math.abs(a - tallest) - Math.abs(b - tallest));
  for (const at of outwards) settle(columns[at], near, row, height, y);
  return height;
};

const settle = (column, near, row, height, y) => {
  const wanted = column.map((box, at) => {
    const places = near.get(box).map((other) => y.get(other)).filter((each) => each !== undefined);
    return places.length ? mean(places) : at * row;
  });
  spread(wanted, row, height).forEach((each, at) => y.set(column[at], each));
};

// Returns boxes with x and y, bands with y and height, columns with x, and how large all of it is.
// `form`: width and height of a box, gap (the least between columns), between (boxes), heading (above a band), wide (all that there is).
export const layout = (boxes, links, form) => {
  const kinds = KINDS.filter((kind) => boxes.some((box) => box.kind === kind));
  const spare = form.wide - kinds.length * form.width;
  const gap = kinds.length > 1 ? Math.max(form.gap, Math.min(form.gap * 2, spare / (kinds.length - 1) / 2)) : 0;
  const width = Math.min(form.width * 1.35, Math.max(form.width, (form.wide - (kinds.length - 1) * gap) / kinds.length));
  const x = new Map(kinds.map((kind, at) => [kind, at * (width + gap)]));
  const row = form.height + form.between;
  const near = neighbours(boxes, links);
  const y = new Map();
  const named = new Map(boxes.filter((box) => box.band !== null).map((box) => [box.band, box]));
  const order = [...named.values()].sort((a, b) => a.bandName.localeCompare(b.bandName) || (a.band < b.band ? -1 : 1));
  const bands = [];
  let bottom = form.top;
  for (const { band, bandName, bandOf } of order) {
    const within = boxes.filter((box) => box.band === band);
    const inner = new Map();
    const height = placeBand(within, near, row, inner);
    const top = bottom + (order.length > 1 ? form.heading : 0);
    for (const [box, each] of inner) y.set(box, top + each);
    bands.push({ key: band, name: bandName, of: bandOf, y: bottom, height: height + top - bottom - form.between });
    bottom = top + height + (order.length > 1 ? form.heading * 0.5 : 0);
  }
  const clients = ordered(boxes.filter((box) => box.kind === "client").sort(byName), near, y);
  const height = Math.max(bottom, form.top + clients.length * row);
  const there = new Map([...y].map(([box, each]) => [box, each - form.top]));
  settle(clients, near, row, height - form.top, there);
  for (const box of clients) y.set(box, there.get(box) + form.top);
  return {
    boxes: boxes.map((box) => ({ ...box, x: x.get(box.kind), y: y.get(box), width, height: form.height })).sort((a, b) => a.x - b.x || a.y - b.y), // as they are read
    at: (box) => ({ x: x.get(box.kind), y: y.get(box) }),
    bands: order.length > 1 ? bands : [],
    inner: x.get(kinds.find((kind) => kind !== "client")) ?? 0, // where bands begin: clients call into all of them
    columns: kinds.map((kind) => ({ kind, x: x.get(kind) })),
    column: width,
    width: kinds.length * width + (kinds.length - 1) * gap,
    height: height - form.between,
  };
};

// The line of a link, from the right side of one box to the left side of another.
export const lineOf = (link, drawn, form) => {
  const [from, to] = [drawn.at(link.source), drawn.at(link.target)];
  const [x1, y1, x2, y2] = [from.x + drawn.column, from.y + form.height / 2, to.x, to.y + form.height / 2];
  const bend = Math.min((x2 - x1) / 2, 6);
  const fix = (value) => value.toFixed(2);
  return `M${fix(x1)} ${fix(y1)}C${fix(x1 + bend)} ${fix(y1)} ${fix(x2 - bend)} ${fix(y2)} ${fix(x2)} ${fix(y2)}`;
};

// The middle of that line.
export const middleOf = (link, drawn, form) => {
  const [from, to] = [drawn.at(link.source), drawn.at(link.target)];
  return { x: (from.x + drawn.column + to.x) / 2, y: (from.y + to.y + form.height) / 2 };
};
