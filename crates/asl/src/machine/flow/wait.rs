//! Until when a Wait state waits.

use everstep_core::Timestamp;
use everstep_expr::expression::Expression;
use everstep_expr::json::Value;
use everstep_expr::jsonata::Expected;

use super::environment::Environment;
use super::fault::Fault;
use super::setting::{ask, find, not_a_long, whole};
use crate::definition::{Setting, Until};
use crate::timestamp::Instant;

/// No Wait state waits for a time that lies further ahead, in seconds.
const AHEAD_MAX_S: u64 = 2_147_483_647;

/// When a Wait state that was entered `now` goes on; `input` is what its paths look at, `seconds_max` the longest time in seconds.
///
/// # Errors
/// A path or program without a value, one that is no time, or a time too far ahead.
pub fn until(
    until: &Until,
    now: Timestamp,
    seconds_max: u64,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Timestamp, Fault> {
    match until {
        Until::Seconds(setting) => {
            let seconds = seconds(setting, input, environment)?;
            if seconds > seconds_max {
                return Err(too_long());
            }
            Ok(now.after_seconds(seconds))
        }
        Until::Timestamp(setting) => {
            let at = timestamp(setting, input, environment)?;
            if at.since_ms(now) > AHEAD_MAX_S.saturating_mul(1_000) {
                return Err(too_long());
            }
            Ok(at)
        }
    }
}

fn too_long() -> Fault {
    Fault::runtime("Wait state delay is too long.")
}

fn seconds(
    setting: &Setting<u64>,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<u64, Fault> {
    match setting {
        Setting::Fixed(seconds) => Ok(*seconds),
        Setting::Path(path) => {
            let value = referenced("SecondsPath", path, input, environment)?;
            let number = whole(&value).ok_or_else(|| not_a_long("Seconds", path, &value))?;
            u64::try_from(number).map_err(|_| {
                Fault::runtime(format!(
                    "The SecondsPath parameter references a negative value: {path} == {value}"
                ))
            })
        }
        Setting::Jsonata(program) => {
            let value = ask(program, "Seconds", Expected::Number, input, environment)?;
            let seconds = value.as_i64().and_then(|number| u64::try_from(number).ok());
            seconds.ok_or_else(|| Fault::Query {
                detail: format!(
                    "The Seconds field must be an integer that is not negative but was: {value}"
                ),
                location: Some("Seconds".to_owned()),
            })
        }
    }
}

fn timestamp(
    setting: &Setting<Timestamp>,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Timestamp, Fault> {
    match setting {
        Setting::Fixed(at) => Ok(*at),
        Setting::Path(path) => {
            let value = referenced("TimestampPath", path, input, environment)?;
            read(&value).ok_or_else(|| {
                let shown = bare(&value);
                Fault::runtime(format!(
                    "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: {path} == {shown}"
                ))
            })
        }
        Setting::Jsonata(program) => {
            let value = ask(program, "Timestamp", Expected::String, input, environment)?;
            read(&value).ok_or_else(|| {
                let shown = bare(&value);
                Fault::Query {
                    detail: format!(
                        "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {shown}"
                    ),
                    location: Some("Timestamp".to_owned()),
                }
            })
        }
    }
}

fn referenced(
    field: &str,
    path: &Expression,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Value, Fault> {
    find(path, input, environment).map_err(|_| {
        Fault::runtime(format!(
            "The {field} parameter does not reference an input value: {path}"
        ))
    })
}

fn read(value: &Value) -> Option<Timestamp> {
    Instant::parse(value.as_str()?).map(Instant::timestamp)
}

/// A string without its quotes, anything else as JSON.
pub(super) fn bare(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_text(), str::to_owned)
}
