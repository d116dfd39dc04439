// Runs a Node function under the Lambda Runtime API, with Node alone. ES modules and CommonJS; async, callback and plain handlers.
// If the function brings the package aws-lambda-ric, that official client takes over; EVERSTEP_RUNTIME=bundled prevents it.

import { AsyncLocalStorage } from "node:async_hooks";
import { existsSync, readFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { Writable } from "node:stream";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const API = "/2018-06-01/runtime";
const env = process.env;
const jsonLog = (env.AWS_LAMBDA_LOG_FORMAT ?? "").toUpperCase() === "JSON";
const [host, port] = splitAddress(env.AWS_LAMBDA_RUNTIME_API);
const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
const request = new AsyncLocalStorage();
const running = new Set();

class Fault extends Error {
  constructor(type, message) {
    super(message);
    this.name = type;
  }
}

function splitAddress(address) {
  const colon = address.lastIndexOf(":");
  return [address.slice(0, colon).replace(/^\[|\]$/g, ""), Number(address.slice(colon + 1))];
}

function call(method, tail, body, errorType) {
  const headers = {};
  if (method === "POST") {
    headers["content-type"] = "application/json";
    headers["content-length"] = Buffer.byteLength(body);
  }
  if (errorType) headers["lambda-runtime-function-error-type"] = errorType.replace(/[^\x21-\x7e]/g, "_");
  return new Promise((resolve, reject) => {
    const sent = http.request({ host, port, method, path: API + tail, headers, agent }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () =>
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks).toString() }));
      answer.on("error", reject);
    });
    sent.setNoDelay(true);
    sent.on("error", reject);
    sent.end(body);
  });
}

function context(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const client = headers["lambda-runtime-client-context"];
  const identity = headers["lambda-runtime-cognito-identity"];
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    tenantId: headers["lambda-runtime-aws-tenant-id"],
    clientContext: client ? JSON.parse(client) : undefined,
    identity: identity ? JSON.parse(identity) : undefined,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

function describe(error) {
  if (error instanceof Error) {
    return {
      errorType: error.name || "Error",
      errorMessage: error.message,
      stackTrace: (error.stack ?? "").split("\n").slice(1).map((line) => line.trim()),
    };
  }
  return { errorType: typeof error, errorMessage: String(error), stackTrace: [] };
}

const write = (line) => process.stdout.write(line + "\n");

function log(level, values) {
  const now = new Date().toISOString();
  const requestId = request.getStore();
  if (!jsonLog) {
    write(`${now}\t${requestId ?? "undefined"}\t${level}\t${format(...values)}`.replaceAll("\n", "\r"));
    return;
  }
  const line = { timestamp: now, level, requestId };
  const [only] = values;
  line.message = values.length === 1 && !(only instanceof Error) ? only : format(...values);
  const error = values.find((value) => value instanceof Error);
  if (error) Object.assign(line, describe(error));
  try {
    write(JSON.stringify(line));
  } catch {
    write(JSON.stringify({ ...line, message: format(...values) }));
  }
}

function patchConsole() {
  const order = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
  const least = jsonLog ? Math.max(0, order.indexOf((env.AWS_LAMBDA_LOG_LEVEL ?? "").toUpperCase())) : 0;
  const levels = { trace: "TRACE", debug: "DEBUG", log: "INFO", info: "INFO", warn: "WARN", error: "ERROR" };
  for (const [method, level] of Object.entries(levels)) {
    console[method] = order.indexOf(level) < least ? () => {} : (...values) => log(level, values);
  }
}

async function findHandler(name) {
  const at = name.lastIndexOf("/") + 1;
  const dot = name.indexOf(".", at);
  if (dot < 0) throw new Fault("Runtime.MalformedHandlerName", `Bad handler: ${name}`);
  const stem = path.resolve(env.LAMBDA_TASK_ROOT, name.slice(0, dot));
  const file = [".js", ".mjs", ".cjs", "/index.js", "/index.mjs", "/index.cjs"].map((end) => stem + end).find(existsSync);
  if (!file) throw new Fault("Runtime.ImportModuleError", `Error: Cannot find module '${name.slice(0, dot)}'`);
  let module;
  try {
    module = await import(pathToFileURL(file).href);
  } catch (error) {
    if (error instanceof SyntaxError) throw Object.assign(error, { name: "Runtime.UserCodeSyntaxError" });
    if (["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"].includes(error?.code)) {
      throw Object.assign(error, { name: "Runtime.ImportModuleError" });
    }
    throw error;
  }
  const members = name.slice(dot + 1).split(".");
  const walk = (from) => members.reduce((value, member) => value?.[member], from);
  const handler = walk(module) ?? walk(module.default);
  if (handler === undefined) throw new Fault("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  if (typeof handler !== "function") throw new Fault("Runtime.HandlerNotFound", `${name} is not a function`);
  return handler;
}

// A promise or the callback, whichever the handler uses; the callback answers at once, without waiting for an empty event loop.
function run(handler, event, ctx) {
  return new Promise((resolve, reject) => {
    const callback = (error, result) => (error === null || error === undefined ? resolve(result) : reject(error));
    ctx.done = callback;
    ctx.succeed = resolve;
    ctx.fail = reject;
    const returned = handler(event, ctx, callback);
    if (typeof returned?.then === "function") returned.then(resolve, reject);
    else if (handler.length < 3 && returned !== undefined) resolve(returned);
  });
}

// What `awslambda.streamifyResponse` hands to a function: each write goes out as it comes.
class ResponseStream extends Writable {
  #id;
  #contentType = "application/octet-stream";
  #prelude;
  #sent;

  constructor(id) {
    super();
    this.#id = id;
  }

  setContentType(contentType) {
    this.#contentType = contentType;
  }

  // Status and headers of an HTTP answer stand before the body, closed by eight zero bytes.
  setPrelude(metadata) {
    this.#contentType = "application/vnd.awslambda.http-integration-response";
    this.#prelude = JSON.stringify(metadata ?? {}) + "\0".repeat(8);
  }

  get begun() {
    return this.#sent !== undefined;
  }

  #begin() {
    if (this.#sent) return this.#sent;
    const headers = {
      "content-type": this.#contentType,
      "lambda-runtime-function-response-mode": "streaming",
      trailer: "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
    };
    const sent = http.request({ host, port, method: "POST", path: `${API}/invocation/${this.#id}/response`, headers, agent });
    sent.setNoDelay(true);
    this.answered = new Promise((resolve, reject) => {
      sent.on("response", (answer) => answer.resume().on("end", () => resolve(answer.statusCode)));
      sent.on("error", reject);
    });
    this.answered.catch((error) => this.destroy(error));
    if (this.#prelude) sent.write(this.#prelude);
    this.#sent = sent;
    return sent;
  }

  _write(chunk, _encoding, done) {
    this.#begin().write(chunk, done);
  }

  _final(done) {
    this.#begin().end(done);
  }

  // Tells at the end of what was written that it is not the whole.
  fail(described) {
    this.#sent.addTrailers({
      "Lambda-Runtime-Function-Error-Type": described.errorType.replace(/[^\x21-\x7e]/g, "_"),
      "Lambda-Runtime-Function-Error-Body": Buffer.from(JSON.stringify(described)).toString("base64"),
    });
    this.#sent.end();
  }
}

const STREAMS = Symbol("streams");
globalThis.awslambda = {
  streamifyResponse: (handler) => Object.assign((...values) => handler(...values), { [STREAMS]: true }),
  HttpResponseStream: {
    from(stream, metadata) {
      stream.setPrelude(metadata);
      return stream;
    },
  },
};

// Resolves when the whole answer is taken; false if something else has answered.
async function stream(handler, id, headers, body) {
  const out = new ResponseStream(id);
  const finished = new Promise((resolve, reject) => out.on("finish", resolve).on("error", reject));
  finished.catch(() => {});
  try {
    await handler(JSON.parse(body), out, context(headers));
    await finished;
    if (!running.delete(id)) return false;
  } catch (error) {
    const described = describe(error);
    log("ERROR", ["Invoke Error", error]);
    if (!running.delete(id)) return false;
    if (!out.begun) {
      await call("POST", `/invocation/${id}/error`, JSON.stringify(described), described.errorType);
      return true;
    }
    out.fail(described);
  }
  const status = await out.answered;
  if (status >= 500) process.exit(1);
  return true;
}

async function answer(handler, headers, body) {
  try {
    const result = await run(handler, JSON.parse(body), context(headers));
    let text;
    try {
      text = JSON.stringify(result) ?? "null";
    } catch (error) {
      throw new Fault("Runtime.MarshalError", `Unable to stringify response body: ${error.message}`);
    }
    return ["response", text];
  } catch (error) {
    const described = describe(error);
    log("ERROR", ["Invoke Error", error]);
    return ["error", JSON.stringify(described), described.errorType];
  }
}

async function serve(handler) {
  for (;;) {
    const next = await call("GET", "/invocation/next");
    if (next.status !== 200) throw new Error(`invocation/next answered ${next.status}`);
    const id = next.headers["lambda-runtime-aws-request-id"];
    env._X_AMZN_TRACE_ID = next.headers["lambda-runtime-trace-id"] ?? "";
    running.add(id);
    if (handler[STREAMS]) {
      if (!(await request.run(id, () => stream(handler, id, next.headers, next.body)))) return;
      continue;
    }
    const [tail, body, errorType] = await request.run(id, () => answer(handler, next.headers, next.body));
    if (!running.delete(id)) return;
    const { status, body: refusal } = await call("POST", `/invocation/${id}/${tail}`, body, errorType);
    if (status >= 500) process.exit(1);
    if (status >= 400 && status !== 413) process.stderr.write(`the Runtime API refused an answer: ${refusal}\n`);
  }
}

// What nobody caught ends the process, but first it is the answer of everything that runs.
async function fatal(type, error, code) {
  const described = { ...describe(error), errorType: type };
  log("ERROR", [type, error]);
  const open = [...running];
  running.clear();
  await Promise.allSettled(open.map((id) => call("POST", `/invocation/${id}/error`, JSON.stringify(described), type)));
  process.exit(code);
}

function officialClient() {
  const folder = path.join(env.LAMBDA_TASK_ROOT, "node_modules", "aws-lambda-ric");
  const manifest = path.join(folder, "package.json");
  if (env.EVERSTEP_RUNTIME === "bundled" || !existsSync(manifest)) return undefined;
  const { bin } = JSON.parse(readFileSync(manifest, "utf8"));
  return path.join(folder, typeof bin === "string" ? bin : bin["aws-lambda-ric"]);
}

const official = officialClient();
if (official) {
  process.argv[1] = official;
  await import(pathToFileURL(official).href);
} else {
  process.on("uncaughtException", (error) => fatal("Runtime.UncaughtException", error, 129));
  process.on("unhandledRejection", (error) => fatal("Runtime.UnhandledPromiseRejection", error, 128));
  patchConsole();
  let handler;
  try {
    handler = await findHandler(process.argv[2]);
  } catch (error) {
    const described = describe(error);
    log("ERROR", [error]);
    await call("POST", "/init/error", JSON.stringify(described), described.errorType);
    process.exit(1);
  }
  const loops = Math.max(1, Number(env.AWS_LAMBDA_MAX_CONCURRENCY) || 1);
  Promise.all(Array.from({ length: loops }, () => serve(handler))).catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  });
}
