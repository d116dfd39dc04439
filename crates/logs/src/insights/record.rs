//! A record of a log and the fields that are found in it.

use std::cell::OnceCell;

use serde_json::Value as Json;

use super::value::Value;

/// What a query is given: one line of a log.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// `ACCOUNT:GROUP`.
    pub log: String,
    pub log_stream: String,
    /// By which the record is found again.
    pub ptr: String,
    pub request_id: Option<String>,
    pub message: String,
}

/// A record whose JSON is parsed when it is first asked for.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub record: Record,
    json: OnceCell<Option<Json>>,
}

/// The service's figures of memory are in bytes, of a million to the megabyte.
const MEGABYTE: f64 = 1e6;

impl Found {
    pub(super) fn new(record: Record) -> Found {
        Found {
            record,
            json: OnceCell::new(),
        }
    }

    pub(super) fn field(&self, name: &str) -> Value {
        let record = &self.record;
        let text = |text: &str| Value::Text(text.to_owned());
        match name {
            "@timestamp" | "@ingestionTime" => Value::Time(record.at_ms),
            "@message" => text(&record.message),
            "@logStream" => text(&record.log_stream),
            "@log" => text(&record.log),
            "@ptr" => text(&record.ptr),
            "@requestId" => record.request_id.as_deref().map_or(Value::Missing, text),
            "@type" => self.kind(),
            "@duration" => self.figure("Duration: ", 1.0),
            "@billedDuration" => self.figure("Billed Duration: ", 1.0),
            "@initDuration" => self.figure("Init Duration: ", 1.0),
            "@memorySize" => self.figure("Memory Size: ", MEGABYTE),
            "@maxMemoryUsed" => self.figure("Max Memory Used: ", MEGABYTE),
            name => self
                .json()
                .and_then(|json| member(json, name))
                .map_or(Value::Missing, value),
        }
    }

    fn json(&self) -> Option<&Json> {
        self.json
            .get_or_init(|| first_object(&self.record.message))
            .as_ref()
    }

    /// `START`, `END` or `REPORT`, of Lambda's own lines.
    fn kind(&self) -> Value {
        let kinds = ["START", "END", "REPORT"];
        let begins = |kind: &&str| {
            let rest = self.record.message.strip_prefix(*kind);
            rest.is_some_and(|rest| rest.starts_with(" RequestId: "))
        };
        kinds
            .into_iter()
            .find(begins)
            .map_or(Value::Missing, |kind| Value::Text(kind.to_owned()))
    }

    /// A figure of a REPORT line.
    fn figure(&self, title: &str, factor: f64) -> Value {
        let Some(report) = self.record.message.strip_prefix("REPORT RequestId: ") else {
            return Value::Missing;
        };
        let part = report.split('\t').find_map(|part| part.strip_prefix(title));
        let number = part.and_then(|part| part.split(' ').next()?.parse::<f64>().ok());
        number.map(|number| number * factor).into()
    }
}

/// The message, or the first object in it: loggers put words before their JSON.
fn first_object(message: &str) -> Option<Json> {
    let at = message.find('{')?;
    let mut values = serde_json::Deserializer::from_str(message.get(at..)?).into_iter::<Json>();
    values.next()?.ok().filter(Json::is_object)
}

/// `a.b.0.c`; a member whose name has points in it is found, too.
fn member<'j>(json: &'j Json, name: &str) -> Option<&'j Json> {
    let inner = |key: &str| match json {
        Json::Object(members) => members.get(key),
        Json::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    };
    if let Some(found) = inner(name) {
        return Some(found);
    }
    let (first, rest) = name.split_once('.')?;
    member(inner(first)?, rest)
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Missing,
        Json::Bool(boolean) => Value::Boolean(*boolean),
        Json::String(text) => Value::Text(text.clone()),
        // As it was written: results show it so.
        Json::Number(_) | Json::Array(_) | Json::Object(_) => Value::Text(json.to_string()),
    }
}
