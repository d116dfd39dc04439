//! Executions of functions: how every caller begins one, and how one waits for its answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use everstep_core::{Definition, ExecutionId, Status};
use everstep_durable::{ExecutionSnapshot, Settings};
use serde::Serialize;

use super::{Handle, StartExecution};
use crate::{DURABLE, Error, Reply, Request, Started};

const DAY_MS: u64 = 24 * 3_600_000;

impl Handle {
    /// Starts an execution of a function: a durable one, or a plain one that is called once.
    ///
    /// # Errors
    /// As [`Handle::start`].
    pub async fn start_function(
        &self,
        settings: &Settings,
        name: Option<String>,
        input: Bytes,
        attributes: BTreeMap<String, String>,
    ) -> Result<Started, Error> {
        let function = &settings.function;
        self.start(StartExecution {
            definition: Definition {
                machine: DURABLE,
                name: function.name.clone(),
                version: function.version.clone(),
            },
            name,
            input: Some(input),
            settings: settings.encode(),
            retention_ms: u64::from(settings.retention_days) * DAY_MS,
            parent: None,
            attributes,
        })
        .await
    }

    /// Waits for the end of a function's execution; its result, or an error document as a Lambda runtime writes it.
    ///
    /// # Errors
    /// [`Error::UnknownExecution`], or the store's.
    pub async fn function_answer(&self, id: ExecutionId) -> Result<Result<Bytes, Bytes>, Error> {
        self.wait(id).await?;
        let describe = Request::Durable(everstep_durable::Request::Describe);
        let Reply::Durable(everstep_durable::Reply::Described(snapshot)) =
            self.report(id, describe).await?
        else {
            let why = "it is not the execution of a function";
            return Err(Error::Refused { id, why });
        };
        if snapshot.status != Status::Succeeded {
            return Ok(Err(error_document(&snapshot)));
        }
        match &snapshot.result {
            Some(payload) => self.payload(id, payload).await.map(Ok),
            None => Ok(Ok(Bytes::from_static(b"null"))),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorDocument<'a> {
    error_type: &'a str,
    error_message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_data: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stack_trace: &'a [String],
}

fn error_document(snapshot: &ExecutionSnapshot) -> Bytes {
    let failure = snapshot.error.clone().unwrap_or_default();
    // AWS knows fewer ends of an execution.
    let status = match snapshot.status {
        Status::Cancelled => Status::Stopped,
        Status::Quarantined => Status::Failed,
        status => status,
    };
    let document = ErrorDocument {
        error_type: failure.kind.as_deref().unwrap_or(status.as_str()),
        error_message: failure.message.as_deref().unwrap_or_default(),
        error_data: failure.data.as_deref(),
        stack_trace: &failure.stack,
    };
    serde_json::to_vec(&document).unwrap_or_default().into()
}
