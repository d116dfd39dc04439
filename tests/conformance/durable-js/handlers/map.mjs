// Handlers for the requirements of suite `map` (9-1 … 9-20).

import { BatchItemStatus, defaultSerdes, NestingType, withDurableExecution } from "@aws/durable-execution-sdk-js";
import { COUNTS, fail, sequential, told } from "./batches.mjs";

const ONE_SECOND = { seconds: 1 };
const FAIL = "fail";

/** A map function that only looks at its item. */
const each = (work) => async (_context, item) => work(item);
const upper = each((item) => item.toUpperCase());
const okOrFail = each((item) => (item === FAIL ? fail() : item));
const constant = each((item) => item);

/** A handler that maps its own items and tells what it is asked of the batch. */
const mapping = (name, items, work, completionConfig, tell) =>
  withDurableExecution(async (_event, context) => tell(await context.map(name, items, work, sequential({ completionConfig }))));

const results = (batch) => batch.getResults();

export const basic = withDurableExecution(async (event, context) => {
  const greet = (item, word) => item.step(async () => `Hello, ${word}!`);
  return results(await context.map("map", event, greet, sequential()));
});

export const unnamed = withDurableExecution(async (event, context) =>
  results(await context.map(event, each((item) => item * 2), sequential())));

export const indexed = withDurableExecution(async (event, context) =>
  results(await context.map("indexed", event, async (_context, item, index) => item + index, sequential())));

export const empty = withDurableExecution(async (_event, context) => results(await context.map("empty", [], constant)));

export const failFast = mapping("failfast", ["ok", FAIL, "never"], okOrFail, { toleratedFailureCount: 0 }, (batch) => told(batch));

export const rethrows = mapping("throwing", [FAIL, "never"], okOrFail, { toleratedFailureCount: 0 }, (batch) => batch.throwIfError());

export const minSuccessful = mapping("min-successful", ["a", "b", "c", "d"], constant, { minSuccessful: 2 }, (batch) =>
  told(batch, "completionReason", "successCount", "totalCount"));

export const tolerated = mapping("tolerated", ["a", FAIL, "c"], okOrFail, { toleratedFailureCount: 1 }, (batch) => told(batch));

export const toleranceExceeded = mapping("tolerated-exceeded", [FAIL, FAIL, "never"], okOrFail, { toleratedFailureCount: 1 }, (batch) =>
  told(batch, ...COUNTS));

export const percentageExceeded = mapping(
  "tolerated-pct",
  [FAIL, FAIL, "never", "never"],
  okOrFail,
  { toleratedFailurePercentage: 25 },
  (batch) => told(batch, ...COUNTS),
);

export const concurrent = withDurableExecution(async (_event, context) =>
  results(await context.map("concurrent", ["r0", "r1", "r2"], constant, { maxConcurrency: 2 })));

export const flat = withDurableExecution(async (_event, context) => {
  const work = (item, text) => item.step(async () => text);
  return results(await context.map("flat", ["fa", "fb"], work, sequential({ nesting: NestingType.FLAT })));
});

export const itemNames = withDurableExecution(async (event, context) => {
  const config = sequential({ itemNamer: (item) => `item-${item}` });
  return results(await context.map("named-items", event, each((item) => item * 10), config));
});

/** Stores text behind `wrapped:`. */
const prefixed = {
  serialize: async (value) => `wrapped:${value}`,
  deserialize: async (data) => data?.replace(/^wrapped:/, ""),
};

export const itemSerdes = withDurableExecution(async (_event, context) =>
  results(await context.map("serdes", ["x", "y"], upper, sequential({ itemSerdes: prefixed }))));

export const suspended = withDurableExecution(async (_event, context) => {
  const work = async (item, text, index) => {
    if (index === 1) await item.wait(ONE_SECOND);
    return item.step(async () => text);
  };
  return results(await context.map("suspend", ["r0", "r1"], work, sequential()));
});

export const large = mapping("large", ["a", "b", "c", "d"], each((item) => item.repeat(70_000)), undefined, (batch) =>
  told(batch, "successCount", "totalCount"));

export const thenWait = withDurableExecution(async (_event, context) => {
  const batch = await context.map("then-wait", ["a", "b"], upper, sequential());
  await context.wait(ONE_SECOND);
  return results(batch);
});

export const failureThenWait = withDurableExecution(async (_event, context) => {
  const config = sequential({ completionConfig: { toleratedFailureCount: 1 } });
  const batch = await context.map("fail-then-wait", ["ok", FAIL], okOrFail, config);
  await context.wait(ONE_SECOND);
  return told(batch);
});

/** Stores the results of a whole batch, all of them succeeded, as `OPSERDE:a,b`. */
const joined = {
  serialize: async (batch) => `OPSERDE:${batch.getResults().join(",")}`,
  deserialize: async (data) => {
    const texts = data.replace(/^OPSERDE:/, "").split(",");
    const all = texts.map((result, index) => ({ index, result, status: BatchItemStatus.SUCCEEDED }));
    return { all, getResults: () => texts };
  },
};

const batchSerdes = sequential({ serdes: joined, itemSerdes: defaultSerdes });

export const operationSerdes = withDurableExecution(async (_event, context) =>
  results(await context.map("op-serde", ["x", "y"], upper, batchSerdes)));

export const operationSerdesReplayed = withDurableExecution(async (_event, context) => {
  const batch = await context.map("op-serde-replay", ["x", "y"], upper, batchSerdes);
  await context.wait(ONE_SECOND);
  return results(batch);
});
