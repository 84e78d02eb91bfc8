// Functions without the SDK, and one with a client that has nothing but a stack of middleware.

import { note, observe, observed } from "./uneri-lambda.mjs";

export const returned = observed(async (event) => event);
export const answered = observed(async (event) => event.answer);
export const called = observed((event, context, callback) => {
  setTimeout(() => (event.fails ? callback(new TypeError("no")) : callback(null, event)), 5);
});
export const thrown = observed(async () => {
  throw "a text";
});
export const rejected = observed(() => Promise.reject(Object.assign(new Error("full"), { name: "ThrottlingException" })));
export const nested = observed(async (event, context) => returned(event, context));
export const said = observed(async (event) => event, {
  clientName: "header:X-App", tenant: "claim:custom:tenant", routes: ["GET /shops/{name}/opening"],
});
export const answers = observed(async (event) => {
  if (event.raises) throw new RangeError("no");
  return event.result;
});
export const evil = observed(async () => "fine");
export const odd = observed(async (event) => {
  const frightful = new Proxy({}, { get: () => { throw new Error("no"); }, has: () => { throw new Error("no"); } });
  const result = await evil(frightful, frightful);
  const other = Object.create(null, { headers: { get() { throw new Error("no"); } } });
  await evil(other, undefined);
  return { result, event };
});
export const large = observed(async () => {
  for (let number = 0; number < 20_000; number++) await stub(`table-${number % 3000}`);
  const values = Object.fromEntries(Array.from({ length: 500 }, (_, number) => [`${number}`.repeat(300), 1]));
  note({ route: "é".repeat(5000), values });
});

// The two steps of the SDK that matter, in their order.
const steps = {};
const client = observe({ middlewareStack: { add: (middleware, { step }) => (steps[step] = middleware) } });

async function stub(TableName) {
  const answer = async (args) => ({
    output: args.input.ReturnConsumedCapacity && { ConsumedCapacity: { TableName, CapacityUnits: 0.5 } },
  });
  const context = { commandName: "GetItemCommand" };
  const attempt = steps.finalizeRequest(answer, context);
  await steps.initialize(attempt, context)({ input: { TableName } });
}

export const stubbed = observed(async (event) => {
  await stub(event.table);
  observe(null);
  observe(client);
});
