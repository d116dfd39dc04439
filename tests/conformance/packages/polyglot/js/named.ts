import { DurableContext, withDurableExecution } from "@aws/durable-execution-sdk-js";

export const handler = withDurableExecution(async (event: string, context: DurableContext): Promise<string> =>
  context.step("custom_step_name", async () => `Hello, ${event}!`));
