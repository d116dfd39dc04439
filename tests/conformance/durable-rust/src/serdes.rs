//! The serializers that requirements ask for.

use crate::{at, text};
use aws_durable_execution_sdk::builders::map_parallel::BatchSummary;
use aws_durable_execution_sdk::serdes::SerdesContext;
use aws_durable_execution_sdk::{BoxError, Serdes};
use serde_json::{Value, json};

/// Stores text in upper case and reads it back as it is.
pub(crate) struct Uppercase;

impl Serdes<String> for Uppercase {
    async fn serialize(&self, value: String, _: SerdesContext) -> Result<String, BoxError> {
        Ok(value.to_uppercase())
    }

    async fn deserialize(&self, wire: String, _: SerdesContext) -> Result<String, BoxError> {
        Ok(wire)
    }
}

/// Text as it is: what a callback's sender wrote.
pub(crate) struct Plain;

impl Serdes<String> for Plain {
    async fn serialize(&self, value: String, _: SerdesContext) -> Result<String, BoxError> {
        Ok(value)
    }

    async fn deserialize(&self, wire: String, _: SerdesContext) -> Result<String, BoxError> {
        Ok(wire)
    }
}

/// Reads a JSON object whose `timestamp` is an ISO time and turns that into seconds since 1970.
pub(crate) struct WithSeconds;

impl Serdes<Value> for WithSeconds {
    async fn serialize(&self, value: Value, _: SerdesContext) -> Result<String, BoxError> {
        Ok(value.to_string())
    }

    async fn deserialize(&self, wire: String, _: SerdesContext) -> Result<Value, BoxError> {
        let mut value: Value = serde_json::from_str(&wire)?;
        if let Some(time) = value.get_mut("timestamp") {
            let parsed: jiff::Timestamp = text(time)?.parse()?;
            *time = json!(parsed.as_second());
        }
        Ok(value)
    }
}

/// A number in decimal digits.
pub(crate) struct Number;

impl Serdes<i64> for Number {
    async fn serialize(&self, value: i64, _: SerdesContext) -> Result<String, BoxError> {
        Ok(value.to_string())
    }

    async fn deserialize(&self, wire: String, _: SerdesContext) -> Result<i64, BoxError> {
        Ok(wire.trim().trim_matches('"').parse()?)
    }
}

/// Stores text behind `wrapped:`.
pub(crate) struct Prefixed;

const PREFIX: &str = "wrapped:";

impl Serdes<String> for Prefixed {
    async fn serialize(&self, value: String, _: SerdesContext) -> Result<String, BoxError> {
        Ok(format!("{PREFIX}{value}"))
    }

    async fn deserialize(&self, wire: String, _: SerdesContext) -> Result<String, BoxError> {
        Ok(wire.strip_prefix(PREFIX).unwrap_or(&wire).to_owned())
    }
}

/// Stores a value as `{"wrapped": value}`.
pub(crate) struct Wrapped;

impl Serdes<Value> for Wrapped {
    async fn serialize(&self, value: Value, _: SerdesContext) -> Result<String, BoxError> {
        Ok(json!({ "wrapped": value }).to_string())
    }

    async fn deserialize(&self, wire: String, _: SerdesContext) -> Result<Value, BoxError> {
        let value: Value = serde_json::from_str(&wire)?;
        Ok(at(&value, "wrapped"))
    }
}

/// Stores the results of a whole batch, all of them succeeded texts, as `OPSERDE:a,b`.
pub(crate) struct Joined;

const JOINED: &str = "OPSERDE:";

impl Serdes<BatchSummary> for Joined {
    async fn serialize(&self, value: BatchSummary, _: SerdesContext) -> Result<String, BoxError> {
        let summary = serde_json::to_value(value)?;
        let mut texts: Vec<String> = Vec::new();
        for item in at(&summary, "results").as_array().into_iter().flatten() {
            texts.push(serde_json::from_str(&text(&at(item, "result"))?)?);
        }
        Ok(format!("{JOINED}{}", texts.join(",")))
    }

    async fn deserialize(&self, wire: String, _: SerdesContext) -> Result<BatchSummary, BoxError> {
        let texts = wire.strip_prefix(JOINED).unwrap_or(&wire).split(',');
        let results: Vec<Value> = texts
            .enumerate()
            .map(|(index, text)| {
                json!({ "index": index, "status": "SUCCEEDED", "result": json!(text).to_string() })
            })
            .collect();
        Ok(serde_json::from_value(
            json!({ "results": results, "reason": "ALL_COMPLETED" }),
        )?)
    }
}
