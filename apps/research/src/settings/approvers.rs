//! Who is asked, by variables.

use serde_json::Value;

/// What the variables say of approvals.
pub(super) struct ApprovalVariables {
    pub approvers: Vec<String>,
    pub quorum: u32,
    pub reminders: Vec<String>,
    pub links: Option<Value>,
}

/// What can't be read is told, each variable by its name.
pub(super) fn read(
    get: &impl Fn(&str) -> Option<String>,
    faults: &mut Vec<String>,
) -> ApprovalVariables {
    let approvers = listed(get("APPROVAL_APPROVERS"));
    let reminders = listed(get("APPROVAL_REMINDERS"));
    if !reminders.iter().all(|text| is_span(text)) {
        let fault = "APPROVAL_REMINDERS must be spans such as 4h,12h".to_owned();
        faults.push(fault);
    }
    let quorum = match get("APPROVAL_QUORUM").map(|text| text.trim().parse::<u32>()) {
        None => 1,
        Some(Ok(quorum)) if quorum > 0 => quorum,
        Some(_) => {
            faults.push("APPROVAL_QUORUM must be a number of people above 0".to_owned());
            1
        }
    };
    let links = get("APPROVAL_LINKS").map(|text| text.trim().to_owned());
    let links = match links.as_deref() {
        None | Some("false") => None,
        Some("true") => Some(Value::Bool(true)),
        Some(span) if is_span(span) => Some(Value::from(span)),
        Some(_) => {
            faults.push("APPROVAL_LINKS must be true, false or a span such as 12h".to_owned());
            None
        }
    };
    ApprovalVariables {
        approvers,
        quorum,
        reminders,
        links,
    }
}

fn listed(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    let parts = text.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Digits and a unit, as `POST /approvals` takes them.
fn is_span(text: &str) -> bool {
    let digits = text.strip_suffix(['s', 'm', 'h', 'd']);
    digits.is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> (ApprovalVariables, Vec<String>) {
        let mut faults = Vec::new();
        let get = |name: &str| {
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let read = read(&get, &mut faults);
        (read, faults)
    }

    #[test]
    fn people_are_named_with_commas_between_them() {
        let (read, faults) = variables(&[
            ("APPROVAL_APPROVERS", "ann, bob,,group:board"),
            ("APPROVAL_QUORUM", "2"),
            ("APPROVAL_REMINDERS", "4h,12h"),
            ("APPROVAL_LINKS", "6h"),
        ]);
        assert_eq!(read.approvers, ["ann", "bob", "group:board"]);
        assert_eq!((read.quorum, read.links), (2, Some("6h".into())));
        assert_eq!(read.reminders, ["4h", "12h"]);
        assert!(faults.is_empty());
        let (nothing, faults) = variables(&[("APPROVAL_LINKS", "false")]);
        assert!(nothing.approvers.is_empty() && nothing.links.is_none() && faults.is_empty());
        assert_eq!(nothing.quorum, 1);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (name, value) in [
            ("APPROVAL_QUORUM", "0"),
            ("APPROVAL_QUORUM", "some"),
            ("APPROVAL_REMINDERS", "4"),
            ("APPROVAL_LINKS", "maybe"),
        ] {
            let (_, faults) = variables(&[(name, value)]);
            assert!(faults[0].starts_with(name), "{faults:?}");
        }
    }
}
