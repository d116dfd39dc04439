//! Answers to requests.

use super::convert;
use super::workspace::{Set, View, Workspace};
use everstep_afl::ast::{Decl, FacetKind, Item, Name, Stmt};
use everstep_afl::index::{self, CompletionKind, Symbol};
use everstep_afl::program::{self, Source};
use everstep_afl::span::Span;
use everstep_afl::{format, parse};
use gen_lsp_types as lsp;
use lsp_server::ErrorCode;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Answer = Result<Value, (i32, String)>;

/// Answers one request.
///
/// # Errors
/// The JSON-RPC code and message of a refusal.
pub fn answer(workspace: &Workspace, method: &str, params: Value) -> Answer {
    match method {
        "textDocument/hover" => hover(workspace, &read(params)?),
        "textDocument/definition" => definition(workspace, &read(params)?),
        "textDocument/references" => references(workspace, &read::<lsp::ReferenceParams>(params)?),
        "textDocument/rename" => rename(workspace, &read(params)?),
        "textDocument/completion" => completion(workspace, &read(params)?),
        "textDocument/formatting" => formatting(workspace, &read(params)?),
        "textDocument/documentSymbol" => symbols(workspace, &read(params)?),
        "textDocument/codeAction" => actions(workspace, &read(params)?),
        _ => Err((
            ErrorCode::MethodNotFound as i32,
            format!("{method} is not offered"),
        )),
    }
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, (i32, String)> {
    serde_json::from_value(params)
        .map_err(|error| (ErrorCode::InvalidParams as i32, error.to_string()))
}

fn write<T: serde::Serialize>(result: T) -> Answer {
    serde_json::to_value(result)
        .map_err(|error| (ErrorCode::InternalError as i32, error.to_string()))
}

/// Looks at the program around a position; null where the text is not known.
fn at(
    workspace: &Workspace,
    place: &lsp::TextDocumentPositionParams,
    look: impl FnOnce(&Set, &View<'_>, u32) -> Answer,
) -> Answer {
    let Some(set) = workspace.set(&place.text_document.uri.0) else {
        return Ok(Value::Null);
    };
    let Some(source) = set.source(0) else {
        return Ok(Value::Null);
    };
    let offset = convert::offset(&source.text, &source.lines, place.position);
    set.view(|view| look(&set, view, offset))
}

fn hover(workspace: &Workspace, params: &lsp::HoverParams) -> Answer {
    at(
        workspace,
        &params.text_document_position_params,
        |set, view, offset| {
            let (Some(entry), Some(source)) = (view.index.at(0, offset), set.source(0)) else {
                return Ok(Value::Null);
            };
            let value = index::describe(view.program, view.names, view.model, entry);
            write(
                json!({ "contents": { "kind": "markdown", "value": value }, "range": convert::range(source, entry.span) }),
            )
        },
    )
}

fn definition(workspace: &Workspace, params: &lsp::DefinitionParams) -> Answer {
    at(
        workspace,
        &params.text_document_position_params,
        |set, view, offset| {
            let found = view
                .index
                .at(0, offset)
                .and_then(|entry| view.index.definition(&entry.symbol));
            write(found.and_then(|entry| convert::location(&set.sources, entry.file, entry.span)))
        },
    )
}

fn references(workspace: &Workspace, params: &lsp::ReferenceParams) -> Answer {
    at(
        workspace,
        &params.text_document_position_params,
        |set, view, offset| {
            let Some(entry) = view.index.at(0, offset) else {
                return write(Vec::<lsp::Location>::new());
            };
            let all = view
                .index
                .of(&entry.symbol)
                .filter(|entry| params.context.include_declaration || !entry.definition);
            write(
                all.filter_map(|entry| convert::location(&set.sources, entry.file, entry.span))
                    .collect::<Vec<_>>(),
            )
        },
    )
}

fn rename(workspace: &Workspace, params: &lsp::RenameParams) -> Answer {
    let new = params.new_name.as_str();
    at(
        workspace,
        &params.text_document_position_params,
        |set, view, offset| {
            let refuse = |message: &str| Err((ErrorCode::RequestFailed as i32, message.to_owned()));
            let Some(entry) = view.index.at(0, offset) else {
                return refuse("there is no name here");
            };
            let parts = |name: &str| {
                name.split('.').all(|part| {
                    part.chars().enumerate().all(|(at, c)| {
                        c == '_' || c.is_ascii_alphabetic() || (at > 0 && c.is_ascii_digit())
                    }) && !part.is_empty()
                })
            };
            let dotted = matches!(entry.symbol, Symbol::Namespace(_));
            if !parts(new) || (new.contains('.') && !dotted) {
                return refuse(
                    "a name is letters, digits and underscores, and begins with none of the digits",
                );
            }
            let mut changes: BTreeMap<&str, Vec<lsp::TextEdit>> = BTreeMap::new();
            for entry in view.index.of(&entry.symbol) {
                if let Some(source) = set.source(entry.file) {
                    let edit = lsp::TextEdit {
                        range: convert::range(source, entry.span),
                        new_text: new.to_owned(),
                    };
                    changes.entry(source.name.as_str()).or_default().push(edit);
                }
            }
            write(json!({ "changes": changes }))
        },
    )
}

fn completion(workspace: &Workspace, params: &lsp::CompletionParams) -> Answer {
    at(
        workspace,
        &params.text_document_position_params,
        |_, view, offset| {
            let found =
                index::complete(view.program, view.names, view.model, view.index, 0, offset);
            let items =
                found
                    .into_iter()
                    .zip(0..)
                    .map(|(one, rank): (_, usize)| lsp::CompletionItem {
                        label: one.label,
                        kind: Some(match one.kind {
                            CompletionKind::Input | CompletionKind::Step => {
                                lsp::CompletionItemKind::Variable
                            }
                            CompletionKind::Output | CompletionKind::Argument => {
                                lsp::CompletionItemKind::Field
                            }
                            CompletionKind::Facet => lsp::CompletionItemKind::Function,
                            CompletionKind::Schema => lsp::CompletionItemKind::Struct,
                            CompletionKind::Keyword => lsp::CompletionItemKind::Keyword,
                        }),
                        detail: Some(one.detail),
                        sort_text: Some(format!("{rank:05}")),
                        ..lsp::CompletionItem::default()
                    });
            write(items.collect::<Vec<_>>())
        },
    )
}

fn formatting(workspace: &Workspace, params: &lsp::DocumentFormattingParams) -> Answer {
    let Some(source) = workspace.text(&params.text_document.uri.0) else {
        return Ok(Value::Null);
    };
    let parsed = parse::parse(&source.text, parse::Options::default());
    if !parsed.errors.is_empty() {
        return Ok(Value::Null);
    }
    let text = format::format(&source.text, &parsed.file);
    if text == source.text {
        return write(Vec::<lsp::TextEdit>::new());
    }
    let all = Span::new(0, u32::try_from(source.text.len()).unwrap_or(u32::MAX));
    write(vec![lsp::TextEdit {
        range: convert::range(source, all),
        new_text: text,
    }])
}

fn symbols(workspace: &Workspace, params: &lsp::DocumentSymbolParams) -> Answer {
    let Some(source) = workspace.text(&params.text_document.uri.0) else {
        return Ok(Value::Null);
    };
    let (program, _) = program::read(std::slice::from_ref(source), parse::Options::default());
    let items = program
        .files
        .iter()
        .flat_map(|file| &file.items)
        .filter_map(|item| match item {
            Item::Namespace(namespace) => {
                let inner = namespace
                    .decls
                    .iter()
                    .filter_map(|decl| declared(source, decl))
                    .collect();
                Some(symbol(
                    source,
                    namespace.name,
                    lsp::SymbolKind::Namespace,
                    namespace.span,
                    inner,
                ))
            }
            Item::Decl(decl) => declared(source, decl),
        });
    write(items.collect::<Vec<_>>())
}

fn declared(source: &Source, decl: &Decl<'_>) -> Option<Value> {
    match decl {
        Decl::Use(_) => None,
        Decl::Implicit(implicit) => Some(symbol(
            source,
            implicit.name,
            lsp::SymbolKind::Constant,
            implicit.span,
            Vec::new(),
        )),
        Decl::Schema(schema) => {
            let fields = schema.fields.iter().map(|field| {
                symbol(
                    source,
                    field.name,
                    lsp::SymbolKind::Field,
                    field.span,
                    Vec::new(),
                )
            });
            Some(symbol(
                source,
                schema.name,
                lsp::SymbolKind::Struct,
                schema.span,
                fields.collect(),
            ))
        }
        Decl::Facet(facet) => {
            let kind = match facet.kind {
                FacetKind::Facet => lsp::SymbolKind::Function,
                FacetKind::Event => lsp::SymbolKind::Event,
                FacetKind::Workflow => lsp::SymbolKind::Class,
            };
            let blocks = facet
                .body
                .blocks()
                .iter()
                .filter_map(|then| match &then.kind {
                    everstep_afl::ast::Then::Block(block) => Some(block),
                    _ => None,
                });
            let steps = blocks.flat_map(|block| &block.steps).filter_map(Stmt::step);
            let steps = steps.map(|step| {
                symbol(
                    source,
                    step.name,
                    lsp::SymbolKind::Variable,
                    step.span,
                    Vec::new(),
                )
            });
            Some(symbol(
                source,
                facet.sig.name,
                kind,
                facet.span,
                steps.collect(),
            ))
        }
    }
}

fn symbol(
    source: &Source,
    name: Name<'_>,
    kind: lsp::SymbolKind,
    span: Span,
    children: Vec<Value>,
) -> Value {
    json!({
        "name": name.text,
        "kind": kind,
        "range": convert::range(source, span.to(name.span)),
        "selectionRange": convert::range(source, name.span),
        "children": children,
    })
}

fn actions(workspace: &Workspace, params: &lsp::CodeActionParams) -> Answer {
    let uri = &params.text_document.uri.0;
    let Some(set) = workspace.set(uri) else {
        return Ok(Value::Null);
    };
    let Some(source) = set.source(0) else {
        return Ok(Value::Null);
    };
    let touched =
        |range: lsp::Range| range.start <= params.range.end && params.range.start <= range.end;
    let found = set.findings();
    let fixes = found
        .iter()
        .filter(|finding| finding.file == 0 && touched(convert::range(source, finding.span)))
        .filter_map(|finding| {
            let fix = finding.fix.as_ref()?;
            let edits: Vec<_> = fix
                .edits
                .iter()
                .map(|(span, text)| lsp::TextEdit {
                    range: convert::range(source, *span),
                    new_text: text.clone(),
                })
                .collect();
            Some(json!({
                "title": fix.title,
                "kind": "quickfix",
                "diagnostics": [convert::diagnostic(&set.sources, finding)],
                "edit": { "changes": { uri.as_str(): edits } },
            }))
        });
    write(fixes.collect::<Vec<_>>())
}
