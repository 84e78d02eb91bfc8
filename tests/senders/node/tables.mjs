// Functions as people write them, with the real SDK.

import * as dynamodb from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import { note, observe, observed } from "./uneri-lambda.mjs";

const client = observe(new dynamodb.DynamoDBClient({ maxAttempts: 3 }));
const documents = DynamoDBDocumentClient.from(client);
const Key = { id: { S: "a" } };

const WAYS = {
  get: ({ table }) => client.send(new dynamodb.GetItemCommand({ TableName: table, Key })),
  "get document": ({ table }) => documents.send(new GetCommand({ TableName: table, Key: { id: "a" } })),
  "put document": ({ table }) => documents.send(new PutCommand({ TableName: table, Item: { id: "b" } })),
  "without capacity": ({ table }) =>
    client.send(new dynamodb.GetItemCommand({ TableName: table, Key, ReturnConsumedCapacity: "NONE" })),
  update: ({ table }) =>
    client.send(
      new dynamodb.UpdateItemCommand({
        TableName: table, Key, UpdateExpression: "SET n = :n", ExpressionAttributeValues: { ":n": { N: "1" } },
      }),
    ),
  "query by arn": ({ table }) =>
    client.send(
      new dynamodb.QueryCommand({
        TableName: `arn:aws:dynamodb:eu-west-1:123456789012:table/${table}`,
        KeyConditionExpression: "id = :a", ExpressionAttributeValues: { ":a": { S: "a" } },
      }),
    ),
  "scan by pages": async ({ table }) => {
    for await (const page of dynamodb.paginateScan({ client }, { TableName: table })) page.Items;
  },
  batch: ({ tables }) =>
    client.send(
      new dynamodb.BatchGetItemCommand({
        RequestItems: Object.fromEntries(tables.map((name) => [name, { Keys: [Key] }])),
      }),
    ),
  transact: ({ tables }) =>
    client.send(
      new dynamodb.TransactWriteItemsCommand({
        TransactItems: tables.map((TableName) => ({ Put: { TableName, Item: Key } })),
      }),
    ),
  "condition fails": ({ table }) =>
    client.send(
      new dynamodb.PutItemCommand({ TableName: table, Item: Key, ConditionExpression: "attribute_not_exists(id)" }),
    ),
  describe: ({ table }) => client.send(new dynamodb.DescribeTableCommand({ TableName: table })),
  raise: () => {
    throw new RangeError("sku");
  },
  sleep: () => new Promise((resolve) => setTimeout(resolve, 4000)),
  note: () => note({ route: "GET /noted", tenant: "game-42", values: { sales: 120, none: Number.NaN } }),
};

export const handler = observed(async (event) => {
  for (const step of event.steps) await WAYS[step](event);
  return event.result ?? { statusCode: 200 };
});
