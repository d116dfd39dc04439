// Handlers for the requirements of suite `wait` (2-1 … 2-5).

import { withDurableExecution } from "@aws/durable-execution-sdk-js";

const waiting = (duration) =>
  withDurableExecution(async (_event, context) => {
    await context.wait(duration);
    return "waited";
  });

export const basic = waiting({ seconds: 2 });
export const oneMinute = waiting({ minutes: 1 });
export const oneHour = waiting({ hours: 1 });

export const named = withDurableExecution(async (_event, context) => {
  await context.wait("custom_wait_name", { seconds: 2 });
  return "waited";
});

export const sequential = withDurableExecution(async (_event, context) => {
  const names = ["wait-1", "wait-2"];
  for (const name of names) await context.wait(name, { seconds: 2 });
  return { completedWaits: names.length };
});
