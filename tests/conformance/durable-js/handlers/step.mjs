// Handlers for the requirements of suite `step` (1-1 … 1-20).

import {
  createRetryStrategy,
  JitterStrategy,
  retryPresets,
  StepError,
  StepSemantics,
  withDurableExecution,
} from "@aws/durable-execution-sdk-js";

export const NO_RETRY = { retryStrategy: retryPresets.noRetry };

/** The error that the retry strategies of 1-15 and 1-16 tell from others. */
class TransientError extends Error {
  name = "TransientError";
}

/** Retries after one second each, `maxAttempts` attempts in all. */
export const everySecond = (maxAttempts, more = {}) => ({
  retryStrategy: createRetryStrategy({
    maxAttempts,
    initialDelay: { seconds: 1 },
    backoffRate: 1,
    jitter: JitterStrategy.NONE,
    ...more,
  }),
});

export const fails = async () => {
  throw new Error("this step always fails");
};

/** Stores text in upper case and reads it back as it is. */
export const uppercase = {
  serialize: async (value) => value?.toUpperCase(),
  deserialize: async (data) => data,
};

export const greeting = withDurableExecution((event, context) => context.step(async () => `Hello, ${event}!`));

export const named = withDurableExecution((event, context) => context.step("custom_step_name", async () => `Hello, ${event}!`));

export const sequential = withDurableExecution(async (_event, context) => {
  const first = await context.step(async () => "first");
  return context.step(async () => `${first}_second`);
});

export const nestedResult = withDurableExecution(({ name, tags }, context) =>
  context.step(async () => ({ user: { name, tags }, count: tags.length })));

export const nullResult = withDurableExecution((_event, context) => context.step(async () => null));

export const uppercased = withDurableExecution((event, context) => context.step(async () => event, { serdes: uppercase }));

export const loggingStep = withDurableExecution((event, context) =>
  context.step(async ({ logger }) => {
    logger.info(`Greeting step started for: ${event}`);
    const result = `Hello, ${event}!`;
    logger.info(`Greeting step completed with: ${result}`);
    return result;
  }));

export const thenWait = withDurableExecution(async (_event, context) => {
  const result = await context.step(async () => "computed");
  await context.wait({ seconds: 2 });
  return result;
});

export const cached = withDurableExecution(async (_event, context) => {
  const result = await context.step(async ({ logger }) => {
    logger.info("step executed");
    return "cached_value";
  });
  await context.wait({ seconds: 1 });
  return result;
});

export const cachedFailure = withDurableExecution(async (_event, context) => {
  let caught;
  try {
    await context.step(async ({ logger }) => {
      logger.info("step executed");
      throw new Error("fails for good");
    }, NO_RETRY);
  } catch (error) {
    caught = error.message;
  }
  await context.wait({ seconds: 1 });
  return caught;
});

export const secondAttempt = withDurableExecution((_event, context) =>
  context.step(async ({ attempt }) => {
    if (attempt < 2) throw new Error("not yet");
    return "Operation succeeded";
  }, everySecond(3)));

export const exhausted = withDurableExecution((_event, context) => context.step(fails, everySecond(4)));

const thirdTime = async ({ attempt }) => {
  if (attempt < 3) throw new Error(`attempt ${attempt} fails`);
  return "third time lucky";
};

export const defaultRetries = withDurableExecution((_event, context) => context.step(thirdTime));

export const growingDelays = withDurableExecution((_event, context) =>
  context.step(thirdTime, everySecond(5, { initialDelay: { seconds: 2 }, backoffRate: 3 })));

const transient = async ({ attempt }) => {
  if (attempt === 1) throw new TransientError("try again");
  return "recovered";
};

export const retriesTransient = withDurableExecution((_event, context) =>
  context.step(transient, everySecond(3, { retryableErrorTypes: [TransientError] })));

export const doesNotRetryTransient = withDurableExecution((_event, context) =>
  context.step(transient, everySecond(3, { retryableErrorTypes: [RangeError] })));

/** Gives the log line its way out before the process is gone. */
const crash = () => new Promise(() => setTimeout(() => process.exit(1), 200));

export const atMostOnceCrash = withDurableExecution((event, context) =>
  context.step("at_most_once_flaky_step", async ({ logger }) => {
    logger.info(`about to crash: ${event}`);
    await crash();
  }, { ...NO_RETRY, semantics: StepSemantics.AtMostOncePerRetry }));

export const atMostOnceRecovers = withDurableExecution((event, context) =>
  context.step(async ({ attempt, logger }) => {
    logger.info(`attempt ${attempt}: ${event}`);
    if (attempt === 1) await crash();
    return "succeeded on second attempt";
  }, { ...everySecond(2), semantics: StepSemantics.AtMostOncePerRetry }));

export const permanentFailure = withDurableExecution((_event, context) => context.step(fails, NO_RETRY));

export const handledFailure = withDurableExecution(async (_event, context) => {
  let fallback;
  try {
    await context.step(fails, NO_RETRY);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    fallback = "fallback";
  }
  return context.step(async () => `${fallback}_result`);
});
