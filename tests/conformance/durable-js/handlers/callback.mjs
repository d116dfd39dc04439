// Handlers for the requirements of suite `callback` (4-1 … 4-19).

import { CallbackError, withDurableExecution } from "@aws/durable-execution-sdk-js";

const within = (seconds) => ({ timeout: { seconds } });
const beating = (seconds) => ({ heartbeatTimeout: { seconds } });

/** The result of a callback that nothing happens beside. */
const alone = (config) =>
  withDurableExecution(async (name, context) => {
    const [result] = await context.createCallback(name, config);
    return result;
  });

export const basic = alone();
export const timesOut = alone(within(5));
export const missesHeartbeat = alone(beating(5));
export const heartbeats = alone(beating(10));

export const named = withDurableExecution(async (_event, context) => {
  const [result] = await context.createCallback("approval");
  return result;
});

/** A step while the callback is open. */
const stepBetweenWith = (config) =>
  withDurableExecution(async (name, context) => {
    const [result] = await context.createCallback(name, config);
    await context.step(async () => "done meanwhile");
    return result;
  });

export const stepBetween = stepBetweenWith();
export const stepBetweenTimesOut = stepBetweenWith(within(5));

/** A wait while the callback is open. */
const waitBetweenWith = (seconds, config) =>
  withDurableExecution(async (name, context) => {
    const [result] = await context.createCallback(name, config);
    await context.wait({ seconds });
    return result;
  });

export const waitBetween = waitBetweenWith(5);
export const waitOutlastsTimeout = waitBetweenWith(6, within(3));

export const thenWait = withDurableExecution(async (name, context) => {
  const [result] = await context.createCallback(name);
  const message = await result;
  await context.wait({ seconds: 2 });
  return message;
});

const caughtThenWait = (config) =>
  withDurableExecution(async (name, context) => {
    const [result] = await context.createCallback(name, config);
    let message;
    try {
      message = await result;
    } catch (error) {
      if (!(error instanceof CallbackError)) throw error;
      message = `caught: ${error.message}`;
    }
    await context.wait({ seconds: 2 });
    return message;
  });

export const failureCaught = caughtThenWait();
export const timeoutCaught = caughtThenWait(within(3));

/** Reads a JSON object whose `timestamp` is an ISO time and turns that into seconds since 1970. */
const withSeconds = {
  deserialize: async (data) => {
    if (data === undefined) return undefined;
    const value = JSON.parse(data);
    return { ...value, timestamp: Date.parse(value.timestamp) / 1000 };
  },
};

export const typedResult = withDurableExecution(async (name, context) => {
  const [result] = await context.createCallback(name, { serdes: withSeconds });
  return { received: await result };
});

const number = { deserialize: async (data) => (data === undefined ? undefined : Number(data)) };

export const numberResult = withDurableExecution(async (name, context) => {
  const [result] = await context.createCallback(name, { serdes: number });
  const count = await result;
  return { count, doubled: count * 2 };
});

export const oneAfterTheOther = withDurableExecution(async (names, context) => {
  const results = [];
  for (const name of names) {
    const [result] = await context.createCallback(name);
    results.push(await result);
  }
  return results;
});

const both = async ([first, second], context) => {
  const [a] = await context.createCallback(first);
  const [b] = await context.createCallback(second);
  return [a, b];
};

export const bothFirstToLast = withDurableExecution(async (names, context) => {
  const [a, b] = await both(names, context);
  return [await a, await b];
});

export const bothLastToFirst = withDurableExecution(async (names, context) => {
  const [a, b] = await both(names, context);
  const last = await b;
  return [await a, last];
});
