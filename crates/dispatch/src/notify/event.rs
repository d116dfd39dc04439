//! What a sink is told, read from the body of a letter.

use serde_json::{Map, Value};

/// The member that holds what a machine says of its own event.
const DETAIL: &str = "detail";

/// Something that happened, as sinks tell it on.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The same at each delivery, however often it is tried.
    pub id: String,
    /// `execution.failed`, `approval.requested` and so on.
    pub name: String,
    /// RFC 3339.
    pub at: String,
    /// What is told of it.
    pub data: Map<String, Value>,
}

/// A letter's body that is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("it is no JSON object")]
    NotAnObject,
    #[error("it has no member {member}")]
    Missing { member: &'static str },
}

impl Event {
    /// The event of a letter, and the name of the sink that it is for. `at` is used where the body tells no time.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(id: &str, at: &str, body: &[u8]) -> Result<(String, Self), Unreadable> {
        let mut data: Map<String, Value> =
            serde_json::from_slice(body).map_err(|_| Unreadable::NotAnObject)?;
        let mut take = |member| match data.remove(member) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(Unreadable::Missing { member }),
        };
        let (sink, name) = (take("sink")?, take("event")?);
        let at = take("at").unwrap_or_else(|_| at.to_owned());
        // Its own time says the same in another way.
        data.remove("time");
        let id = id.to_owned();
        Ok((sink, Self { id, name, at, data }))
    }

    /// The first of these places that holds something; a place is a path of members with `/` between them. What a machine says of its own
    /// event stands below `detail`, and is found as if it stood at the top.
    #[must_use]
    pub fn find(&self, places: &[&str]) -> Option<&Value> {
        let detail = self.data.get(DETAIL).and_then(Value::as_object);
        places.iter().find_map(|place| {
            let top = within(&self.data, place);
            top.or_else(|| within(detail?, place))
        })
    }

    /// As [`Event::find`], where it is a text that is not empty.
    #[must_use]
    pub fn text(&self, places: &[&str]) -> Option<&str> {
        let texts = places.iter().filter_map(|place| self.find(&[place]));
        texts
            .filter_map(Value::as_str)
            .find(|text| !text.is_empty())
    }

    /// What the event is about: the workflow that waits, else the execution.
    #[must_use]
    pub fn workflow_id(&self) -> &str {
        let places = [
            "workflow_id",
            "details/workflow_id",
            "workflow/id",
            "execution/name",
            "name",
            "execution/id",
            "execution",
            "approval/id",
            "approval_id",
        ];
        self.text(&places).unwrap_or("unknown")
    }

    /// What it belongs to, so that its end can be told to end what its beginning began.
    #[must_use]
    pub fn subject(&self) -> String {
        let (kind, _) = self.name.split_once('.').unwrap_or((&self.name, ""));
        let places: &[&str] = if kind == "approval" {
            &[
                "approval/id",
                "approval_id",
                "approval",
                "execution/id",
                "execution",
            ]
        } else {
            &["execution/id", "execution", "id"]
        };
        let id = self.text(places).unwrap_or_else(|| self.workflow_id());
        format!("everstep/{kind}/{id}")
    }
}

fn within<'a>(members: &'a Map<String, Value>, place: &str) -> Option<&'a Value> {
    let mut names = place.split('/');
    let first = members.get(names.next()?)?;
    let found = names.try_fold(first, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    })?;
    (!found.is_null()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_read_and_its_sink_told_apart() {
        let body = br#"{"sink":"ops","event":"execution.failed","at":"2026-01-02T03:04:05Z","execution":{"id":"x","name":"n"}}"#;
        let (sink, event) = Event::read("l1", "now", body).expect("an event");
        assert_eq!((&*sink, &*event.name), ("ops", "execution.failed"));
        assert_eq!(event.at, "2026-01-02T03:04:05Z");
        assert_eq!(event.workflow_id(), "n");
        assert_eq!(event.subject(), "everstep/execution/x");
        let without = br#"{"sink":"ops","event":"callback.processed"}"#;
        let (_, event) = Event::read("l1", "now", without).expect("an event");
        assert_eq!(event.at, "now");
        assert_eq!(event.workflow_id(), "unknown");
    }

    #[test]
    fn what_a_machine_says_is_found_behind_what_the_engine_says() {
        let body = br#"{"sink":"ops","event":"approval.requested","time":7,"execution":{"id":"e","name":"a-1"},
            "detail":{"approval_id":"e","title":"Release","workflow_id":"w-1"}}"#;
        let (_, event) = Event::read("l1", "now", body).expect("an event");
        assert_eq!(event.text(&["title"]), Some("Release"));
        assert_eq!(event.workflow_id(), "w-1");
        assert_eq!(event.subject(), "everstep/approval/e");
        assert!(!event.data.contains_key("time"));
    }

    #[test]
    fn what_is_no_event_is_told() {
        let read = |body: &[u8]| Event::read("l", "now", body).expect_err("no event");
        assert_eq!(read(b"[]"), Unreadable::NotAnObject);
        assert_eq!(read(b"{"), Unreadable::NotAnObject);
        assert_eq!(read(b"{}"), Unreadable::Missing { member: "sink" });
        let no_name = br#"{"sink":"a","event":7}"#;
        assert_eq!(read(no_name), Unreadable::Missing { member: "event" });
    }
}
