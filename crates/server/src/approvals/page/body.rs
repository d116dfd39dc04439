//! What is asked, as a page shows it: summary, details, artifacts, and what people wrote.

use everstep_approval::State;
use serde_json::Value;

use super::html::{escape, short};

/// Deeper details are shown as JSON.
const DEPTH_MAX: usize = 3;

pub(super) fn content(content: &Value) -> String {
    let summary = content.get("summary").and_then(Value::as_str);
    let summary = summary.filter(|summary| !summary.is_empty());
    let summary = summary.map_or_else(String::new, |summary| {
        format!(r#"<div class="summary">{}</div>"#, escape(summary))
    });
    let details = match content.get("details") {
        None | Some(Value::Null) => String::new(),
        Some(details) => format!(
            r#"<section><h2>Details</h2>{}</section>"#,
            value(details, 0)
        ),
    };
    format!("{summary}{details}{}", artifacts(content))
}

/// Objects as lists of names and values, the rest as it is.
fn value(shown: &Value, depth: usize) -> String {
    match shown {
        Value::Object(members) if depth < DEPTH_MAX && !members.is_empty() => {
            let rows: String = members
                .iter()
                .map(|(name, member)| {
                    let value = value(member, depth + 1);
                    format!("<div><dt>{}</dt><dd>{value}</dd></div>", escape(name))
                })
                .collect();
            format!("<dl>{rows}</dl>")
        }
        Value::Array(items) if depth < DEPTH_MAX && !items.is_empty() => {
            let items: String = items
                .iter()
                .map(|item| format!("<li>{}</li>", value(item, depth + 1)))
                .collect();
            format!("<ul>{items}</ul>")
        }
        Value::String(text) => escape(text),
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        deep => format!(
            "<pre>{}</pre>",
            escape(&serde_json::to_string_pretty(deep).unwrap_or_default())
        ),
    }
}

fn artifacts(content: &Value) -> String {
    let artifacts = content.get("artifacts").and_then(Value::as_array);
    let rows: String = artifacts
        .into_iter()
        .flatten()
        .map(|artifact| {
            let text = |member: &str| artifact.get(member).and_then(Value::as_str).unwrap_or_default();
            let (title, url) = (escape(text("title")), text("url"));
            // Other schemes could run something, or are no addresses for a browser.
            if url.starts_with("https://") || url.starts_with("http://") || url.starts_with("/artifacts/") {
                let url = escape(url);
                format!(r#"<li><a href="{url}" rel="noopener noreferrer" target="_blank">{title}</a></li>"#)
            } else {
                format!("<li>{title} <code>{}</code></li>", escape(url))
            }
        })
        .collect();
    match rows.is_empty() {
        true => String::new(),
        false => {
            format!(r#"<section><h2>Artifacts</h2><ul class="artifacts">{rows}</ul></section>"#)
        }
    }
}

pub(super) fn comments(state: &State) -> String {
    let rows: String = state
        .comments
        .iter()
        .map(|comment| {
            let remark = &comment.remark;
            let asks = match remark.asks {
                true => r#" <span class="tag">asks</span>"#,
                false => "",
            };
            format!(
                r#"<li><p class="meta"><strong>{}</strong>{asks} · {}</p><p class="words">{}</p></li>"#,
                escape(&remark.by),
                short(comment.at),
                escape(&remark.text)
            )
        })
        .collect();
    match rows.is_empty() {
        true => String::new(),
        false => format!(r#"<section><h2>Comments</h2><ol class="comments">{rows}</ol></section>"#),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_from_outside_becomes_a_part_of_the_page() {
        let hostile = "<script>alert(1)</script>\"'";
        let shown = content(&json!({
            "summary": hostile, "details": { hostile: [hostile, { "a": { "b": { "c": hostile } } }] },
            "artifacts": [
                { "title": hostile, "url": "javascript:alert(1)" },
                { "title": "x", "url": "https://example.org/\"onmouseover=\"x" },
            ],
        }));
        assert!(!shown.contains("<script"), "{shown}");
        assert!(!shown.contains("href=\"javascript"), "{shown}");
        assert!(
            shown.contains("https://example.org/&quot;onmouseover"),
            "{shown}"
        );
    }
}
