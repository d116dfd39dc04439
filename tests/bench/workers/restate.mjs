// Workloads A and B on Restate's TypeScript SDK: the same ten steps, the same callback. The first argument is the port to listen on.

import http2 from "node:http2";
import * as restate from "@restatedev/restate-sdk";

const RESULT = "x".repeat(298);

const tell = async (url, id) => {
  await fetch(url, { method: "POST", body: id });
};

const run = async (context, event) => {
  if (event.url) {
    const { id, promise } = context.awakeable();
    await context.run("tell", () => tell(event.url, id));
    return promise;
  }
  for (let n = 0; n < 10; n += 1) await context.run(`step-${n}`, () => RESULT);
  return "done";
};

const service = restate.service({ name: "bench", handlers: { run } });
// Its own log lines would be part of what is measured.
const handler = restate.createEndpointHandler({ services: [service], logger: () => {} });
http2.createServer(handler).listen(Number(process.argv[2]), "127.0.0.1", () => process.stdout.write("ready\n"));
