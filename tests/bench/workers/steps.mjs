// Workloads A and B on AWS's JavaScript SDK.

import { withDurableExecution } from "@aws/durable-execution-sdk-js";

const RESULT = "x".repeat(298);

const tell = async (url, id) => {
  await fetch(url, { method: "POST", body: id });
};

export const handler = withDurableExecution(async (event, context) => {
  if (event.url) {
    const [promise, id] = await context.createCallback("callback");
    await context.step("tell", () => tell(event.url, id));
    return promise;
  }
  for (let n = 0; n < 10; n += 1) await context.step(`step-${n}`, async () => RESULT);
  return "done";
});
