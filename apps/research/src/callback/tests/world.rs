//! Everything that the callback handler uses, in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::artifact::{Artifacts, Condition, Object, Page, Pending, Written};
use crate::callback::{
    CallbackItems, CallbackPage, Content, Delivery, Kept, Outcome, Received, Wait, key_of,
};
use crate::engine::Engine;
use crate::error::{ArtifactStorageError, Kind, WorkflowStateError};
use crate::log::Log;
use crate::record::{Change, Record, status};
use crate::services::Services;
use crate::settings::{Role, Settings};
use crate::table::{RecordPage, Records};

/// What is kept; every trait of the handler is on it.
#[derive(Clone, Default)]
pub struct World(Arc<Mutex<State>>);

#[derive(Default)]
pub struct State {
    pub waits: BTreeMap<String, Wait>,
    pub kept: BTreeMap<String, (Received, Option<Delivery>)>,
    pub contradictions: Vec<Received>,
    pub objects: BTreeMap<String, Vec<u8>>,
    pub answered: Vec<(String, Outcome)>,
    pub records: BTreeMap<String, Record>,
    /// What the durable execution service answers instead of taking an outcome.
    pub service_says: Option<Kind>,
    pub items_fail: bool,
    pub records_fail: bool,
}

pub const TOKEN: &str = "callback-token-1";

impl World {
    /// One workflow that waits for its researcher.
    pub fn waiting() -> (Self, Services) {
        let world = Self::default();
        let wait = Wait {
            workflow_id: "w-1".to_owned(),
            step: "research_phase_await".to_owned(),
        };
        let mut record = Record::new("w-1", "t", json!({}), "arn", "2026-01-01T00:00:00.000Z");
        record.status = status::RUNNING.to_owned();
        record.current_step = "research_phase".to_owned();
        world.lock().waits.insert(key_of(TOKEN), wait);
        world.lock().records.insert("w-1".to_owned(), record);
        let services = world.services();
        (world, services)
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn services(&self) -> Services {
        let settings = Settings::read(Role::Front, |name| match name {
            "ARTIFACT_BUCKET" => Some("bucket".to_owned()),
            "WORKFLOW_TABLE" => Some("table".to_owned()),
            "CALLBACK_API_URL" => Some("http://127.0.0.1:1".to_owned()),
            "RESEARCH_SERVICES" => Some("everstep".to_owned()),
            _ => None,
        })
        .expect("complete settings");
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(aws_sdk_lambda::config::BehaviorVersion::latest())
            .build();
        let lambda = aws_sdk_lambda::Client::from_conf(config);
        let mut services =
            Services::local(settings, lambda, Log::in_memory()).expect("local services");
        services.callbacks = Arc::new(self.clone());
        services.artifacts = Arc::new(self.clone());
        services.records = Arc::new(self.clone());
        services.engine = Arc::new(self.clone());
        services
    }
}

fn fault(kind: Kind) -> WorkflowStateError {
    WorkflowStateError {
        kind,
        message: "as the test says".to_owned(),
    }
}

impl CallbackItems for World {
    fn expect<'a>(
        &'a self,
        token_hash: &'a str,
        wait: &'a Wait,
    ) -> Pending<'a, Result<(), WorkflowStateError>> {
        self.lock()
            .waits
            .insert(token_hash.to_owned(), wait.clone());
        Box::pin(async { Ok(()) })
    }

    fn awaited<'a>(
        &'a self,
        token_hash: &'a str,
    ) -> Pending<'a, Result<Option<Wait>, WorkflowStateError>> {
        let state = self.lock();
        let found = match state.items_fail {
            true => Err(fault(Kind::Throttled)),
            false => Ok(state.waits.get(token_hash).cloned()),
        };
        Box::pin(async { found })
    }

    fn holds(&self, value: &Value) -> bool {
        value != &json!(1e300)
    }

    fn keep<'a>(&'a self, received: &'a Received) -> Pending<'a, Result<Kept, WorkflowStateError>> {
        let mut state = self.lock();
        let kept = match state.kept.get(&received.token_hash) {
            None => {
                let key = received.token_hash.clone();
                state.kept.insert(key, (received.clone(), None));
                Kept::First
            }
            Some((first, delivery)) if first.digest == received.digest => Kept::Again {
                delivered: delivery.is_some(),
            },
            Some((first, delivery)) => {
                let untold = delivery.is_none().then(|| Box::new(first.clone()));
                state.contradictions.push(received.clone());
                Kept::Contradicts { untold }
            }
        };
        Box::pin(async move { Ok(kept) })
    }

    fn mark<'a>(
        &'a self,
        token_hash: &'a str,
        delivery: Delivery,
    ) -> Pending<'a, Result<(), WorkflowStateError>> {
        if let Some((_, mark)) = self.lock().kept.get_mut(token_hash) {
            *mark = Some(delivery);
        }
        Box::pin(async { Ok(()) })
    }

    fn list<'a>(
        &'a self,
        workflow_id: &'a str,
        _: Option<&'a str>,
    ) -> Pending<'a, Result<CallbackPage, WorkflowStateError>> {
        let callbacks = self
            .lock()
            .kept
            .values()
            .filter(|(received, _)| received.workflow_id.as_deref() == Some(workflow_id))
            .map(|(received, _)| json!({ "status": received.status }))
            .collect();
        Box::pin(async move {
            Ok(CallbackPage {
                callbacks,
                next: None,
            })
        })
    }
}

impl Engine for World {
    fn start<'a>(
        &'a self,
        _: &'a str,
        _: &'a Value,
    ) -> Pending<'a, Result<(), WorkflowStateError>> {
        Box::pin(async { Err(fault(Kind::Invalid)) })
    }

    fn succeed<'a>(
        &'a self,
        _: &'a str,
        _: &'a Value,
    ) -> Pending<'a, Result<(), WorkflowStateError>> {
        Box::pin(async { Err(fault(Kind::Invalid)) })
    }

    fn answer<'a>(
        &'a self,
        callback_id: &'a str,
        outcome: &'a Outcome,
    ) -> Pending<'a, Result<(), WorkflowStateError>> {
        let mut state = self.lock();
        let said = match state.service_says {
            Some(kind) => Err(fault(kind)),
            None => {
                let answer = (callback_id.to_owned(), outcome.clone());
                state.answered.push(answer);
                Ok(())
            }
        };
        Box::pin(async { said })
    }

    fn stop<'a>(&'a self, _: &'a str, _: &'a str) -> Pending<'a, Result<(), WorkflowStateError>> {
        Box::pin(async { Err(fault(Kind::Invalid)) })
    }

    fn open_callback<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
    ) -> Pending<'a, Result<Option<String>, WorkflowStateError>> {
        Box::pin(async { Ok(None) })
    }
}

impl Records for World {
    fn create(&self, record: Record) -> Pending<'_, Result<Record, WorkflowStateError>> {
        Box::pin(async { Ok(record) })
    }

    fn update<'a>(
        &'a self,
        id: &'a str,
        change: &'a Change,
    ) -> Pending<'a, Result<(Record, bool), WorkflowStateError>> {
        let mut state = self.lock();
        let fails = state.records_fail;
        let done = match state.records.get_mut(id) {
            Some(record) if !fails => record
                .apply(change, "2026-01-02T00:00:00.000Z")
                .map(|changed| (record.clone(), changed)),
            _ => Err(fault(Kind::Transient)),
        };
        Box::pin(async { done })
    }

    fn get<'a>(&'a self, id: &'a str) -> Pending<'a, Result<Option<Record>, WorkflowStateError>> {
        let found = self.lock().records.get(id).cloned();
        Box::pin(async { Ok(found) })
    }

    fn list<'a>(
        &'a self,
        _: Option<&'a str>,
        _: Option<&'a str>,
    ) -> Pending<'a, Result<RecordPage, WorkflowStateError>> {
        Box::pin(async { Ok(RecordPage::default()) })
    }
}

impl Artifacts for World {
    fn put<'a>(
        &'a self,
        _: &'a str,
        key: &'a str,
        body: Vec<u8>,
        _: &'a str,
        _: Option<Condition>,
    ) -> Pending<'a, Result<Written, ArtifactStorageError>> {
        self.lock().objects.insert(key.to_owned(), body);
        Box::pin(async { Ok(Written::Stored("e".to_owned())) })
    }

    fn get<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
    ) -> Pending<'a, Result<Option<Object>, ArtifactStorageError>> {
        Box::pin(async { Ok(None) })
    }

    fn list<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Option<&'a str>,
    ) -> Pending<'a, Result<Page, ArtifactStorageError>> {
        Box::pin(async { Ok(Page::default()) })
    }

    fn link<'a>(
        &'a self,
        _: &'a str,
        key: &'a str,
        _: Duration,
    ) -> Pending<'a, Result<String, ArtifactStorageError>> {
        Box::pin(async move { Ok(format!("http://signed/{key}")) })
    }
}

/// What a received content shows.
pub fn inline(content: &Content) -> &Value {
    match content {
        Content::Inline(value) => value,
        Content::Location { uri, .. } => panic!("{uri} is not inline"),
    }
}
