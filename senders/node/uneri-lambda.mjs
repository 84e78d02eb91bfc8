// Tells Uneri of every invocation of an AWS Lambda function, with the table calls that it made.
//
// Copy this file beside your handler; it needs Node.js 18 or newer and nothing else:
//
//   import { observed, observe } from "./uneri-lambda.mjs";
//
//   const client = observe(new DynamoDBClient({}));          // AWS SDK v3; its document client too
//   export const handler = observed(async (event, context) => { ... });
//
// Each invocation writes one line of JSON to standard output, which Lambda carries to CloudWatch Logs. No network is
// called, and nothing that fails here reaches the handler. Calls of an observed client ask for the capacity that they
// consume.
//
// The second argument of `observed`, or environment variables of the function, say more:
//
//   service, UNERI_SERVICE                        the microservice; else POWERTOOLS_SERVICE_NAME or OTEL_SERVICE_NAME,
//                                                 else the function
//   clientName, clientVersion, tenant;            where a request says who calls: "header:NAME", or "claim:NAME" of
//   UNERI_CLIENT_NAME, …_CLIENT_VERSION,          the authorizer; at first "header:x-client-name",
//   UNERI_TENANT                                  "header:x-client-version" and "header:x-client-tenant"
//   counts, UNERI_COUNTS                          what these lines count where another source tells of the same
//                                                 requests: beside an access log, "function,table"
//   timeoutMarginMs, UNERI_TIMEOUT_MARGIN_MS      write the line so long before Lambda would kill the function, as one
//                                                 that timed out
//   routes                                        templates for raw paths (behind a load balancer, a function URL or
//                                                 {proxy+}): ["GET /items/{id}"]

import { AsyncLocalStorage } from "node:async_hooks";

const MOST_BYTES = 150_000; // of the table calls in one line, which CloudWatch Logs would cut at 256 KiB
const MOST_NAME_BYTES = 256;
const MOST_VALUES = 50;

const COUNTS = /^(account|service|route|function|table|client)(,(account|service|route|function|table|client))*$/;
const THROTTLES = new Set([
  "ProvisionedThroughputExceededException", "ProvisionedThroughputExceeded", "RequestLimitExceeded",
  "ThrottlingException", "ThrottlingError", "Throttling", "TooManyRequestsException",
]);
// Others manage tables, and use none.
const CALLS = new Set([
  "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem",
  "TransactGetItems", "TransactWriteItems", "ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction",
]);
const READS = /^(get|batchget|transactget|query|scan)/i;
const SELECTS = /^\s*select\b/i;
const XRAY = /(?:^|;)\s*Root=(1-([0-9a-f]{8})-([0-9a-f]{24}))(?:;|$)/i;
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/i;
const AN_ID = /^(\d+|(?=.*\d)[0-9a-f-]{8,}|(?=.*\d)[\w-]{12,}|.{33,}|.*[@%:].*)$/i;

/** Run something that must not fail; undefined if it does. */
function quiet(something) {
  try {
    return something();
  } catch {
    return undefined;
  }
}

/** A name as it may stand in a line: UTF-8 of bounded length; undefined for what is no name. */
function text(value) {
  if (typeof value !== "string" || value === "") return undefined;
  const bytes = Buffer.from(value.slice(0, MOST_NAME_BYTES));
  return bytes.subarray(0, MOST_NAME_BYTES).toString("utf8").replace(/\uFFFD+$/, "") || undefined;
}

/** A number that is finite and not negative, else undefined. */
function amount(value) {
  return typeof value === "number" && value >= 0 && value <= 1e9 ? value : undefined;
}

function rounded(ms) {
  return Math.round(ms * 1000) / 1000;
}

/** Table calls, as many as a line can hold; further ones add to the amounts of their like. */
class Calls {
  #entries = [];
  #bytes = 0;
  #closed = false;

  add(entry) {
    if (this.#closed) {
      EARLY.add(entry); // its line is written: the next one tells of it
      return;
    }
    const size = 100 + Buffer.byteLength(entry.name) + Buffer.byteLength(entry.op ?? "");
    if (this.#bytes + size <= MOST_BYTES) {
      this.#bytes += size;
      this.#entries.push(entry);
      return;
    }
    let like = this.#entries.find((each) => each.name === entry.name && each.op === entry.op);
    like ??= this.#entries.find((each) => each.name === "other");
    if (like === undefined) this.#entries.push((like = { name: "other" }));
    for (const unit of ["rcu", "wcu"]) {
      if (entry[unit] !== undefined) like[unit] = (like[unit] ?? 0) + entry[unit];
    }
    like.throttled ??= entry.throttled;
  }

  take(close = false) {
    this.#closed = close;
    const entries = this.#entries;
    this.#entries = [];
    this.#bytes = 0;
    return entries;
  }
}

const EARLY = new Calls(); // calls while the module was loaded: in the next line
const running = new AsyncLocalStorage();
let first = true;

// The middleware of the SDK

/** The name of a table that may be given by its ARN, or by that of an index. */
function tableOf(name) {
  return typeof name === "string" && name.includes(":table/") ? name.split(":table/")[1].split("/")[0] : name;
}

function namesOf(input) {
  if (typeof input.TableName === "string") return [tableOf(input.TableName)];
  const items = (input.TransactItems ?? []).flatMap((item) => Object.values(item).map((each) => each.TableName));
  const names = [...Object.keys(input.RequestItems ?? {}), ...items].filter((each) => typeof each === "string");
  return [...new Set(names.map(tableOf))];
}

function consumed(sent, ms, capacity) {
  const units = new Map();
  for (const each of Array.isArray(capacity) ? capacity : capacity ? [capacity] : []) {
    let rcu = amount(each.ReadCapacityUnits);
    let wcu = amount(each.WriteCapacityUnits);
    if (rcu === undefined && wcu === undefined) {
      if (sent.reads) rcu = amount(each.CapacityUnits);
      else wcu = amount(each.CapacityUnits);
    }
    units.set(tableOf(each.TableName), { rcu, wcu });
  }
  return [...new Set([...sent.names, ...units.keys()])].map((name) => entryOf(sent, name, ms, units.get(name)));
}

function failed(sent, ms, error) {
  const reasons = new Map();
  for (const each of error.ThrottlingReasons ?? []) {
    const name = tableOf(each.resource);
    if (!reasons.has(name)) reasons.set(name, each.reason);
  }
  const cancelled = error.CancellationReasons ?? [];
  if (cancelled.length === sent.names.length) {
    cancelled.forEach((each, at) => THROTTLES.has(each.Code) && reasons.set(sent.names[at], each.Code));
  }
  if (reasons.size === 0 && THROTTLES.has(error.name)) {
    sent.names.forEach((name) => reasons.set(name, "unknown")); // an SDK that is too old for reasons
  }
  const names = new Set([...sent.names, ...[...reasons.keys()].filter(Boolean)]);
  return [...names].map((name) => entryOf(sent, name, ms, { throttled: text(reasons.get(name)) }));
}

function entryOf(sent, name, ms, more) {
  return { name: text(name), op: text(sent.op), ms: rounded(ms), ...more };
}

function keep(sent, entries) {
  entries.filter((each) => each.name !== undefined).forEach((each) => sent.calls.add(each));
}

const SENT = Symbol("uneri");

/** Have a client of the SDK's version 3 tell of its table calls; return the client. */
export function observe(client) {
  quiet(() => {
    const stack = client.middlewareStack;
    stack.add(
      (next, context) => (args) => next(quiet(() => begun(args, context)) ?? args),
      { step: "initialize", name: "uneriCall", override: true },
    );
    // After the middleware that tries again: once for each attempt.
    stack.add(
      (next) => async (args) => {
        const sent = args[SENT];
        const began = performance.now();
        try {
          const answer = await next(args);
          const ms = performance.now() - began;
          quiet(() => sent && keep(sent, consumed(sent, ms, answer.output?.ConsumedCapacity)));
          return answer;
        } catch (error) {
          const ms = performance.now() - began;
          quiet(() => sent && keep(sent, failed(sent, ms, error)));
          throw error;
        }
      },
      { step: "finalizeRequest", priority: "low", name: "uneriAttempt", override: true },
    );
  });
  return client;
}

function begun(args, context) {
  const { input } = args;
  const op = (context.commandName ?? "").replace(/Command$/, "");
  if (!CALLS.has(op)) return args;
  const statements = [input, ...(input.Statements ?? []), ...(input.TransactStatements ?? [])];
  const said = statements.find((each) => typeof each.Statement === "string")?.Statement ?? "";
  const sent = {
    op,
    names: namesOf(input),
    reads: READS.test(op) || SELECTS.test(said),
    calls: running.getStore()?.calls ?? EARLY,
  };
  if (input.ReturnConsumedCapacity !== undefined) return { ...args, [SENT]: sent };
  return { ...args, [SENT]: sent, input: { ...input, ReturnConsumedCapacity: "TOTAL" } };
}

// What an invocation says

function optionsOf(given) {
  const of = process.env;
  let counts = given.counts ?? (of.UNERI_COUNTS || undefined);
  if (counts !== undefined && !COUNTS.test(counts)) {
    process.stderr.write(`uneri-lambda: counts ${JSON.stringify(counts)} is no list of kinds of scope with commas\n`);
    counts = undefined;
  }
  return {
    service: given.service ?? (of.UNERI_SERVICE || of.POWERTOOLS_SERVICE_NAME || of.OTEL_SERVICE_NAME),
    client: {
      name: given.clientName ?? (of.UNERI_CLIENT_NAME || "header:x-client-name"),
      version: given.clientVersion ?? (of.UNERI_CLIENT_VERSION || "header:x-client-version"),
      tenant: given.tenant ?? (of.UNERI_TENANT || "header:x-client-tenant"),
    },
    counts,
    margin: given.timeoutMarginMs ?? Number(of.UNERI_TIMEOUT_MARGIN_MS ?? 0),
    routes: (given.routes ?? []).map(template),
  };
}

/** A pattern for `METHOD /path`, whose method may be left out, and the path that it stands for. */
function template(route) {
  const [path, method] = route.split(" ").reverse();
  const literal = (part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const segments = (part) => part.split(/\{[^{}]*\}/).map(literal).join("[^/]+");
  const body = path.split(/\{[^{}]*\+\}/).map(segments).join(".+");
  return { pattern: new RegExp(`^${method === undefined ? "\\S+" : literal(method)} ${body}/?$`), path };
}

/** The route of a raw path: of the template that it fits, else with its ids taken out. */
function shape(method, path, options) {
  const found = options.routes.find((each) => each.pattern.test(`${method} ${path}`));
  if (found !== undefined) return `${method} ${found.path}`;
  const parts = path.split("/");
  const shown = parts.slice(0, 9).map((part) => (AN_ID.test(part) ? "{id}" : part));
  return `${method} ${shown.join("/")}${parts.length > shown.length ? "/…" : ""}`;
}

/** What API Gateway (REST, HTTP, WebSocket), a function URL or a load balancer says of a request. */
function httpOf(event, options) {
  const around = event.requestContext;
  const authorizer = around.authorizer ?? {};
  const http = { headers: event.headers ?? event.multiValueHeaders ?? {}, authorizer, simple: false };
  const raw = (method, path) => (http.route = shape(method, path, options));
  if (around.http !== undefined) {
    http.simple = true;
    http.crash = around.domainName?.includes(".lambda-url.") ? 502 : 500;
    const key = around.routeKey || "$default";
    http.route = `${around.http.method} ${key.split(" ").at(-1)}`;
    if (key === "$default" || key.includes("+}")) raw(around.http.method, event.rawPath || around.http.path);
  } else if (around.elb !== undefined) {
    http.crash = 502;
    raw(event.httpMethod, event.path);
  } else if (around.connectionId !== undefined) {
    http.route = around.routeKey;
  } else {
    if (event.httpMethod === undefined) return undefined;
    http.crash = 502;
    const resource = event.resource || around.resourcePath;
    http.route = `${event.httpMethod} ${resource}`;
    http.auth = amount(authorizer.integrationLatency);
    if (resource.includes("+}")) raw(event.httpMethod, event.path);
  }
  return http;
}

function statusOf(http, result) {
  const own = typeof result === "object" && result !== null && "statusCode" in result;
  const status = own ? Number(result.statusCode) : http.simple ? 200 : http.crash;
  return Number.isInteger(status) && status >= 100 && status <= 999 ? status : undefined;
}

/** What `header:NAME` or `claim:NAME` holds. */
function find(http, where) {
  const at = where.indexOf(":");
  const name = where.slice(at + 1);
  let found;
  if (where.slice(0, at) === "header") {
    found = Object.entries(http.headers).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  } else {
    const scopes = [http.authorizer.claims, http.authorizer.jwt?.claims, http.authorizer.lambda, http.authorizer];
    found = scopes.find((each) => each && Object.hasOwn(each, name))?.[name];
  }
  if (Array.isArray(found)) [found] = found;
  return typeof found === "string" || Number.isInteger(found) ? text(String(found)) : undefined;
}

/** The trace as it was found, and as 32 hexadecimal digits. */
function traceOf(http) {
  const w3c = TRACEPARENT.exec((http && find(http, "header:traceparent")) ?? "")?.[1].toLowerCase();
  if (w3c !== undefined) return [w3c, w3c];
  const xray = XRAY.exec(process.env._X_AMZN_TRACE_ID ?? "");
  return xray ? [xray[1], (xray[2] + xray[3]).toLowerCase()] : [];
}

class Invocation {
  calls = new Calls();
  noted = {};
  values = {};
  #ts = Date.now() / 1000;
  #began = performance.now();
  #written = false;
  #timer;
  #http;
  #context;
  #options;
  #fallback;
  #cold;

  constructor(event, context, options, fallback) {
    this.#context = context;
    this.#options = options;
    this.#fallback = fallback;
    this.#cold = first && process.env.AWS_LAMBDA_INITIALIZATION_TYPE !== "provisioned-concurrency";
    first = false;
    this.#http = quiet(() => httpOf(event, options));
    quiet(() => {
      if (!options.margin) return;
      const left = Math.max(context.getRemainingTimeInMillis() - options.margin, 0);
      this.#timer = setTimeout(() => this.end({ error: "backend", error_type: "timeout" }), left);
      this.#timer.unref();
    });
  }

  succeeded(result) {
    this.end(
      quiet(() => {
        if (this.#http) return { status: statusOf(this.#http, result) };
        return result?.batchItemFailures?.length ? { error: "backend", error_type: "batchItemFailures" } : {};
      }),
    );
  }

  failed(error) {
    const kind = text(quiet(() => error.name)) ?? typeof error;
    this.end({
      status: this.#http?.crash,
      error: THROTTLES.has(kind) ? "backend" : "fatal",
      error_type: kind,
    });
  }

  /** Write the line, unless it is written. */
  end(outcome) {
    if (this.#written) return;
    this.#written = true;
    clearTimeout(this.#timer);
    quiet(() => {
      const ts = Math.round(this.#ts * 1000) / 1000;
      let line;
      try {
        EARLY.take().forEach((each) => this.calls.add(each));
        const tables = this.calls.take(true);
        line = JSON.stringify({
          ts,
          ...quiet(() => this.#told(ts)),
          ...outcome,
          tables: tables.length ? tables : undefined,
        });
      } catch {
        line = JSON.stringify({ ts, function: this.#fallback }); // a bare line is better than none
      }
      process.stdout.write(`${line}\n`); // console.log would put words before it
    });
  }

  #told(ts) {
    const http = this.#http;
    const options = this.#options;
    const context = this.#context;
    const ms = rounded(performance.now() - this.#began);
    const where = quiet(() => context.invokedFunctionArn.split(":")) ?? [];
    const request = text(quiet(() => context.awsRequestId));
    const memory = amount(Number(quiet(() => context.memoryLimitInMB) ?? Number.NaN));
    const [trace, joined] = quiet(() => traceOf(http)) ?? [];
    const client = {};
    for (const [part, place] of Object.entries(options.client)) {
      client[part] = this.noted[part] ?? (http && quiet(() => find(http, place)));
    }
    return {
      // A function that is invoked again after a failure has the same request id: the time tells them apart.
      id: request && `handler:${request}/${ts.toFixed(3)}`,
      cloud: "aws",
      account: where.length > 6 ? text(where[4]) : undefined,
      region: where.length > 6 ? text(where[3]) : text(process.env.AWS_REGION),
      service: text(options.service),
      route: this.noted.route ?? text(http?.route),
      function:
        text(quiet(() => context.functionName)) ?? text(process.env.AWS_LAMBDA_FUNCTION_NAME) ?? this.#fallback,
      client: Object.values(client).some(Boolean) ? client : undefined,
      ms: { function: ms, code: ms, auth: http?.auth },
      cold_start: this.#cold || undefined,
      values: Object.keys(this.values).length ? this.values : undefined,
      counts: options.counts,
      joins: [joined, request].filter(Boolean).join(" ") || undefined,
      trace,
      memory_mb: memory,
      billed_ms: memory === undefined ? undefined : Math.ceil(ms),
    };
  }
}

/** Say more of the invocation that runs: its route, who calls, business values ({ sales: 120 }). */
export function note({ route, clientName, clientVersion, tenant, values } = {}) {
  quiet(() => {
    const invocation = running.getStore();
    if (invocation === undefined) return;
    const said = { route, name: clientName, version: clientVersion, tenant };
    for (const [part, value] of Object.entries(said)) {
      if (text(value) !== undefined) invocation.noted[part] = text(value);
    }
    for (const [key, value] of Object.entries(values ?? {})) {
      const room = Object.hasOwn(invocation.values, key) || Object.keys(invocation.values).length < MOST_VALUES;
      if (text(key) !== undefined && Number.isFinite(value) && room) invocation.values[text(key)] = value;
    }
  });
}

/** Observe the handler of a Lambda function, one that returns a promise or one that is given a callback. */
export function observed(handler, options = {}) {
  const chosen = optionsOf(options);
  const name = text(handler.name) ?? "handler";
  const wrapped = function (event, context, callback) {
    if (running.getStore() !== undefined) return handler.apply(this, arguments); // an observed handler calls another
    const invocation = quiet(() => new Invocation(event, context, chosen, name));
    if (invocation === undefined) return handler.apply(this, arguments);
    const told = (error, result) => {
      if (error === null || error === undefined) invocation.succeeded(result);
      else invocation.failed(error);
      return callback(error, result);
    };
    return running.run(invocation, () => {
      let result;
      try {
        result = handler.call(this, event, context, ...(callback === undefined ? [] : [told]));
      } catch (error) {
        invocation.failed(error);
        throw error;
      }
      if (typeof result?.then !== "function") {
        if (callback === undefined || handler.length < 3) invocation.succeeded(result);
        return result;
      }
      return result.then(
        (value) => (invocation.succeeded(value), value),
        (error) => {
          invocation.failed(error);
          throw error;
        },
      );
    });
  };
  // Lambda looks at the number of arguments to tell the two kinds of handlers apart.
  return Object.defineProperty(wrapped, "length", { value: Math.min(handler.length, 3) });
}
