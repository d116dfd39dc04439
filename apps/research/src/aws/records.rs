//! Workflow records in DynamoDB, under the key `workflow_id`.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};

use super::fault::fault;
use super::item::{Item, attribute, cursor, object, start_key};
use crate::artifact::Pending;
use crate::error::{Kind, WorkflowStateError};
use crate::record::{Change, Record, now};
use crate::table::{RecordPage, Records};

/// The table's key.
pub(super) const KEY: &str = "workflow_id";

/// Index of workflow records by status and time of creation. Callbacks have no `created_at` and are not in it.
const STATUS_INDEX: &str = "status-index";

/// Counts the changes of a record: two of the same millisecond would look alike otherwise. Not shown to anybody.
const REVISION: &str = "revision";

/// How often a change is tried against other writers of the same record.
const WRITE_ATTEMPTS: usize = 16;

const PAGE: i32 = 100;

/// [`Records`] in a table.
#[derive(Debug, Clone)]
pub struct RecordTable {
    client: Client,
    table: String,
}

/// A record as it was read.
struct Read {
    members: Map<String, Value>,
    revision: Option<u64>,
}

impl RecordTable {
    /// Records in `table`.
    #[must_use]
    pub fn new(client: Client, table: &str) -> Self {
        Self {
            client,
            table: table.to_owned(),
        }
    }

    async fn create_once(&self, record: Record) -> Result<Record, WorkflowStateError> {
        let mut item = Item::from([(REVISION.to_owned(), AttributeValue::N("1".to_owned()))]);
        for (name, value) in members(&record)? {
            item.insert(name.clone(), kept(&name, &value)?);
        }
        let sent = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", KEY)
            .send()
            .await;
        let Err(error) = sent else { return Ok(record) };
        let refused = refused(fault(&error));
        if refused.kind != Kind::Conflict {
            return Err(refused);
        }
        match self.read(&record.workflow_id).await? {
            Some(existing) => {
                let existing = existing.record()?;
                if existing.execution_arn == record.execution_arn {
                    return Ok(existing);
                }
                Err(state(
                    Kind::Conflict,
                    format!(
                        "workflow {} belongs to another execution",
                        record.workflow_id
                    ),
                ))
            }
            None => Err(refused),
        }
    }

    async fn read(&self, id: &str) -> Result<Option<Read>, WorkflowStateError> {
        let sent = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(id.to_owned()))
            .consistent_read(true)
            .send()
            .await;
        let answer = sent.map_err(|error| refused(fault(&error)))?;
        Ok(answer.item().map(Read::of))
    }

    /// Writes what differs, if nobody else has written meanwhile. What others keep in the item stays as it is.
    async fn write(
        &self,
        id: &str,
        before: &Read,
        after: &Record,
    ) -> Result<bool, WorkflowStateError> {
        let next = before.revision.unwrap_or(0) + 1;
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(id.to_owned()))
            .expression_attribute_names("#revision", REVISION)
            .expression_attribute_values(":next", AttributeValue::N(next.to_string()))
            .expression_attribute_names("#updated", "updated_at");
        // A writer that knows no revisions changes the time at least, as the seed's own utilities do.
        let mut condition = "#updated = :updated AND ".to_owned();
        let updated = before.members.get("updated_at").unwrap_or(&Value::Null);
        request = request.expression_attribute_values(":updated", kept("updated_at", updated)?);
        match before.revision {
            Some(seen) => {
                condition.push_str("#revision = :seen");
                let seen = AttributeValue::N(seen.to_string());
                request = request.expression_attribute_values(":seen", seen);
            }
            None => condition.push_str("attribute_not_exists(#revision)"),
        }
        let mut update = "SET #revision = :next".to_owned();
        let after = members(after)?;
        let gone: Vec<&String> = before
            .members
            .keys()
            .filter(|name| !after.contains_key(*name))
            .collect();
        for (place, (name, value)) in after.iter().enumerate() {
            if before.members.get(name) == Some(value) || name == KEY {
                continue;
            }
            update.push_str(&format!(", #n{place} = :v{place}"));
            request = request
                .expression_attribute_values(format!(":v{place}"), kept(name, value)?)
                .expression_attribute_names(format!("#n{place}"), name);
        }
        for (place, name) in gone.into_iter().enumerate() {
            update.push_str(if place == 0 { " REMOVE " } else { ", " });
            update.push_str(&format!("#g{place}"));
            request = request.expression_attribute_names(format!("#g{place}"), name);
        }
        let sent = request
            .update_expression(update)
            .condition_expression(condition)
            .send()
            .await;
        match sent.map_err(|error| refused(fault(&error))) {
            Ok(_) => Ok(true),
            Err(error) if error.kind == Kind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn change(
        &self,
        id: &str,
        change: &Change,
    ) -> Result<(Record, bool), WorkflowStateError> {
        for _ in 0..WRITE_ATTEMPTS {
            let Some(read) = self.read(id).await? else {
                return Err(state(
                    Kind::NotFound,
                    format!("workflow {id} does not exist"),
                ));
            };
            let mut record = read.record()?;
            if !record.apply(change, &now())? {
                return Ok((record, false));
            }
            if self.write(id, &read, &record).await? {
                return Ok((record, true));
            }
        }
        Err(state(
            Kind::Transient,
            format!("workflow {id} is being changed by too many others"),
        ))
    }

    /// By status the index is asked for just those; without one all of it is read, in no order.
    async fn page(
        &self,
        status: Option<&str>,
        from: Option<&str>,
    ) -> Result<RecordPage, WorkflowStateError> {
        let start = match from {
            None => None,
            Some(from) => Some(start_key(from).ok_or_else(|| {
                state(
                    Kind::Invalid,
                    "cursor is none that was given out".to_owned(),
                )
            })?),
        };
        let (items, last) = match status {
            Some(status) => {
                let sent = self
                    .client
                    .query()
                    .table_name(&self.table)
                    .index_name(STATUS_INDEX)
                    .key_condition_expression("#status = :status")
                    .expression_attribute_names("#status", "status")
                    .expression_attribute_values(":status", AttributeValue::S(status.to_owned()))
                    .limit(PAGE)
                    .set_exclusive_start_key(start)
                    .send()
                    .await;
                let page = sent.map_err(|error| refused(fault(&error)))?;
                (page.items, page.last_evaluated_key)
            }
            None => {
                let sent = self
                    .client
                    .scan()
                    .table_name(&self.table)
                    .index_name(STATUS_INDEX)
                    .limit(PAGE)
                    .set_exclusive_start_key(start)
                    .send()
                    .await;
                let page = sent.map_err(|error| refused(fault(&error)))?;
                (page.items, page.last_evaluated_key)
            }
        };
        let items = items.unwrap_or_default();
        Ok(RecordPage {
            records: items
                .iter()
                .map(|item| Read::of(item).record())
                .collect::<Result<_, _>>()?,
            next: last.as_ref().and_then(cursor),
        })
    }
}

impl Read {
    fn of(item: &Item) -> Self {
        let mut members = object(item);
        let revision = members.remove(REVISION).and_then(|value| value.as_u64());
        Self { members, revision }
    }

    fn record(&self) -> Result<Record, WorkflowStateError> {
        serde_json::from_value(Value::Object(self.members.clone())).map_err(|error| {
            let id = self.members.get(KEY).and_then(Value::as_str);
            state(
                Kind::Corrupt,
                format!("record {}: {error}", id.unwrap_or("without a key")),
            )
        })
    }
}

impl Records for RecordTable {
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
        Box::pin(async move { self.read(id).await?.map(|read| read.record()).transpose() })
    }

    fn list<'a>(
        &'a self,
        status: Option<&'a str>,
        cursor: Option<&'a str>,
    ) -> Pending<'a, Result<RecordPage, WorkflowStateError>> {
        Box::pin(self.page(status, cursor))
    }
}

fn members(record: &Record) -> Result<Map<String, Value>, WorkflowStateError> {
    match serde_json::to_value(record) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(state(Kind::Invalid, "a record is an object".to_owned())),
    }
}

fn kept(name: &str, value: &Value) -> Result<AttributeValue, WorkflowStateError> {
    attribute(value).ok_or_else(|| {
        state(
            Kind::Invalid,
            format!("{name} cannot be kept: DynamoDB takes 32 levels and numbers below 9.9e125"),
        )
    })
}

fn refused((kind, message): (Kind, String)) -> WorkflowStateError {
    state(kind, message)
}

fn state(kind: Kind, message: String) -> WorkflowStateError {
    WorkflowStateError { kind, message }
}
