//! Approvals as people read them in a terminal.

use anyhow::Result;
use serde_json::{Value, json};

use super::super::Context;
use crate::output::{self, Format};

/// A member as text; nothing for one that is not there.
pub fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(found) => output::text(found),
    }
}

fn items<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    let items = value.get(member).and_then(Value::as_array);
    items.into_iter().flatten()
}

/// A name, or group:NAME.
fn approver(seat: &Value) -> String {
    match seat.get("group").and_then(Value::as_str) {
        Some(group) => format!("group:{group}"),
        None => text(seat, "/user"),
    }
}

pub fn one(format: Format, shown: &Value) -> Result<()> {
    if format == Format::Json {
        return output::json(shown);
    }
    output::line(text(shown, "/title"))?;
    let approvers: Vec<String> = items(shown, "approvers").map(approver).collect();
    for (name, value) in [
        ("status", text(shown, "/status")),
        ("id", text(shown, "/id")),
        ("requester", text(shown, "/requester")),
        ("approvers", approvers.join(", ")),
        ("quorum", text(shown, "/quorum")),
        ("due", text(shown, "/due_at")),
        ("round", text(shown, "/round")),
        ("digest", text(shown, "/digest")),
        ("page", text(shown, "/url")),
    ] {
        if !value.is_empty() {
            output::line(format!("  {name:<10} {value}"))?;
        }
    }
    let summary = text(shown, "/summary");
    if !summary.is_empty() {
        output::line(format!("\n{summary}"))?;
    }
    for artifact in items(shown, "artifacts") {
        let (title, url) = (text(artifact, "/title"), text(artifact, "/url"));
        output::line(format!("  - {title}: {url}"))?;
    }
    for vote in items(shown, "votes") {
        said(vote, &text(vote, "/decision"), &text(vote, "/comment"))?;
    }
    for comment in items(shown, "comments") {
        said(comment, "wrote", &text(comment, "/text"))?;
    }
    Ok(())
}

fn said(by: &Value, what: &str, words: &str) -> Result<()> {
    let colon = if words.is_empty() { "" } else { ": " };
    let (at, by) = (text(by, "/at"), text(by, "/by"));
    output::line(format!("  {at}  {by} {what}{colon}{words}"))
}

pub fn audit(context: &Context, path: &str) -> Result<()> {
    let client = context.client()?;
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{path}{cursor}"))?;
        rows.extend(items(&page, "audit").cloned());
        match page.get("next").and_then(Value::as_str) {
            Some(next) => cursor = format!("?cursor={next}"),
            None => break,
        }
    }
    if context.format == Format::Json {
        return output::json(&json!({ "audit": rows }));
    }
    output::table(
        &[
            ("AT", "/at"),
            ("EVENT", "/event"),
            ("BY", "/by"),
            ("DECISION", "/decision"),
            ("COMMENT", "/comment"),
            ("VIA", "/via"),
            ("PEER", "/peer"),
        ],
        &rows,
    )
}
