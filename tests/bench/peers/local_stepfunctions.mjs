// Runs the workloads of `bench asl` in aws-local-stepfunctions, in process: no server, no journal. The first argument is a file of
// workloads [{ name, definition, input, runs, atOnce }]; answers with one line of JSON each.

import { readFileSync } from "node:fs";
import { StateMachine } from "aws-local-stepfunctions";

for (const { name, definition, input, runs, atOnce } of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  const machine = new StateMachine(definition, { validationOptions: { checkPaths: false, checkArn: false } });
  const began = process.hrtime.bigint();
  for (let done = 0; done < runs; done += atOnce) {
    const some = Array.from({ length: Math.min(atOnce, runs - done) }, () => machine.run(input).result);
    await Promise.all(some);
  }
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  process.stdout.write(`${JSON.stringify({ name, seconds })}\n`);
}
