//! Starting executions of functions, for every protocol alike.

use std::collections::BTreeMap;

use bytes::Bytes;
use everstep_core::ExecutionId;
use everstep_durable::{Limits, Settings};
use everstep_engine::Error;
use everstep_engine::catalogue::Resolved;

use crate::http::App;
use crate::lambda::arn::function_arn;
use crate::trace;

const DAY_MS: u64 = 24 * 3_600_000;

/// What a start says beside the function.
#[derive(Debug, Default)]
pub(crate) struct Start {
    /// Checked already: 1–64 characters of `[a-zA-Z0-9-_]`.
    pub name: Option<String>,
    pub input: Bytes,
    pub trace_header: Option<String>,
    pub tenant_id: Option<String>,
    /// Instead of the function's own, for this execution alone.
    pub execution_timeout_s: Option<u32>,
    pub retention_days: Option<u16>,
    /// Checked already, by [`crate::attributes::check`].
    pub attributes: BTreeMap<String, String>,
}

/// An execution that runs, or that had the name and the same content before.
#[derive(Debug)]
pub(crate) struct Running {
    pub id: ExecutionId,
    pub arn: String,
    pub existing: bool,
}

/// Starts an execution of a resolved function: a durable one, or a plain one that is called once.
pub(crate) async fn start(
    app: &App,
    resolved: &Resolved,
    mut start: Start,
) -> Result<Running, Error> {
    trace::inherit(&mut start.attributes);
    let trace_header = start.trace_header.or_else(trace::x_ray);
    let mut settings = settings(app, resolved, trace_header, start.tenant_id);
    settings.execution_timeout_s = start.execution_timeout_s.or(settings.execution_timeout_s);
    settings.retention_days = start.retention_days.unwrap_or(settings.retention_days);
    let name = start.name.clone();
    let started = app
        .handle
        .start_function(&settings, start.name, start.input, start.attributes)
        .await?;
    let arn = settings
        .function
        .execution(&name.unwrap_or_else(|| started.id.to_string()), started.id);
    Ok(Running {
        id: started.id,
        arn,
        existing: started.existing,
    })
}

/// What an execution of a resolved function is begun with.
pub(crate) fn settings(
    app: &App,
    resolved: &Resolved,
    trace_header: Option<String>,
    tenant_id: Option<String>,
) -> Settings {
    let at = function_arn(&app.options, &resolved.revision.function, &resolved.version);
    let limits = app.options.limits;
    Settings {
        trace_header,
        tenant_id,
        limits: Limits {
            operations_max: limits.execution_operations_max,
            bytes_max: limits.execution_bytes_max,
            ..Limits::default()
        },
        ..resolved.settings(at)
    }
}

/// How long an execution with these settings is kept after its end.
pub(crate) fn retention_ms(settings: &Settings) -> u64 {
    u64::from(settings.retention_days) * DAY_MS
}
