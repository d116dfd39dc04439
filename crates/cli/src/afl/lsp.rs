//! `everstep afl lsp`: the language server, over standard input and output.
//!
//! One synchronous loop: a message comes, the answer goes, and after a change the findings of the program that the changed file belongs to. A
//! program is the sources of one directory, together with those elsewhere in the workspace that declare namespaces which it uses.

mod convert;
mod request;
mod workspace;

use super::output::{Done, Failure};
use gen_lsp_types::{
    CodeActionProvider, CompletionOptions, DefinitionProvider, DocumentFormattingProvider,
    DocumentSymbolProvider, HoverProvider, ReferencesProvider, RenameProvider, ServerCapabilities,
    TextDocumentSync, TextDocumentSyncKind,
};
use lsp_server::{Connection, Message, Notification, Response};
use serde_json::{Value, json};
use workspace::Workspace;

/// Serves one editor until it says goodbye.
pub fn serve() -> Done {
    let (connection, threads) = Connection::stdio();
    let outcome = session(&connection);
    // The writer ends when its sender is gone.
    drop(connection);
    let closed = threads.join().map_err(|error| error.to_string());
    outcome.and(closed).map_err(Failure::Outside)
}

fn capabilities() -> ServerCapabilities {
    let triggers = ['.', '$', '(', '='].map(String::from).to_vec();
    ServerCapabilities {
        text_document_sync: Some(TextDocumentSync::Kind(TextDocumentSyncKind::Incremental)),
        hover_provider: Some(HoverProvider::Bool(true)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some(triggers),
            ..CompletionOptions::default()
        }),
        definition_provider: Some(DefinitionProvider::Bool(true)),
        references_provider: Some(ReferencesProvider::Bool(true)),
        rename_provider: Some(RenameProvider::Bool(true)),
        document_symbol_provider: Some(DocumentSymbolProvider::Bool(true)),
        document_formatting_provider: Some(DocumentFormattingProvider::Bool(true)),
        code_action_provider: Some(CodeActionProvider::Bool(true)),
        ..ServerCapabilities::default()
    }
}

fn session(connection: &Connection) -> Result<(), String> {
    let (id, params) = connection
        .initialize_start()
        .map_err(|error| error.to_string())?;
    let answer = json!({ "capabilities": capabilities(), "serverInfo": { "name": "everstep afl", "version": env!("CARGO_PKG_VERSION") } });
    connection
        .initialize_finish(id, answer)
        .map_err(|error| error.to_string())?;
    let mut workspace = Workspace::new(&params);
    for message in &connection.receiver {
        match message {
            Message::Request(request) => {
                if connection
                    .handle_shutdown(&request)
                    .map_err(|error| error.to_string())?
                {
                    return Ok(());
                }
                let response = match request::answer(&workspace, &request.method, request.params) {
                    Ok(result) => Response::new_ok(request.id, result),
                    Err((code, message)) => Response::new_err(request.id, code, message),
                };
                send(connection, Message::Response(response))?;
            }
            Message::Notification(notification) => {
                for (uri, version, diagnostics) in changed(&mut workspace, notification) {
                    let params =
                        json!({ "uri": uri, "version": version, "diagnostics": diagnostics });
                    send(
                        connection,
                        Message::Notification(Notification::new(
                            "textDocument/publishDiagnostics".to_owned(),
                            params,
                        )),
                    )?;
                }
            }
            Message::Response(_) => {}
        }
    }
    Ok(())
}

fn send(connection: &Connection, message: Message) -> Result<(), String> {
    connection
        .sender
        .send(message)
        .map_err(|error| error.to_string())
}

/// Takes a change in and gives what is to be published because of it: uri, version, findings.
fn changed(
    workspace: &mut Workspace,
    notification: Notification,
) -> Vec<(String, Option<i32>, Value)> {
    let params = notification.params;
    let uri = params
        .pointer("/textDocument/uri")
        .and_then(Value::as_str)
        .unwrap_or("")
        .to_owned();
    let version = params
        .pointer("/textDocument/version")
        .and_then(Value::as_i64)
        .and_then(|version| i32::try_from(version).ok());
    match notification.method.as_str() {
        "textDocument/didOpen" => {
            let text = params
                .pointer("/textDocument/text")
                .and_then(Value::as_str)
                .unwrap_or("");
            workspace.open(&uri, version, text);
        }
        "textDocument/didChange" => {
            let Some(Value::Array(changes)) = params.get("contentChanges") else {
                return Vec::new();
            };
            workspace.change(&uri, version, changes);
        }
        "textDocument/didClose" => {
            workspace.close(&uri);
            return vec![(uri, None, json!([]))];
        }
        "textDocument/didSave" | "workspace/didChangeWatchedFiles" => workspace.reload(),
        _ => return Vec::new(),
    }
    workspace.findings(&uri)
}
