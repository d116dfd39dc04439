// The AWS SDK for JavaScript with one key: prints what became of each call as a line of JSON. Arguments: the SDK's module, the server's address,
// the ARN of an execution.
import { createRequire } from "node:module";

const [modules, endpoint, arn] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { GetDurableExecutionCommand, InvokeCommand, LambdaClient, ListFunctionsCommand } = require("@aws-sdk/client-lambda");

const client = new LambdaClient({ endpoint, region: "us-east-1", maxAttempts: 1 });
const calls = [
  new ListFunctionsCommand({ MaxItems: 50 }),
  new InvokeCommand({ FunctionName: "echo", Payload: JSON.stringify({ text: "ä~ +/" }) }),
  new GetDurableExecutionCommand({ DurableExecutionArn: arn, IncludeExecutionData: true }),
];
const outcomes = [];
for (const call of calls) {
  outcomes.push(await client.send(call).then((answer) => answer.$metadata.httpStatusCode, (error) => error.name));
}
console.log(JSON.stringify(outcomes));
