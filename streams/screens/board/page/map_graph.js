// What the map draws of what the daemon sent: which nodes, folded into which boxes, and the links between them.
import { level } from "./level.js";

export const KINDS = ["client", "route", "function", "table"];
export const FOLDS = ["none", "service", "account"];

const AMOUNTS = ["requests", "failed", "user_errors", "throttles", "rcu", "wcu", "cost"];
const VERDICTS = ["fatal", "absence", "limit", "spike", "drop", "shift", "growth"];
const THRESHOLDS = ["critical", "warning"];
const FOLD_FROM = 60; // nodes, from where on services are folded by themselves
const SERVICES = 90; // boxes of services, from where on accounts are
const CLIENTS = 10; // that stay apart where things are folded; the others, which are used less, are one box
const OTHERS = ["client", "others"];
const SEP = "\u001f";

// A short name for an address: FNV-1a of a key.
export const idOf = (key) => {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193) >>> 0;
  return hash.toString(36);
};

const best = (values, order) => order.find((each) => values.includes(each)) ?? null;
const most = (values) => values.reduce((found, value) => (value != null && value > (found ?? -Infinity) ? value : found), null);

// Adds up what some nodes or edges are: amounts, the slowest, the nearest to a limit, the worst.
export const summed = (things) => {
  const sums = {};
  for (const name of AMOUNTS) {
    const known = things.map((thing) => thing[name]).filter((value) => value != null);
    sums[name] = known.length ? known.reduce((sum, value) => sum + value, 0) : null;
  }
  return {
    ...sums,
    requests: sums.requests ?? 0,
    latency: most(things.map((thing) => thing.latency)),
    share: most(things.map((thing) => thing.share)),
    excess: most(things.map((thing) => thing.excess)),
    verdict: best(things.map((thing) => thing.verdict), VERDICTS),
    threshold: best(things.map((thing) => thing.threshold), THRESHOLDS),
  };
};

export const unwell = (thing) => level(thing) !== "well";

// Nodes with what they are called: `place` is theirs in what was sent.
export const nodesOf = (map, words) => {
  const names = new Map(map.accounts.map(([cloud, account, name]) => [cloud + SEP + account, name]));
  return map.nodes.map((node, place) => {
    const { kind, cloud, account, scope } = node;
    const rest = scope == null;
    const service = node.service == null ? null : map.nodes[node.service];
    return {
      ...node,
      place,
      service,
      rest,
      name: rest ? words.map.others(node.members) : node.label,
      accountName: names.get(cloud + SEP + account) ?? account,
      key: rest
        ? [kind, cloud, account, "", "", "rest"].join(SEP)
        : [kind, cloud, account, scope.region, scope.name, scope.version ?? ""].join(SEP),
    };
  });
};

const around = (kept, edges) => {
  const near = new Set(kept);
  for (const { source, target } of edges) {
    if (kept.has(source)) near.add(target);
    if (kept.has(target)) near.add(source);
  }
  return near;
};

// The places of what is not well, and of both ends of what is not well between two.
const wrong = (nodes, edges) =>
  new Set([
    ...nodes.filter((node) => node.kind !== "service" && unwell(node)).map((node) => node.place),
    ...edges.filter(unwell).flatMap(({ source, target }) => [source, target]),
  ]);

// The places of nodes that are shown, and of those that were looked for.
export const chosen = (nodes, edges, { only, find }, words) => {
  let shown = new Set(nodes.filter((node) => node.kind !== "service").map((node) => node.place));
  if (only) shown = around(wrong(nodes, edges), edges);
  const wanted = (find ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return { shown, found: new Set() };
  const found = new Set();
  for (const place of shown) {
    const node = nodes[place];
    const said = [node.name, words.kind[node.kind], node.kind, node.accountName, node.account, node.service?.label, node.verdict, words.verdict[node.verdict]];
    if (wanted.every((word) => said.some((each) => each?.toLowerCase().includes(word)))) found.add(place);
  }
  const near = around(found, edges);
  return { shown: new Set([...shown].filter((place) => near.has(place))), found };
};

const clientKey = (node) => ["client", node.rest ? "rest" : node.scope.name].join(SEP); // its builds, in all accounts

// The keys of clients that are used least: those beyond the first, and well.
const fewest = (nodes) => {
  const clients = new Map();
  for (const node of nodes.filter((each) => each.kind === "client")) {
    const key = clientKey(node);
    const [requests, bad] = clients.get(key) ?? [0, false];
    clients.set(key, [requests + node.requests, bad || unwell(node)]);
  }
  if (clients.size <= CLIENTS + 1) return new Set();
  const order = [...clients].sort(([, [a]], [, [b]]) => b - a).slice(CLIENTS);
  return new Set(order.filter(([, [, bad]]) => !bad).map(([key]) => key));
};

const groupKey = (node, fold, few) => {
  if (node.kind === "client") return fold !== "none" && few.has(clientKey(node)) ? OTHERS.join(SEP) : clientKey(node);
  if (fold === "none") return node.key;
  const of = [node.kind, node.cloud, node.account];
  if (fold === "account") return of.join(SEP);
  return [...of, node.service?.scope?.region ?? "", node.service?.label ?? "", node.service ? "service" : "none"].join(SEP);
};

// How nodes are folded when nobody has said so: so that what is drawn can be read.
export const foldFor = (nodes) => {
  if (nodes.length <= FOLD_FROM) return "none";
  const few = fewest(nodes);
  const services = new Set(nodes.map((node) => groupKey(node, "service", few)));
  return services.size <= SERVICES ? "service" : "account";
};

const groupName = (members, fold, words) => {
  const [first] = members;
  if (first.kind === "client") {
    const names = new Set(members.map(clientKey));
    return names.size > 1 ? words.map.others(names.size) : first.scope?.name ?? first.name;
  }
  if (fold === "account") return first.accountName || words.map.noAccount;
  return first.service?.label ?? words.map.noService;
};

const counted = (members) => ({
  count: members.reduce((sum, node) => sum + (node.members ?? 1), 0),
  builds: new Set(members.map((node) => [node.scope?.name, node.scope?.version].join(SEP))).size,
  accounts: new Set(members.map((node) => node.cloud + SEP + node.account)).size,
});

// Boxes and links: nodes of one group are one box, whose amounts are the sums of theirs. `open` has ids of groups that are not folded.
export const folded = (nodes, edges, fold, open, words) => {
  const groups = new Map();
  const few = fewest(nodes);
  for (const node of nodes) {
    const key = groupKey(node, fold, few);
    const group = open.has(idOf(key)) ? node.key : key;
    if (!groups.has(group)) groups.set(group, { group: key, members: [] });
    groups.get(group).members.push(node);
  }
  const boxOf = new Map();
  const boxes = [...groups].map(([key, { group, members }]) => {
    const [first] = members;
    const alone = members.length === 1;
    const box = {
      ...summed(members),
      key: alone ? first.key : key,
      id: idOf(alone ? first.key : key),
      group: idOf(group),
      keys: members.map((node) => node.key),
      kind: first.kind,
      name: alone ? first.name : groupName(members, fold, words),
      scope: alone ? first.scope ?? null : null,
      ...counted(members),
      wrong: members.filter(unwell).length,
      folds: !alone,
      rest: alone && first.rest,
      service: first.service?.label ?? "",
      band: first.kind === "client" ? null : first.cloud + SEP + first.account,
      bandName: first.accountName,
      bandOf: first,
    };
    for (const node of members) boxOf.set(node.place, box);
    return box;
  });
  const between = new Map();
  for (const edge of edges) {
    const [source, target] = [boxOf.get(edge.source), boxOf.get(edge.target)];
    if (!source || !target || source === target) continue;
    const key = `${source.id}-${target.id}`;
    if (!between.has(key)) between.set(key, { id: key, source, target, edges: [] });
    between.get(key).edges.push(edge);
  }
  const links = [...between.values()].map(({ edges: some, ...link }) => ({ ...link, ...summed(some), count: some.length }));
  return { boxes, links };
};

// The groups that somebody has opened, by id and name, to be closed again.
export const openGroups = (nodes, fold, open, words) => {
  const groups = new Map();
  const few = fewest(nodes);
  for (const node of nodes) {
    const id = idOf(groupKey(node, fold, few));
    if (!open.has(id)) continue;
    if (!groups.has(id)) groups.set(id, []);
    groups.get(id).push(node);
  }
  return [...groups].map(([id, members]) => ({ id, kind: members[0].kind, name: groupName(members, fold, words), ...counted(members) }));
};

export const errorShare = ({ failed, requests }) => (failed == null || !requests ? null : failed / requests);
