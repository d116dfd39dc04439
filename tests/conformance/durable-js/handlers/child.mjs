// Handlers for the requirements of suite `child` (3-1 … 3-18).

import { ChildContextError, withDurableExecution } from "@aws/durable-execution-sdk-js";
import { everySecond, fails, NO_RETRY, uppercase } from "./step.mjs";

const ONE_SECOND = { seconds: 1 };

export const basic = withDurableExecution((event, context) =>
  context.runInChildContext((child) => child.step(async () => event)));

export const named = withDurableExecution(({ name, value }, context) =>
  context.runInChildContext(name, (child) => child.step(async () => value)));

export const twoSteps = withDurableExecution((event, context) =>
  context.runInChildContext("two-steps", async (child) => {
    const first = await child.step(async () => event);
    return child.step(async () => first);
  }));

export const failingStep = withDurableExecution((_event, context) =>
  context.runInChildContext("failing", (child) => child.step(fails, NO_RETRY)));

export const caught = withDurableExecution(async (event, context) => {
  try {
    await context.runInChildContext("failing", (child) => child.step(fails, NO_RETRY));
  } catch (error) {
    if (!(error instanceof ChildContextError)) throw error;
  }
  return context.step("recover", async () => event);
});

export const nested = withDurableExecution((event, context) =>
  context.runInChildContext("outer", async (outer) => {
    await outer.step(async () => event);
    return outer.runInChildContext("inner", (inner) => inner.step(async () => event));
  }));

export const stepRetried = withDurableExecution((event, context) =>
  context.runInChildContext("retrying", (child) =>
    child.step(async ({ attempt }) => {
      if (attempt === 1) throw new Error("first attempt fails");
      return event;
    }, everySecond(3))));

export const stepExhausted = withDurableExecution((_event, context) =>
  context.runInChildContext("exhausting", (child) => child.step(fails, everySecond(2))));

export const replayed = withDurableExecution(async (event, context) => {
  const result = await context.runInChildContext((child) => child.step(async () => event));
  await context.wait(ONE_SECOND);
  return result;
});

export const stepAndWait = withDurableExecution((event, context) =>
  context.runInChildContext("step-and-wait", async (child) => {
    const result = await child.step(async () => event);
    await child.wait(ONE_SECOND);
    return result;
  }));

/** Logs also while replaying, so that a body that runs again can be seen. */
const alwaysLogged = (child, message) => {
  child.configureLogger({ modeAware: false });
  child.logger.info(message);
};

export const largeResult = withDurableExecution(async (event, context) => {
  const result = await context.runInChildContext("large", async (child) => {
    alwaysLogged(child, `child body runs for ${event}`);
    return (await child.step(async () => "small")).repeat(60_000);
  });
  await context.wait(ONE_SECOND);
  return result.length;
});

// The first invocation of an execution knows no operation but the execution itself.
let first = true;

const interruptedOnce = withDurableExecution((event, context) =>
  context.runInChildContext((child) =>
    child.step(async () => {
      // The starts of context and step are checkpointed in the background: let them arrive.
      if (first) await new Promise(() => setTimeout(() => process.exit(1), 1500));
      return event;
    })));

export const interrupted = (invocation, lambda) => {
  first = invocation.InitialExecutionState.Operations.length === 1;
  return interruptedOnce(invocation, lambda);
};

export const waitInside = withDurableExecution(async (event, context) => {
  const result = await context.runInChildContext("waiting", async (child) => {
    await child.wait(ONE_SECOND);
    return event;
  });
  return context.step(async () => result);
});

export const ownSerdes = withDurableExecution((event, context) =>
  context.runInChildContext("uppercase", (child) => child.step(async () => event), { serdes: uppercase }));

export const raises = withDurableExecution((_event, context) =>
  context.runInChildContext("raising", async () => {
    throw new Error("the child itself fails");
  }));

export const nothing = withDurableExecution((_event, context) => context.runInChildContext("nothing", async () => null));

export const logsOnly = withDurableExecution(async (event, context) => {
  const result = await context.runInChildContext("logging", async (child) => {
    alwaysLogged(child, `child body runs for ${event}`);
    return event;
  });
  await context.wait(ONE_SECOND);
  return result;
});

export const mixed = withDurableExecution(async (event, context) => {
  const inner = await context.runInChildContext("mixed", async (child) => {
    const result = await child.step(async () => event);
    await child.wait(ONE_SECOND);
    return result;
  });
  const outer = await context.step(async () => inner);
  await context.wait(ONE_SECOND);
  return outer;
});
