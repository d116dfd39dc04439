// Handlers for the requirements of suite `parallel` (8-1 … 8-22).

import { NestingType, withDurableExecution } from "@aws/durable-execution-sdk-js";
import { COUNTS, fail, sequential, told } from "./batches.mjs";

const returning = (value) => async () => value;
const stepping = (value) => (branch) => branch.step(async () => value);
const results = (batch) => batch.getResults();

/** A handler that runs branches one after the other and tells what it is asked of the batch. */
const running = (name, branches, completionConfig, tell = (batch) => told(batch)) =>
  withDurableExecution(async (_event, context) => tell(await context.parallel(name, branches, sequential({ completionConfig }))));

export const basic = running("parallel", [stepping("task-1"), stepping("task-2")], undefined, results);

export const unnamed = withDurableExecution(async (_event, context) =>
  results(await context.parallel([returning("alpha"), returning("beta")], sequential())));

export const namedBranches = running(
  "named",
  [{ name: "first", func: returning("one") }, { name: "second", func: returning("two") }],
  undefined,
  results,
);

export const manyTypes = running("hetero", [returning("hello"), returning(42), returning({ k: "v" })], undefined, results);

export const empty = withDurableExecution(async (_event, context) => results(await context.parallel("empty", [])));

export const failFast = running("failfast", [returning("ok"), fail, returning("never")], { toleratedFailureCount: 0 });

export const rethrows = running("throwing", [fail, returning("never")], { toleratedFailureCount: 0 }, (batch) => batch.throwIfError());

export const minSuccessful = running("min-successful", ["b0", "b1", "b2", "b3"].map(returning), { minSuccessful: 2 }, (batch) =>
  told(batch, "completionReason", "successCount", "totalCount"));

export const tolerated = running("tolerated", [returning("a"), fail, returning("c")], { toleratedFailureCount: 1 });

export const toleranceExceeded = running("tolerated-exceeded", [fail, fail, returning("never")], { toleratedFailureCount: 1 }, (batch) =>
  told(batch, ...COUNTS));

export const concurrent = withDurableExecution(async (_event, context) =>
  results(await context.parallel("concurrent", ["r0", "r1", "r2"].map(returning), { maxConcurrency: 2 })));

export const flat = withDurableExecution(async (_event, context) =>
  results(await context.parallel("flat", [stepping("fa"), stepping("fb")], sequential({ nesting: NestingType.FLAT }))));

export const percentageExceeded = running(
  "tolerated-pct",
  [fail, fail, returning("never"), returning("never")],
  { toleratedFailurePercentage: 25 },
  (batch) => told(batch, ...COUNTS),
);

const waiting = async (branch) => {
  await branch.wait({ seconds: 2 });
  return "b1";
};

export const suspended = running("replay", [stepping("b0"), waiting], undefined, results);

/** Stores a value as `{"wrapped": value}`. */
const wrapped = {
  serialize: async (value) => JSON.stringify({ wrapped: value }),
  deserialize: async (data) => (data === undefined ? undefined : JSON.parse(data).wrapped),
};

export const itemSerdes = withDurableExecution(async (_event, context) =>
  results(await context.parallel("serde", [returning("x"), returning("y")], sequential({ itemSerdes: wrapped }))));

export const allFail = running("all-fail", [fail, fail, fail], { toleratedFailureCount: 3 });

export const minNotReached = running("min-not-reached", [returning("a"), fail, returning("c")], { minSuccessful: 3 });

export const combined = running(
  "combined",
  [fail, fail, returning("never"), returning("never")],
  { minSuccessful: 3, toleratedFailureCount: 1 },
  (batch) => told(batch, ...COUNTS),
);

export const badConcurrency = withDurableExecution(async (_event, context) =>
  results(await context.parallel("bad-concurrency", [returning("a"), returning("b")], { maxConcurrency: 0 })));

export const accessors = running("accessors", [returning("a"), fail, returning("c")], { toleratedFailureCount: 1 }, (batch) => ({
  hasFailure: batch.hasFailure,
  successCount: batch.succeeded().length,
  failureCount: batch.failed().length,
  errorCount: batch.getErrors().length,
}));

const inner = async (branch) => results(await branch.parallel("inner", [stepping("i1"), stepping("i2")], sequential()));

export const nested = running("outer", [inner], undefined, results);

export const percentageBoundary = running(
  "pct-boundary",
  [fail, returning("b"), returning("c"), returning("d")],
  { toleratedFailurePercentage: 25 },
);
