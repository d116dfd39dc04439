//! The life of a task: begun, worked on, finished or cancelled, delivered; and taken up again after a restart.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use a2a::{Artifact, Message, Part, Role, TaskPushNotificationConfig, TaskState};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::artifacts::{Artifacts, Place};
use super::deliver;
use super::journal::{Journal, OpenError};
use super::tasks::{Begun, Callback, Changed, Record, Tasks, now_ms, status};
use super::work::{self, Failure};
use super::{Error, outgoing};
use crate::corpus::Corpus;
use crate::{Options, model};

const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause before a result that the disk refused is written again.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// A running agent.
pub(super) struct Agent {
    pub options: Options,
    pub tasks: Tasks,
    pub http: reqwest::Client,
    pub artifacts: Option<Artifacts>,
    pub model: Option<model::Client>,
    /// The address that the card names, with a slash at its end.
    pub url: String,
    /// Cancelled when the server stops.
    pub stopping: CancellationToken,
    background: TaskTracker,
    /// Unix seconds of the last change between idle and busy or of a task's state.
    changed_s: AtomicU64,
    running: Mutex<HashMap<String, CancellationToken>>,
    slots: Semaphore,
}

/// What a caller asks for when a task is to begin.
pub(super) struct Order {
    pub message_id: String,
    pub context_id: Option<String>,
    pub payload: Value,
    pub push: Vec<TaskPushNotificationConfig>,
    pub callback: Option<Callback>,
}

impl Agent {
    /// Checks the options and loads the tasks.
    pub(super) async fn open(options: Options, address: SocketAddr) -> Result<Arc<Self>, Error> {
        if let Some(folder) = options.sources.clone() {
            // Read once now, so that a wrong folder is found at the start and not by the first task.
            tokio::task::spawn_blocking(move || Corpus::read(&folder))
                .await
                .map_err(|reason| Error::Serve(io::Error::other(reason)))??;
        }
        let artifacts = match &options.artifact_url {
            None => None,
            Some(url) => {
                let artifacts = Artifacts::new(url, options.artifact_key.clone());
                Some(artifacts.ok_or_else(|| Error::BadUrl { url: url.clone() })?)
            }
        };
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(CALL_TIMEOUT)
            .build()?;
        let model = options.model.clone().map(model::Client::new).transpose()?;
        let tasks = load(&options)?;
        let url = match &options.public_url {
            Some(url) if !outgoing::is_callable(url) => {
                return Err(Error::BadUrl { url: url.clone() });
            }
            Some(url) => format!("{}/", url.trim_end_matches('/')),
            None => format!("http://{address}/"),
        };
        Ok(Arc::new(Self {
            slots: Semaphore::new(options.tasks_running_max.max(1)),
            tasks,
            http,
            artifacts,
            model,
            url,
            stopping: CancellationToken::new(),
            background: TaskTracker::new(),
            changed_s: AtomicU64::new(now_ms() / 1_000),
            running: Mutex::new(HashMap::new()),
            options,
        }))
    }

    /// Goes on with what was unfinished or undelivered when the last process ended.
    pub(super) async fn resume(self: &Arc<Self>) {
        for record in self.tasks.all().await {
            let is_finished = record.is_finished();
            if is_finished && record.delivered {
                continue;
            }
            tracing::info!(task = %record.task.id, is_finished, "task_resumed");
            if is_finished {
                let agent = self.clone();
                self.spawn(async move { deliver::deliver(&agent, &record).await });
            } else {
                self.start(record);
            }
        }
    }

    /// Begins a task, or finds the one that the same message began before.
    pub(super) async fn begin(self: &Arc<Self>, order: Order) -> io::Result<Begun> {
        let id = uuid::Uuid::new_v4().to_string();
        let nobody_to_tell = order.push.is_empty() && order.callback.is_none();
        let record = Record {
            task: a2a::Task {
                context_id: order
                    .context_id
                    .unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
                status: status(TaskState::Submitted),
                artifacts: None,
                history: None,
                metadata: None,
                id,
            },
            message_id: order.message_id,
            payload: order.payload,
            created_ms: now_ms(),
            push: order.push,
            callback: order.callback,
            delivered: nobody_to_tell,
        };
        // In a task of its own: a caller that hangs up between the two must not leave a task begun
        // and never worked on.
        let agent = self.clone();
        let begin = tokio::spawn(async move {
            let begun = agent
                .tasks
                .begin(record, agent.options.tasks_open_max)
                .await?;
            if let Begun::New(record) = &begun {
                tracing::info!(task = %record.task.id, "task_begun");
                agent.start((**record).clone());
            }
            Ok(begun)
        });
        begin.await.map_err(io::Error::other)?
    }

    /// Cancels a task: done at once for the caller, whatever the work still does is thrown away.
    pub(super) async fn cancel(self: &Arc<Self>, id: &str) -> io::Result<Option<Changed>> {
        let (agent, id) = (self.clone(), id.to_owned());
        let cancel = tokio::spawn(async move { agent.cancel_unhindered(&id).await });
        cancel.await.map_err(io::Error::other)?
    }

    async fn cancel_unhindered(self: &Arc<Self>, id: &str) -> io::Result<Option<Changed>> {
        let changed = self
            .tasks
            .change(id, |record| {
                let open = !record.is_finished();
                if open {
                    record.set_state(TaskState::Canceled);
                    record.payload = Value::Null;
                }
                open
            })
            .await?;
        if let Some(Changed::Done(record)) = &changed {
            if let Some(work) = self.running().remove(id) {
                work.cancel();
            }
            self.touch();
            let (agent, record) = (self.clone(), record.clone());
            self.spawn(async move { deliver::deliver(&agent, &record).await });
        }
        Ok(changed)
    }

    /// Works beside the requests until it is done or the server stops.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.stopping.clone();
        self.background.spawn(async move {
            tokio::select! {
                () = work => {}
                () = stopping.cancelled() => {}
            }
        });
    }

    /// Waits until nothing works beside the requests any more.
    pub(super) async fn stopped(&self) {
        self.stopping.cancel();
        self.background.close();
        self.background.wait().await;
    }

    /// Unix seconds of the last change of state; a prober that sees it stand still may take a busy agent for stuck.
    pub(super) fn changed_s(&self) -> u64 {
        self.changed_s.load(Ordering::Relaxed)
    }

    fn touch(&self) {
        self.changed_s.store(now_ms() / 1_000, Ordering::Relaxed);
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(self: &Arc<Self>, record: Record) {
        let cancelled = CancellationToken::new();
        self.running()
            .insert(record.task.id.clone(), cancelled.clone());
        self.touch();
        let agent = self.clone();
        self.spawn(async move {
            let id = record.task.id.clone();
            tokio::select! {
                () = agent.run(record) => {}
                () = cancelled.cancelled() => tracing::info!(task = %id, "task_cancelled"),
            }
            agent.running().remove(&id);
            agent.touch();
        });
    }

    async fn run(self: &Arc<Self>, record: Record) {
        let Ok(_slot) = self.slots.acquire().await else {
            return;
        };
        let id = &record.task.id;
        let working = self
            .tasks
            .change(id, |record| {
                let open = !record.is_finished();
                if open {
                    record.set_state(TaskState::Working);
                }
                open
            })
            .await;
        match working {
            Ok(Some(Changed::Done(_))) => self.touch(),
            Ok(_) => return,
            // The task is on disk as submitted, which is enough to take it up again.
            Err(reason) => tracing::warn!(task = %id, %reason, "task_state_not_recorded"),
        }
        let result = match work::perform(self, &record).await {
            Ok(output) => self.store_if_large(&record, output).await,
            Err(failure) => Err(failure),
        };
        let finished = self.finish(&record, result).await;
        if let Some(record) = finished {
            // Delivery goes on although the task's place among the running ones is free again.
            let agent = self.clone();
            self.spawn(async move { deliver::deliver(&agent, &record).await });
        }
    }

    async fn store_if_large(&self, record: &Record, output: Value) -> Result<Value, Failure> {
        let Some(artifacts) = &self.artifacts else {
            return Ok(output);
        };
        let failure = |text| Failure {
            kind: "ArtifactStorageError",
            text,
        };
        let body = serde_json::to_vec(&output).map_err(|reason| failure(reason.to_string()))?;
        if body.len() <= self.options.artifact_bytes {
            return Ok(output);
        }
        let workflow_id =
            key_segment(work::workflow_of(&record.payload).unwrap_or(&record.task.id));
        let place = Place {
            workflow_id: &workflow_id,
            kind: self.options.kind.artifact(),
            created_ms: record.created_ms,
        };
        artifacts
            .store(&self.http, &self.options.retry_pauses, place, body)
            .await
            .map_err(failure)
    }

    /// Records the end. A disk that refuses is asked again: the caller must not be told an end that a restart would undo.
    async fn finish(&self, record: &Record, result: Result<Value, Failure>) -> Option<Box<Record>> {
        loop {
            let changed = self
                .tasks
                .change(&record.task.id, |record| {
                    let open = !record.is_finished();
                    if open {
                        set_end(record, &result);
                    }
                    open
                })
                .await;
            match changed {
                Ok(Some(Changed::Done(finished))) => {
                    tracing::info!(task = %record.task.id, failed = result.is_err(), "task_finished");
                    return Some(finished);
                }
                Ok(_) => return None,
                Err(reason) => {
                    tracing::error!(task = %record.task.id, %reason, "task_end_not_recorded");
                    tokio::time::sleep(WRITE_AGAIN).await;
                }
            }
        }
    }
}

fn load(options: &Options) -> Result<Tasks, Error> {
    let Some(folder) = &options.state else {
        return Tasks::load(None, options.retention).map_err(Error::Serve);
    };
    let failed = |reason| Error::State {
        folder: folder.clone(),
        reason,
    };
    let journal = Journal::open(folder).map_err(|reason| match reason {
        OpenError::InUse => Error::StateInUse {
            folder: folder.clone(),
        },
        OpenError::Io(reason) => failed(reason),
    })?;
    Tasks::load(Some(journal), options.retention).map_err(failed)
}

fn set_end(record: &mut Record, result: &Result<Value, Failure>) {
    match result {
        Ok(output) => {
            record.set_state(TaskState::Completed);
            record.task.artifacts = Some(vec![Artifact {
                artifact_id: "result".to_owned(),
                name: Some("result".to_owned()),
                description: None,
                parts: vec![Part::data(output.clone()).with_media_type("application/json")],
                metadata: None,
                extensions: None,
            }]);
        }
        Err(failure) => {
            record.set_state(TaskState::Failed);
            record.task.status.message = Some(Message {
                message_id: format!("{}-end", record.task.id),
                context_id: Some(record.task.context_id.clone()),
                task_id: Some(record.task.id.clone()),
                role: Role::Agent,
                parts: vec![Part::text(failure.text.clone())],
                metadata: None,
                extensions: None,
                reference_task_ids: None,
            });
            record.task.metadata = Some([("error_type".to_owned(), json!(failure.kind))].into());
        }
    }
    record.payload = Value::Null;
}

/// A workflow id is the caller's text and becomes one segment of a path: everything that could be more becomes a dash.
fn key_segment(id: &str) -> String {
    let safe: String = id
        .chars()
        .take(128)
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
                c
            } else {
                '-'
            }
        })
        .collect();
    if safe.chars().all(|c| c == '.') {
        "-".to_owned()
    } else {
        safe
    }
}
