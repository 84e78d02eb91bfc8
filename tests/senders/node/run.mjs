// Does what Lambda's runtime for Node.js does: loads a handler, and calls it with each event and a context.

import { readFileSync } from "node:fs";

const [name, how, remaining] = process.argv.slice(2);
const [module, member] = name.split(".");
const events = JSON.parse(readFileSync(0, "utf8"));
const handler = (await import(`./${module}.mjs`))[member];

function contextOf(at) {
  return {
    functionName: "inventory-put-item",
    invokedFunctionArn: "arn:aws:lambda:eu-west-1:123456789012:function:inventory-put-item:live",
    memoryLimitInMB: "256",
    awsRequestId: `8f5c1f4e-0000-4000-8000-${String(at).padStart(12, "0")}`,
    getRemainingTimeInMillis: () => Number(remaining),
  };
}

function invoke(event, context) {
  if (handler.length < 3) return handler(event, context);
  return new Promise((resolve, reject) => {
    handler(event, context, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

async function one(event, at) {
  let said;
  try {
    said = { at, result: await invoke(event, contextOf(at)) };
  } catch (error) {
    said = { at, error: error?.name ?? typeof error };
  }
  process.stderr.write(`${JSON.stringify(said)}\n`);
}

if (how === "in turn") for (const [at, event] of events.entries()) await one(event, at);
else await Promise.all(events.map(one));
