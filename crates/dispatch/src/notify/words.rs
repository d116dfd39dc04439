//! An event in words, for people who read it in a channel or a mail.

use serde_json::Value;

use super::Event;

/// One line that says what happened. It has no control character and at most 200 letters.
pub(super) fn headline(event: &Event) -> String {
    let id = event.workflow_id();
    let said = event.text(&["title", "summary"]);
    let said = said.map(|text| format!(": {text}")).unwrap_or_default();
    let line = match event.name.as_str() {
        "approval.requested" => format!("Approval required: workflow {id}{said}"),
        "approval.invited" => {
            let again = event.text(&["occasion"]) == Some("approval.reminded");
            let asked = if again { "still asked" } else { "asked" };
            format!("You are {asked} to decide: workflow {id}{said}")
        }
        "approval.delegated" => format!("Approval handed on: workflow {id}{said}"),
        "approval.information_requested" => {
            format!("Question about an approval: workflow {id}{said}")
        }
        "approval.cancelled" => format!("Approval no longer needed: workflow {id}{said}"),
        "approval.reminded" => format!("Approval still required: workflow {id}{said}"),
        "approval.escalated" => format!("Approval escalated: workflow {id}{said}"),
        "approval.expired" => format!("Approval timed out: workflow {id}{said}"),
        "approval.decided" => {
            let decision = event.text(&["decision", "status"]);
            format!(
                "Approval decided ({}): workflow {id}{said}",
                decision.unwrap_or("see details")
            )
        }
        "callback.processed" => format!("Callback processed: workflow {id}"),
        name => match name.strip_prefix("execution.") {
            Some(status) => {
                let definition = event.text(&["definition", "execution/definition"]);
                let of = definition.map(|of| format!(" of {of}")).unwrap_or_default();
                format!("Execution {id}{of} {status}")
            }
            None => format!("{name}: {id}{said}"),
        },
    };
    one_line(&line, 200)
}

/// What else is worth a line: label and value.
pub(super) fn lines(event: &Event) -> Vec<(&'static str, String)> {
    const SHOWN: [(&str, &[&str]); 12] = [
        (
            "Summary",
            &["analysis_summary", "summary", "details/summary"],
        ),
        ("Question", &["question/text"]),
        ("Requested by", &["requester", "approval/requester"]),
        ("Due", &["due_at", "due", "expires_at"]),
        (
            "Decided by",
            &["approved_by", "decided_by", "approval/decided_by"],
        ),
        ("Reason", &["reason", "feedback"]),
        (
            "Error",
            &[
                "execution/error/message",
                "execution/error/kind",
                "error/message",
                "error/kind",
                "error",
            ],
        ),
        ("Step", &["current_step"]),
        ("Review", &["review_url"]),
        ("Decide at", &["approve_url", "url", "page", "callback_url"]),
        (
            "The link is for you alone, decides once and ends",
            &["link_ends"],
        ),
        (
            "Execution",
            &["execution/arn", "arn", "execution/id", "execution"],
        ),
    ];
    let mut lines = Vec::new();
    for (label, places) in SHOWN {
        let Some(value) = event.find(places) else {
            continue;
        };
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if !text.is_empty() {
            lines.push((label, one_line(&text, 1_000)));
        }
    }
    lines.push(("At", event.at.clone()));
    lines
}

/// Text without control characters, cut at `max` letters.
pub(super) fn one_line(text: &str, max: usize) -> String {
    let mut letters = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut line: String = letters.by_ref().take(max).collect();
    if letters.next().is_some() {
        line.pop();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::case;

    #[test]
    fn a_headline_is_one_line_whatever_the_event_holds() {
        let event = case(
            "approval.requested",
            r#"{"workflow_id":"w-1","title":"Release\r\nBcc: everybody"}"#,
        );
        assert_eq!(
            headline(&event),
            "Approval required: workflow w-1: Release  Bcc: everybody"
        );
        let long = format!(r#"{{"title":"{}"}}"#, "x".repeat(500));
        let line = headline(&case("approval.requested", &long));
        assert_eq!(line.chars().count(), 200);
        assert!(line.ends_with('…'));
    }

    #[test]
    fn lines_tell_what_is_there_and_nothing_else() {
        let event = case(
            "execution.failed",
            r#"{"execution":{"id":"e","name":"n","definition":"f"},"error":{"kind":"Boom","message":"it broke"}}"#,
        );
        assert_eq!(headline(&event), "Execution n of f failed");
        let lines = lines(&event);
        assert_eq!(
            lines,
            [
                ("Error", "it broke".to_owned()),
                ("Execution", "e".to_owned()),
                ("At", "2026-01-02T03:04:05Z".to_owned())
            ]
        );
    }
}
