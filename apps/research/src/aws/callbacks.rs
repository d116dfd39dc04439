//! Callbacks in the workflow table. The table's key is `workflow_id`, so each has one of its own there: `callback#` and the token's hash.
//! A token is found by that key, never by a scan; the workflow's callbacks are found by `callback-index`.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use super::fault::fault;
use super::item::{Item, attribute, cursor, object, start_key};
use super::records::KEY;
use crate::artifact::Pending;
use crate::callback::{CallbackItems, CallbackPage, Content, Delivery, Kept, Received, Wait};
use crate::error::{Kind, WorkflowStateError};
use crate::record::now;

/// Index of callbacks by workflow and time.
const CALLBACK_INDEX: &str = "callback-index";

/// How long a callback is kept.
const KEPT_SECONDS: i64 = 14 * 86_400;

const PAGE: i32 = 100;

/// [`CallbackItems`] in the workflow table.
#[derive(Debug, Clone)]
pub struct CallbackTable {
    client: Client,
    table: String,
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn key(token_hash: &str) -> AttributeValue {
    AttributeValue::S(format!("callback#{token_hash}"))
}

/// Seconds since 1970 at which DynamoDB drops the item.
fn ttl(now: i64) -> AttributeValue {
    AttributeValue::N((now + KEPT_SECONDS).to_string())
}

impl CallbackTable {
    /// Callbacks in `table`.
    #[must_use]
    pub fn new(client: Client, table: &str) -> Self {
        Self {
            client,
            table: table.to_owned(),
        }
    }

    async fn note(&self, token_hash: &str, wait: &Wait) -> Result<(), WorkflowStateError> {
        let seconds = jiff::Timestamp::now().as_second();
        let sent = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(KEY, key(token_hash))
            .item("callback_token", text(&format!("sha256:{token_hash}")))
            .item("callback_workflow_id", text(&wait.workflow_id))
            .item("step", text(&wait.step))
            .item("expected_at", text(&now()))
            .item("ttl", ttl(seconds))
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", KEY)
            .send()
            .await;
        match sent.map_err(|error| refused(fault(&error))) {
            // It has been noted before, or the answer has overtaken us: either way the item stays.
            Err(error) if error.kind == Kind::Conflict => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    async fn read(&self, key: AttributeValue) -> Result<Option<Item>, WorkflowStateError> {
        let sent = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(KEY, key)
            .consistent_read(true)
            .send()
            .await;
        let answer = sent.map_err(|error| refused(fault(&error)))?;
        Ok(answer.item)
    }

    async fn wait(&self, token_hash: &str) -> Result<Option<Wait>, WorkflowStateError> {
        let item = self.read(key(token_hash)).await?;
        let member = |name: &str| item.as_ref()?.get(name)?.as_s().ok().cloned();
        // An item without a step is an orphan that came before: nobody waits for it.
        Ok(member("callback_workflow_id")
            .zip(member("step"))
            .map(|(workflow_id, step)| Wait { workflow_id, step }))
    }

    /// Sets the outcome on an item that has none; whether it had none.
    async fn first(
        &self,
        key: AttributeValue,
        received: &Received,
    ) -> Result<bool, WorkflowStateError> {
        let (member, content) = match &received.content {
            Content::Location { uri, .. } => ("result_location", Some(text(uri))),
            Content::Inline(value) if received.status == "FAILURE" => ("error", attribute(value)),
            Content::Inline(value) => ("result", attribute(value)),
        };
        let content = content.ok_or_else(|| WorkflowStateError {
            kind: Kind::Invalid,
            message: format!("{member} is nothing that an item can hold"),
        })?;
        let token = text(&format!("sha256:{}", received.token_hash));
        let mut members = vec![
            ("callback_token", token),
            ("status", text(received.status)),
            ("timestamp", text(&received.timestamp)),
            ("ttl", ttl(received.seconds)),
            ("digest", text(&received.digest)),
            (member, content),
        ];
        if let Content::Location { bytes, .. } = received.content {
            members.push(("result_bytes", AttributeValue::N(bytes.to_string())));
        }
        if let Some(id) = &received.workflow_id {
            members.push(("callback_workflow_id", text(id)));
        }
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, key);
        let mut update = Vec::new();
        for (place, (name, value)) in members.into_iter().enumerate() {
            update.push(format!("#n{place} = :v{place}"));
            request = request
                .expression_attribute_names(format!("#n{place}"), name)
                .expression_attribute_values(format!(":v{place}"), value);
        }
        let sent = request
            .update_expression(format!("SET {}", update.join(", ")))
            .condition_expression("attribute_not_exists(#taken)")
            .expression_attribute_names("#taken", "status")
            .send()
            .await;
        match sent.map_err(|error| refused(fault(&error))) {
            Ok(_) => Ok(true),
            Err(error) if error.kind == Kind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn keep_once(&self, received: &Received) -> Result<Kept, WorkflowStateError> {
        let place = key(&received.token_hash);
        if self.first(place.clone(), received).await? {
            return Ok(Kept::First);
        }
        let item = self.read(place).await?.unwrap_or_default();
        let is = |name: &str, value: &str| {
            item.get(name)
                .and_then(|member| member.as_s().ok())
                .map(String::as_str)
                == Some(value)
        };
        if is("digest", &received.digest) {
            let delivered = item.contains_key("delivery");
            return Ok(Kept::Again { delivered });
        }
        // Each other outcome is kept once, beside the first.
        let begin = received.digest.get(..16).unwrap_or(&received.digest);
        let beside = text(&format!("callback#{}#{begin}", received.token_hash));
        if self.first(beside.clone(), received).await? {
            self.set_delivery(beside, "conflict").await?;
        }
        let untold = match item.contains_key("delivery") {
            true => None,
            false => kept(&item, &received.token_hash).map(Box::new),
        };
        Ok(Kept::Contradicts { untold })
    }

    async fn set_delivery(
        &self,
        key: AttributeValue,
        word: &str,
    ) -> Result<(), WorkflowStateError> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, key)
            .update_expression("SET #delivery = :delivery")
            .expression_attribute_names("#delivery", "delivery")
            .expression_attribute_values(":delivery", text(word))
            .send()
            .await;
        sent.map(|_| ()).map_err(|error| refused(fault(&error)))
    }

    async fn page(
        &self,
        workflow_id: &str,
        from: Option<&str>,
    ) -> Result<CallbackPage, WorkflowStateError> {
        let start = match from {
            None => None,
            Some(from) => Some(start_key(from).ok_or_else(|| WorkflowStateError {
                kind: Kind::Invalid,
                message: "cursor is none that was given out".to_owned(),
            })?),
        };
        let sent = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(CALLBACK_INDEX)
            .key_condition_expression("#workflow = :workflow")
            .expression_attribute_names("#workflow", "callback_workflow_id")
            .expression_attribute_values(":workflow", text(workflow_id))
            .limit(PAGE)
            .set_exclusive_start_key(start)
            .send()
            .await;
        let page = sent.map_err(|error| refused(fault(&error)))?;
        let shown = |item: &Item| {
            let mut members = object(item);
            members.shift_remove(KEY);
            members.shift_remove("digest");
            Value::Object(members)
        };
        Ok(CallbackPage {
            callbacks: page.items().iter().map(shown).collect(),
            next: page.last_evaluated_key().and_then(cursor),
        })
    }
}

impl CallbackItems for CallbackTable {
    fn expect<'a>(
        &'a self,
        token_hash: &'a str,
        wait: &'a Wait,
    ) -> Pending<'a, Result<(), WorkflowStateError>> {
        Box::pin(self.note(token_hash, wait))
    }

    fn awaited<'a>(
        &'a self,
        token_hash: &'a str,
    ) -> Pending<'a, Result<Option<Wait>, WorkflowStateError>> {
        Box::pin(self.wait(token_hash))
    }

    fn holds(&self, value: &Value) -> bool {
        attribute(value).is_some()
    }

    fn keep<'a>(&'a self, received: &'a Received) -> Pending<'a, Result<Kept, WorkflowStateError>> {
        Box::pin(self.keep_once(received))
    }

    fn mark<'a>(
        &'a self,
        token_hash: &'a str,
        delivery: Delivery,
    ) -> Pending<'a, Result<(), WorkflowStateError>> {
        Box::pin(self.set_delivery(key(token_hash), delivery.as_str()))
    }

    fn list<'a>(
        &'a self,
        workflow_id: &'a str,
        cursor: Option<&'a str>,
    ) -> Pending<'a, Result<CallbackPage, WorkflowStateError>> {
        Box::pin(self.page(workflow_id, cursor))
    }
}

/// An outcome as it was kept; nothing when the item holds none.
fn kept(item: &Item, token_hash: &str) -> Option<Received> {
    let members = object(item);
    let words = |name: &str| members.get(name)?.as_str().map(str::to_owned);
    let status = ["SUCCESS", "FAILURE"]
        .into_iter()
        .find(|status| words("status").as_deref() == Some(*status))?;
    let content = match words("result_location") {
        Some(uri) => Content::Location {
            uri,
            bytes: members
                .get("result_bytes")
                .and_then(Value::as_u64)
                .and_then(|bytes| usize::try_from(bytes).ok())
                .unwrap_or_default(),
        },
        None => Content::Inline(
            members
                .get("result")
                .or_else(|| members.get("error"))?
                .clone(),
        ),
    };
    Some(Received {
        token_hash: token_hash.to_owned(),
        workflow_id: words("callback_workflow_id"),
        status,
        content,
        digest: words("digest")?,
        timestamp: words("timestamp")?,
        seconds: members.get("ttl")?.as_i64()? - KEPT_SECONDS,
    })
}

fn refused((kind, message): (Kind, String)) -> WorkflowStateError {
    WorkflowStateError { kind, message }
}
