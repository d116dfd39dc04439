//! The workflow table: the records' trait, its local implementation on artifacts, and the seed's utilities.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::artifact::{Artifacts, Condition, Pending, Written};
use crate::error::{ArtifactStorageError, Kind, WorkflowStateError};
use crate::log::Log;
use crate::record::{Change, Record, now};

/// One page of records in the order of their keys. Filtering comes after paging: a page may be empty and not the last.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecordPage {
    /// The records.
    pub records: Vec<Record>,
    /// Opaque cursor; nothing means the last page.
    pub next: Option<String>,
}

/// Where workflow records lie. Local: JSON objects in the artifact bucket; on AWS: DynamoDB, behind the same trait.
pub trait Records: Send + Sync {
    /// Creates a record, or returns the one that the same execution created before.
    fn create(&self, record: Record) -> Pending<'_, Result<Record, WorkflowStateError>>;

    /// Applies a change under optimistic locking; returns the record as it then is and whether this call changed it.
    fn update<'a>(
        &'a self,
        id: &'a str,
        change: &'a Change,
    ) -> Pending<'a, Result<(Record, bool), WorkflowStateError>>;

    /// Reads a record.
    fn get<'a>(&'a self, id: &'a str) -> Pending<'a, Result<Option<Record>, WorkflowStateError>>;

    /// One page of records, only those with the given status.
    fn list<'a>(
        &'a self,
        status: Option<&'a str>,
        cursor: Option<&'a str>,
    ) -> Pending<'a, Result<RecordPage, WorkflowStateError>>;
}

/// Records as `tables/{table}/{workflow_id}.json`, changed with If-Match.
#[derive(Clone)]
pub struct ArtifactRecords {
    artifacts: Arc<dyn Artifacts>,
    bucket: String,
    table: String,
}

/// How often a change is tried against other writers of the same record.
const WRITE_ATTEMPTS: usize = 16;

impl ArtifactRecords {
    /// Records of `table` in `bucket`.
    #[must_use]
    pub fn new(artifacts: Arc<dyn Artifacts>, bucket: &str, table: &str) -> Self {
        Self {
            artifacts,
            bucket: bucket.to_owned(),
            table: table.to_owned(),
        }
    }

    fn key(&self, id: &str) -> String {
        format!("tables/{}/{id}.json", self.table)
    }

    async fn read(&self, key: &str) -> Result<Option<(Record, String)>, WorkflowStateError> {
        let Some(object) = self
            .artifacts
            .get(&self.bucket, key)
            .await
            .map_err(storage)?
        else {
            return Ok(None);
        };
        let record = serde_json::from_slice(&object.body).map_err(|error| WorkflowStateError {
            kind: Kind::Corrupt,
            message: format!("record {key}: {error}"),
        })?;
        Ok(Some((record, object.etag)))
    }

    async fn write(
        &self,
        record: &Record,
        condition: Condition,
    ) -> Result<Written, WorkflowStateError> {
        let body = serde_json::to_vec_pretty(record).map_err(|error| WorkflowStateError {
            kind: Kind::Invalid,
            message: format!("record cannot be written: {error}"),
        })?;
        let key = self.key(&record.workflow_id);
        self.artifacts
            .put(
                &self.bucket,
                &key,
                body,
                "application/json",
                Some(condition),
            )
            .await
            .map_err(storage)
    }

    async fn create_once(&self, record: Record) -> Result<Record, WorkflowStateError> {
        if let Written::Stored(_) = self.write(&record, Condition::Absent).await? {
            return Ok(record);
        }
        match self.read(&self.key(&record.workflow_id)).await? {
            Some((existing, _)) if existing.execution_arn == record.execution_arn => Ok(existing),
            _ => Err(WorkflowStateError {
                kind: Kind::Conflict,
                message: format!(
                    "workflow {} belongs to another execution",
                    record.workflow_id
                ),
            }),
        }
    }

    async fn change(
        &self,
        id: &str,
        change: &Change,
    ) -> Result<(Record, bool), WorkflowStateError> {
        let key = self.key(id);
        for _ in 0..WRITE_ATTEMPTS {
            let Some((mut record, etag)) = self.read(&key).await? else {
                return Err(WorkflowStateError {
                    kind: Kind::NotFound,
                    message: format!("workflow {id} does not exist"),
                });
            };
            if !record.apply(change, &now())? {
                return Ok((record, false));
            }
            if let Written::Stored(_) = self.write(&record, Condition::Unchanged(etag)).await? {
                return Ok((record, true));
            }
        }
        Err(WorkflowStateError {
            kind: Kind::Transient,
            message: format!("workflow {id} is being changed by too many others"),
        })
    }

    async fn page(
        &self,
        status: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<RecordPage, WorkflowStateError> {
        let prefix = format!("tables/{}/", self.table);
        let page = self
            .artifacts
            .list(&self.bucket, &prefix, cursor)
            .await
            .map_err(storage)?;
        let mut records = Vec::new();
        for key in page.keys {
            if let Some((record, _)) = self.read(&key).await?
                && status.is_none_or(|status| record.status == status)
            {
                records.push(record);
            }
        }
        Ok(RecordPage {
            records,
            next: page.next,
        })
    }
}

impl Records for ArtifactRecords {
    fn create(&self, record: Record) -> Pending<'_, Result<Record, WorkflowStateError>> {
        Box::pin(self.create_once(record))
    }

    fn update<'a>(
        &'a self,
        id: &'a str,
        change: &'a Change,
    ) -> Pending<'a, Result<(Record, bool), WorkflowStateError>> {
        Box::pin(self.change(id, change))
    }

    fn get<'a>(&'a self, id: &'a str) -> Pending<'a, Result<Option<Record>, WorkflowStateError>> {
        Box::pin(async move { Ok(self.read(&self.key(id)).await?.map(|(record, _)| record)) })
    }

    fn list<'a>(
        &'a self,
        status: Option<&'a str>,
        cursor: Option<&'a str>,
    ) -> Pending<'a, Result<RecordPage, WorkflowStateError>> {
        Box::pin(self.page(status, cursor))
    }
}

/// The seed's `create_workflow_record`; the same execution may call it again.
///
/// # Errors
/// `Failed to create workflow record: …`.
pub async fn create_workflow_record(
    table: &dyn Records,
    record: Record,
    log: &Log,
) -> Result<Record, WorkflowStateError> {
    let id = record.workflow_id.clone();
    logged(
        log,
        &id,
        (
            "workflow_record_created",
            "workflow_record_creation_failed",
            "Failed to create workflow record",
        ),
        table.create(record).await,
    )
}

/// The seed's `update_workflow_status`; `custom` allows a status that the flow does not know.
///
/// # Errors
/// `Failed to update workflow status: …`.
pub async fn update_workflow_status(
    table: &dyn Records,
    id: &str,
    status: (&str, bool),
    current_step: Option<&str>,
    additional_fields: Map<String, Value>,
    log: &Log,
) -> Result<Record, WorkflowStateError> {
    let change = Change::Status {
        status: status.0.to_owned(),
        current_step: current_step.map(str::to_owned),
        additional_fields,
        custom: status.1,
    };
    change_status(table, id, &change, log)
        .await
        .map(|(record, _)| record)
}

/// Applies a change of the flow; the failure has the sentence of the seed's `update_workflow_status`.
///
/// # Errors
/// `Failed to update workflow status: …`.
pub async fn change_status(
    table: &dyn Records,
    id: &str,
    change: &Change,
    log: &Log,
) -> Result<(Record, bool), WorkflowStateError> {
    let names = (
        "workflow_status_updated",
        "workflow_status_update_failed",
        "Failed to update workflow status",
    );
    logged(log, id, names, table.update(id, change).await)
}

/// The seed's `record_step_completion`; a step stands once however often it is recorded.
///
/// # Errors
/// `Failed to record step completion: …`.
pub async fn record_step_completion(
    table: &dyn Records,
    id: &str,
    step: &str,
    result: Option<Value>,
    log: &Log,
) -> Result<Record, WorkflowStateError> {
    let change = Change::StepCompleted {
        step: step.to_owned(),
        result,
    };
    let names = (
        "step_completion_recorded",
        "step_completion_recording_failed",
        "Failed to record step completion",
    );
    logged(log, id, names, table.update(id, &change).await).map(|(record, _)| record)
}

/// The seed's `get_workflow_state`.
///
/// # Errors
/// `Failed to retrieve workflow state: …`.
pub async fn get_workflow_state(
    table: &dyn Records,
    id: &str,
    log: &Log,
) -> Result<Option<Record>, WorkflowStateError> {
    let found = table.get(id).await;
    let event = if matches!(found, Ok(None)) {
        "workflow_not_found"
    } else {
        "workflow_state_retrieved"
    };
    logged(
        log,
        id,
        (
            event,
            "workflow_state_retrieval_failed",
            "Failed to retrieve workflow state",
        ),
        found,
    )
}

fn logged<T>(
    log: &Log,
    id: &str,
    (success, failure, sentence): (&str, &str, &str),
    outcome: Result<T, WorkflowStateError>,
) -> Result<T, WorkflowStateError> {
    match outcome {
        Ok(value) => {
            log.info(success, id, json!({}));
            Ok(value)
        }
        Err(error) => {
            log.error(failure, id, json!({ "error": error.message }));
            Err(WorkflowStateError {
                kind: error.kind,
                message: format!("{sentence}: {}", error.message),
            })
        }
    }
}

fn storage(error: ArtifactStorageError) -> WorkflowStateError {
    WorkflowStateError {
        kind: error.kind,
        message: error.message,
    }
}
