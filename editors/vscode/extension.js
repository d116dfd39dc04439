// Starts `everstep afl lsp` and leaves everything else to it.
"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function start() {
  const command = vscode.workspace.getConfiguration("everstep").get("path", "everstep");
  client = new LanguageClient(
    "everstep",
    "Everstep AFL",
    { command, args: ["afl", "lsp"] },
    {
      documentSelector: [{ scheme: "file", language: "afl" }],
      synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher("**/*.{afl,ffl}") },
    },
  );
  return client.start();
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("everstep.restart", async () => {
      await client?.stop();
      await start();
    }),
  );
  try {
    await start();
  } catch (error) {
    vscode.window.showErrorMessage(`The AFL language server did not start: ${error}. Set "everstep.path" to the binary.`);
  }
}

function deactivate() {
  return client?.stop();
}

module.exports = { activate, deactivate };
