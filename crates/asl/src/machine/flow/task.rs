//! What an attempt of a Task state is made of.

use std::sync::Arc;

use everstep_expr::json::Value;

use super::environment::Environment;
use super::fault::Fault;
use super::setting;
use super::steps::{credentials, effective_input, work};
use crate::definition::{Setting, Task};

/// What an attempt is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    pub arguments: Value,
    /// The ARN of a role.
    pub credentials: Option<Arc<str>>,
    pub timeout_s: Option<u64>,
    pub heartbeat_s: Option<u64>,
}

/// Evaluates what an attempt needs.
///
/// # Errors
/// Whatever can be wrong with these fields.
pub fn prepare(
    task: &Task,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Prepared, Fault> {
    let arguments = work(&task.flow, input, environment)?;
    let data = effective_input(&task.flow, input, environment)?;
    let credentials = match &task.credentials {
        Some(payload) => credentials(payload, &data, environment)?,
        None => None,
    };
    let mut seconds = |setting: &Option<Setting<u64>>, field| {
        setting
            .as_ref()
            .map(|setting| setting::seconds(setting, field, &data, environment))
            .transpose()
    };
    Ok(Prepared {
        arguments,
        credentials,
        timeout_s: seconds(&task.timeout_seconds, "TimeoutSeconds")?,
        heartbeat_s: seconds(&task.heartbeat_seconds, "HeartbeatSeconds")?,
    })
}
