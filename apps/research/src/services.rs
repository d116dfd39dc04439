//! Everything outside that a workflow function uses, chosen once at start.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::agent::{A2aAgents, Agents};
use crate::approval::{Approvals, ServerApprovals};
use crate::artifact::{
    Artifacts, LARGE_PAYLOAD_BYTES, REVIEW_LINK, Stored, content_bytes, fetch_artifact,
    generate_presigned_url, is_large_payload, parse_s3_uri, reference, reference_uri,
    store_artifact,
};
use crate::callback::{CallbackItems, KeptByServer};
use crate::engine::{Engine, LambdaEngine};
use crate::error::{ArtifactStorageError, Kind, WorkflowError};
use crate::event::{Events, HttpSink, Sink};
use crate::local::ServiceArtifacts;
use crate::log::Log;
use crate::record::{Change, Phase, Record};
use crate::settings::{ServiceToken, Settings};
use crate::table::{ArtifactRecords, Records, change_status};

/// Cloneable: every durable step takes its own handle along.
#[derive(Clone)]
pub struct Services {
    /// Configuration.
    pub settings: Arc<Settings>,
    /// Artifact store.
    pub artifacts: Arc<dyn Artifacts>,
    /// Workflow records.
    pub records: Arc<dyn Records>,
    /// Agents.
    pub agents: Arc<dyn Agents>,
    /// The durable execution service.
    pub engine: Arc<dyn Engine>,
    /// Where people are asked.
    pub approvals: Arc<dyn Approvals>,
    /// What is kept of callbacks.
    pub callbacks: Arc<dyn CallbackItems>,
    /// Events to the outside.
    pub events: Events,
    /// Log lines.
    pub log: Log,
    steps: Arc<AtomicU32>,
}

impl Services {
    /// The local implementations: Everstep's artifact service, records in it, A2A agents, and the Lambda API at whatever
    /// endpoint the client was built for.
    ///
    /// # Errors
    /// The service's address is none, or no HTTP client can be built.
    pub fn local(
        settings: Settings,
        lambda: aws_sdk_lambda::Client,
        log: Log,
    ) -> Result<Self, ArtifactStorageError> {
        let client = client(None)?;
        // Everstep's own service knows a function by its worker's token; nobody else is told it.
        let service = self::client(settings.service_token.as_ref())?;
        let artifacts: Arc<dyn Artifacts> = Arc::new(ServiceArtifacts::new(
            service.clone(),
            &settings.service_url,
        )?);
        let records = ArtifactRecords::new(
            Arc::clone(&artifacts),
            &settings.artifact_bucket,
            &settings.workflow_table,
        );
        Ok(Self {
            records: Arc::new(records),
            approvals: Arc::new(ServerApprovals::new(service.clone(), &settings.service_url)),
            artifacts,
            agents: Arc::new(
                A2aAgents::new(client.clone(), settings.service_url.clone())
                    .with_directory(service),
            ),
            engine: Arc::new(LambdaEngine::new(lambda, &settings.workflow_function)),
            callbacks: Arc::new(KeptByServer),
            events: Events::new(http_sink(client, &settings), log.clone()),
            settings: Arc::new(settings),
            log,
            steps: Arc::default(),
        })
    }

    /// The services that the settings choose, by clients of one AWS configuration.
    ///
    /// # Errors
    /// The service's address is none, or no HTTP client can be built.
    pub fn connect(
        settings: Settings,
        config: &aws_config::SdkConfig,
        log: Log,
    ) -> Result<Self, ArtifactStorageError> {
        let lambda = aws_sdk_lambda::Client::new(config);
        match settings.backend {
            #[cfg(feature = "aws")]
            crate::settings::Backend::Aws => Self::aws(settings, config, lambda, log),
            _ => Self::local(settings, lambda, log),
        }
    }

    /// The services of AWS.
    #[cfg(feature = "aws")]
    fn aws(
        settings: Settings,
        config: &aws_config::SdkConfig,
        lambda: aws_sdk_lambda::Client,
        log: Log,
    ) -> Result<Self, ArtifactStorageError> {
        use crate::aws::{CallbackTable, RecordTable, S3Artifacts, sinks};
        let client = client(None)?;
        let table = aws_sdk_dynamodb::Client::new(config);
        let mut sinks = sinks(config, &settings);
        sinks.extend(http_sink(client.clone(), &settings));
        Ok(Self {
            records: Arc::new(RecordTable::new(table.clone(), &settings.workflow_table)),
            artifacts: Arc::new(S3Artifacts::new(config)),
            agents: Arc::new(A2aAgents::new(client, settings.service_url.clone())),
            engine: Arc::new(LambdaEngine::new(lambda, &settings.workflow_function)),
            approvals: Arc::new(crate::approval::NoApprovals),
            callbacks: Arc::new(CallbackTable::new(table, &settings.workflow_table)),
            events: Events::new(sinks, log.clone()),
            settings: Arc::new(settings),
            log,
            steps: Arc::default(),
        })
    }

    /// The same services with a step counter of their own, for one run of the workflow.
    #[must_use]
    pub fn counting(&self) -> Self {
        Self {
            steps: Arc::default(),
            ..self.clone()
        }
    }

    /// Steps of this run so far, replayed ones included.
    #[must_use]
    pub fn steps_executed(&self) -> u32 {
        self.steps.load(Ordering::Relaxed)
    }

    pub(crate) fn count_step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// The address of a phase's agent.
    #[must_use]
    pub fn agent(&self, phase: Phase) -> &str {
        match phase {
            Phase::Research => &self.settings.researcher,
            Phase::Analysis => &self.settings.analyst,
            Phase::Writing => &self.settings.writer,
        }
    }

    /// The seed's `store_s3_artifact`: stores under the configured bucket.
    ///
    /// # Errors
    /// `Failed to store artifact: …`.
    pub async fn store(
        &self,
        workflow_id: &str,
        key: &str,
        content: &Value,
        content_type: &str,
    ) -> Result<Stored, ArtifactStorageError> {
        let address = (self.settings.artifact_bucket.as_str(), key);
        store_artifact(
            &*self.artifacts,
            address,
            content,
            content_type,
            (&self.log, workflow_id),
        )
        .await
    }

    /// A signed link to an artifact in the configured bucket.
    ///
    /// # Errors
    /// `Failed to generate presigned URL: …`.
    pub async fn link(
        &self,
        workflow_id: &str,
        key: &str,
        life: Duration,
    ) -> Result<String, ArtifactStorageError> {
        let address = (self.settings.artifact_bucket.as_str(), key);
        generate_presigned_url(&*self.artifacts, address, life, (&self.log, workflow_id)).await
    }

    /// The value itself, or a reference to it when it is large. `created_at`, the record's, makes the key the same in every run.
    ///
    /// # Errors
    /// The artifact cannot be stored or linked.
    pub async fn by_reference(
        &self,
        record: &Record,
        kind: &str,
        value: Value,
    ) -> Result<Value, WorkflowError> {
        if reference_uri(&value).is_some() || !is_large_payload(&value, LARGE_PAYLOAD_BYTES) {
            return Ok(value);
        }
        let id = &record.workflow_id;
        let key = format!("artifacts/{id}/{kind}_{}.json", record.created_at);
        let stored = self.store(id, &key, &value, "application/json").await?;
        let url = self.link(id, &key, REVIEW_LINK).await?;
        Ok(reference(
            &stored,
            content_bytes(&value).len(),
            &record.created_at,
            Some(&url),
        ))
    }

    /// The value behind a reference; any other value as it is. Whoever sends a reference chooses the address, so the table's
    /// own records are out of its reach.
    ///
    /// # Errors
    /// `Failed to fetch artifact: …`; an address inside the workflow table.
    pub async fn resolve(&self, workflow_id: &str, value: &Value) -> Result<Value, WorkflowError> {
        let Some(uri) = reference_uri(value) else {
            return Ok(value.clone());
        };
        let (bucket, key) = parse_s3_uri(uri)?;
        // A URL swallows dots and empty segments: `./tables/` would lead to the same place.
        let is_plain = |part: &str| !matches!(part, "" | "." | "..");
        let is_plain = is_plain(&bucket) && !bucket.contains('/') && key.split('/').all(is_plain);
        if !is_plain || (bucket == self.settings.artifact_bucket && key.starts_with("tables/")) {
            let message = format!("Failed to fetch artifact: {uri} is not an artifact");
            return Err(ArtifactStorageError {
                kind: Kind::Invalid,
                message,
            }
            .into());
        }
        fetch_artifact(&*self.artifacts, uri, &self.log, workflow_id).await
    }

    /// Applies a change of the flow and then tells the outside. The event goes out even when the change was made before: a
    /// crash between the two must not swallow it, and its id lets a sink drop the second copy.
    ///
    /// # Errors
    /// `Failed to update workflow status: …`.
    pub async fn change(
        &self,
        workflow_id: &str,
        change: &Change,
        from: &str,
    ) -> Result<Record, WorkflowError> {
        let (record, _) = change_status(&*self.records, workflow_id, change, &self.log).await?;
        self.events.state_changed(&record, from).await;
        Ok(record)
    }

    /// An error line for a failed step.
    pub(crate) fn failed(&self, event: &str, workflow_id: &str, error: &WorkflowError) {
        self.log.error(
            event,
            workflow_id,
            json!({ "error": error.to_string(), "error_type": error.type_name() }),
        );
    }
}

fn http_sink(client: reqwest::Client, settings: &Settings) -> Vec<Arc<dyn Sink>> {
    let url = settings.event_sink_url.clone();
    url.map(|url| Arc::new(HttpSink { client, url }) as Arc<dyn Sink>)
        .into_iter()
        .collect()
}

fn client(token: Option<&ServiceToken>) -> Result<reqwest::Client, ArtifactStorageError> {
    let invalid = |what: String| ArtifactStorageError {
        kind: Kind::Invalid,
        message: format!("no HTTP client: {what}"),
    };
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.0))
            .map_err(|_| invalid("EVERSTEP_WORKER_TOKEN is not a token".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
        .default_headers(headers)
        .build()
        .map_err(|error| invalid(error.to_string()))
}
