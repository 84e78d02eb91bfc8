// The figures of a box or a link of the map, as one line.
import { errorShare } from "./map_graph.js";

// What stands in a box: the rate, and what there is of errors, time and limit.
export const short = (of, figures, words) => {
  const errors = errorShare(of);
  return [
    figures.value(of.requests, "1/s"),
    errors > 0 && words.map.errors(figures.percent(errors)),
    of.throttles > 0 && words.map.throttled(figures.value(of.throttles, "1/s")),
    of.latency != null && figures.value(of.latency, "ms"),
    of.share != null && words.map.ofLimit(figures.percent(of.share)),
  ].filter(Boolean);
};

// What it costs an hour, from a cent on: less is too little to show where there is little room.
export const priced = ({ cost }, figures) => (cost * figures.times("cost") >= 0.01 ? figures.quantity(cost, "cost") : null);

// What a group is of: two builds of a client, or one in three accounts; twelve functions.
export const many = ({ kind, count, builds, accounts }, words) =>
  kind === "client" && builds < 2 && accounts > 1 ? words.accounts(accounts) : words.map.count(kind, kind === "client" ? builds : count);

// All of it, as pairs of a word and a figure.
export const whole = (of, figures, words) => {
  const rate = (value) => figures.value(value, "1/s");
  const part = (value) => (of.requests ? ` (${figures.percent(value / of.requests)})` : "");
  return [
    [words.measure.requests[0], rate(of.requests)],
    of.failed != null && [words.map.failed, `${rate(of.failed)}${part(of.failed)}`],
    of.user_errors != null && [words.number.errors_user, `${rate(of.user_errors)}${part(of.user_errors)}`],
    of.throttles != null && [words.number.throttles, rate(of.throttles)],
    of.rcu != null && [words.measure.rcu[0], figures.quantity(of.rcu, "rcu")],
    of.wcu != null && [words.measure.wcu[0], figures.quantity(of.wcu, "wcu")],
    of.latency != null && [words.measure.latency[0], figures.value(of.latency, "ms")],
    of.share != null && [words.map.limit, figures.percent(of.share)],
    of.cost != null && [words.measure.cost[0], figures.quantity(of.cost, "cost")],
  ].filter(Boolean);
};
