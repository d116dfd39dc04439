//! Tasks and calls of functions: from a revision of the catalogue to a run on the host, and back as a machine's request.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use everstep_asl::machine::Late as StatesLate;
use everstep_core::{ExecutionId, Failure, Generation, Operation, TargetKind, Task, Timestamp};
use everstep_durable::{ErrorClass, Invocation, Mode, Output};
use everstep_engine::letter::topic;
use everstep_engine::trace::{self, Span, SpanKind, Trace};
use everstep_engine::{
    AgentState, Call, Called, Code, Dispatcher, Error, Handle, Late, Letter, Pending, Request,
    Revision, ServiceAnswer, ServiceCall, Undelivered, Work, WorkPayload,
};
use everstep_logs::Logs;

use crate::agents::{self, AgentOptions, Agents, Seat};
use crate::code::CodeFolder;
use crate::concurrency::Concurrency;
use crate::destinations;
use crate::host::{
    ErrorKind, FunctionError, FunctionHost, FunctionSpec, LogFormat, Outcome, Runtime, Scaling,
};
use crate::log;
use crate::notify::{Sink, Sinks};
use crate::outcome::output;
use crate::remote::Remotes;
use crate::services::http::HttpOptions;
use crate::services::{self, Sent, Services};

/// Runs functions as processes of this machine.
#[derive(Clone)]
pub struct FunctionDispatcher {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    host: FunctionHost,
    /// URL of this server, handed to functions as `EVERSTEP_URL`.
    url: String,
    code: CodeFolder,
    remotes: Remotes,
    runtime: tokio::runtime::Handle,
    /// Invocations that are queued at the host or run. A lease that ends while its task waits here brings the same one once more, which
    /// must not run beside itself.
    running: Mutex<HashSet<Running>>,
    pub(crate) concurrency: Arc<Concurrency>,
    http: reqwest::Client,
    pub(crate) services: Services,
    pub(crate) agents: Agents,
    logged: log::Order,
    sinks: Sinks,
}

/// What state machines reach beside functions.
#[derive(Clone, Default)]
pub struct ServiceOptions {
    pub http: HttpOptions,
    /// Where executions of state machines log to; without it they log nothing.
    pub logs: Option<Logs>,
    pub agents: AgentOptions,
    /// Where events are told, by name.
    pub sinks: BTreeMap<String, Sink>,
}

type Running = (ExecutionId, Operation, Generation);

impl FunctionDispatcher {
    /// Must be called on the tokio runtime that is to run the tasks. Archives are unpacked below `code`.
    #[must_use]
    pub fn new(host: FunctionHost, url: String, code: PathBuf) -> Self {
        Self::with_services(host, url, code, ServiceOptions::default())
    }

    /// As [`FunctionDispatcher::new`], with what state machines reach.
    #[must_use]
    pub fn with_services(
        host: FunctionHost,
        url: String,
        code: PathBuf,
        mut services: ServiceOptions,
    ) -> Self {
        let runtime = tokio::runtime::Handle::current();
        Self {
            inner: Arc::new(Inner {
                host,
                url,
                code: CodeFolder::new(code),
                remotes: Remotes::default(),
                runtime,
                running: Mutex::default(),
                concurrency: Arc::default(),
                http: reqwest::Client::new(),
                agents: Agents::new(services.agents.clone()),
                sinks: Sinks::new(std::mem::take(&mut services.sinks), &services.http.allowed),
                services: Services::new(services),
                logged: log::Order::default(),
            }),
        }
    }

    /// Makes a function's latest revision known to the host before its first call: see [`FunctionHost::prepare`]. `arn` is that of `$LATEST`.
    ///
    /// # Errors
    /// The store's, for code that has to be unpacked.
    pub async fn prepare(
        &self,
        handle: &Handle,
        revision: &Revision,
        arn: String,
    ) -> Result<(), Error> {
        if let Code::Archive { .. } | Code::Folder { .. } = &revision.code {
            let version = "$LATEST".to_owned();
            let spec = self.inner.spec(handle, revision, arn, version).await?;
            self.inner.host.prepare(&spec);
        }
        Ok(())
    }
}

impl Dispatcher for FunctionDispatcher {
    fn dispatch(&self, handle: &Handle, work: Work) {
        let (inner, handle) = (Arc::clone(&self.inner), handle.clone());
        let is_log = work.task.target.kind == TargetKind::Log;
        let place = is_log.then(|| inner.logged.take(work.execution));
        self.inner.runtime.spawn(async move {
            let (execution, task) = (work.execution, &work.task);
            let running = (execution, task.operation, task.generation);
            let begun = inner.begin(running);
            // Also who does nothing keeps the others behind those before.
            let mut place = place;
            if let Some(place) = &mut place {
                place.come().await;
            }
            if !begun {
                tracing::info!(%execution, "work that is under way was not begun again");
                return;
            }
            let span = span(&handle, execution).await;
            // Everything that a task may be is one future: a large one, which is not to lie on the stack of whoever polls it.
            let running_work = Box::pin(inner.run(&handle, &work));
            let span = crate::trace::within(span, running_work).await;
            inner.end(running);
            if let Some(span) = span {
                let attributes = [
                    ("everstep.execution", &*execution.to_string()),
                    ("everstep.operation", &*work.task.operation.to_string()),
                    ("everstep.target", &*work.task.target.address),
                ];
                span.end("task", SpanKind::Client, false, &attributes);
            }
        });
    }

    fn deliver(&self, handle: &Handle, letter: Letter) -> Pending<Result<(), Undelivered>> {
        let (inner, handle) = (Arc::clone(&self.inner), handle.clone());
        Box::pin(async move {
            match letter.topic.as_str() {
                topic::NOTIFY => {
                    let (now, ring) = (handle.clock().now(), handle.keyring());
                    inner.sinks.deliver(&letter, now, ring).await
                }
                topic::AGENT_CANCEL => inner.agents.leave(&handle, &letter).await,
                other => Err(Undelivered {
                    again: false,
                    reason: format!("nothing here delivers letters of topic {other}"),
                }),
            }
        })
    }

    fn perform(&self, handle: &Handle, call: ServiceCall) -> Pending<Result<ServiceAnswer, Error>> {
        let (inner, handle) = (Arc::clone(&self.inner), handle.clone());
        Box::pin(async move { services::once(&inner, &handle, &call).await })
    }

    fn moved(
        &self,
        _: &Handle,
        execution: ExecutionId,
        operation: Operation,
        generation: Generation,
    ) {
        self.inner.agents.moved(&Seat {
            execution,
            operation,
            generation,
        });
    }

    fn agent_state(&self, name: &str) -> AgentState {
        self.inner.agents.state(name)
    }

    fn agent_states(&self, now: Timestamp) -> Vec<(String, AgentState)> {
        self.inner.agents.states(now)
    }

    fn call(&self, handle: &Handle, call: Call) -> Pending<Result<Called, Error>> {
        let (inner, handle) = (Arc::clone(&self.inner), handle.clone());
        Box::pin(async move {
            let revision = handle.revision(&call.address).await?;
            if let Code::Agent(_) = &revision.code {
                return agents::call(&handle, &call, &revision).await;
            }
            let function = &revision.function;
            let place = inner.concurrency.take(&handle, function);
            let _place = place.ok_or_else(|| Error::ConcurrencyReached {
                function: function.clone(),
            })?;
            let spec = inner
                .spec(&handle, &revision, call.arn, call.version)
                .await?;
            let invocation = crate::host::Invocation {
                trace_id: call.trace_id,
                client_context: call.client_context,
                tenant_id: call.tenant_id,
                parts: call.parts,
                ..crate::host::Invocation::new(call.request_id, call.payload)
            };
            let outcome = inner.perform(&revision, &spec, invocation).await;
            Ok(Called {
                result: outcome.result.map_err(|error| error.body),
                log_tail: outcome.log_tail,
            })
        })
    }
}

/// The span of a task, where somebody listens.
async fn span(handle: &Handle, execution: ExecutionId) -> Option<Span> {
    if !trace::is_on() {
        return None;
    }
    let row = handle.row(execution).await.ok()?;
    Some(Span::begin(Trace::of(&row)))
}

impl Inner {
    /// Notes that an invocation is under way; false when it is already.
    fn begin(&self, running: Running) -> bool {
        let mut all = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(running)
    }

    fn end(&self, running: Running) {
        let mut all = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&running);
    }

    /// Goes the way out that leads to the task's target.
    async fn run(&self, handle: &Handle, work: &Work) {
        let (execution, task) = (work.execution, &work.task);
        let WorkPayload::Late(late) = &work.payload else {
            return self.deliver(handle, work).await;
        };
        match (task.target.kind, &**late) {
            (TargetKind::Function, Late::Durable(invocation)) => {
                self.answer(handle, execution, task, invocation).await;
            }
            (TargetKind::Agent, Late::Durable(invocation)) => {
                Box::pin(self.agents.answer(handle, work, invocation)).await;
            }
            (TargetKind::Service, Late::Asl(late)) => {
                let sent = Sent {
                    execution,
                    task,
                    repeated: work.repeated,
                    note: work.note.clone(),
                };
                Box::pin(services::run(self, handle, &sent, late)).await;
            }
            (TargetKind::Log, Late::Asl(StatesLate::Log { first, last })) => {
                let logs = self.services.logs();
                log::write(handle, logs, execution, task, (*first, *last)).await;
            }
            (kind, _) => {
                tracing::error!(%execution, ?kind, "no way out leads to this kind of target");
            }
        }
    }

    /// What is stored with its task.
    async fn deliver(&self, handle: &Handle, work: &Work) {
        let (execution, kind) = (work.execution, work.task.target.kind);
        match (kind, &work.payload) {
            (TargetKind::Destination, WorkPayload::Stored(said)) => {
                destinations::deliver(handle, &self.http, execution, &work.task, said).await;
            }
            (kind, _) => {
                tracing::error!(%execution, ?kind, "no way out leads to this kind of target");
            }
        }
    }

    /// Invokes a function and brings its answer home.
    async fn answer(
        &self,
        handle: &Handle,
        execution: ExecutionId,
        task: &Task,
        invocation: &Invocation,
    ) {
        let address = &task.target.address;
        let output = self.invoke(handle, execution, address, invocation).await;
        let Some(output) = output else { return };
        // Operation 0 is the execution: its own function was invoked, not one that it invokes.
        if task.operation == Operation(0) {
            let generation = invocation.generation;
            self.report(handle, execution, generation, output).await;
        } else {
            crate::chained::settle(handle, execution, task, output).await;
        }
    }

    /// How the invocation ended; `None` when it did not: the host is ending or has no room, and the task's lease or the next start
    /// brings it back.
    async fn invoke(
        &self,
        handle: &Handle,
        execution: ExecutionId,
        address: &str,
        invocation: &Invocation,
    ) -> Option<Output> {
        match self.carry_out(handle, execution, address, invocation).await {
            Ok(Outcome {
                result: Err(error), ..
            }) if error.kind == ErrorKind::Host => {
                tracing::info!(%execution, error = error.error_type, "an invocation was not run; it will be");
                None
            }
            Ok(outcome) => Some(output(invocation.mode, outcome)),
            Err(error) => Some(Output::Error {
                failure: Failure::new("Runtime.NotStarted", error.to_string()),
                class: ErrorClass::Runtime,
            }),
        }
    }

    async fn carry_out(
        &self,
        handle: &Handle,
        execution: ExecutionId,
        address: &str,
        invocation: &Invocation,
    ) -> Result<Outcome, Error> {
        let revision = handle.revision(address).await?;
        let _place = self.concurrency.wait(handle, &revision.function).await;
        let function = &invocation.function;
        let spec = self
            .spec(
                handle,
                &revision,
                function.qualified(),
                function.version.clone(),
            )
            .await?;
        let run = crate::host::Invocation {
            trace_id: invocation.trace_header.clone(),
            tenant_id: invocation.tenant_id.clone(),
            execution: (invocation.mode == Mode::Durable).then_some(execution),
            ..crate::host::Invocation::new(
                invocation.request_id.clone(),
                crate::event::render(handle, execution, invocation).await?,
            )
        };
        Ok(self.perform(&revision, &spec, run).await)
    }

    /// Runs it on the host, or where the function is.
    pub(crate) async fn perform(
        &self,
        revision: &Revision,
        spec: &FunctionSpec,
        invocation: crate::host::Invocation,
    ) -> Outcome {
        match &revision.code {
            Code::Agent(_) => Outcome::unserved(FunctionError::of_request(
                ErrorKind::Handler,
                "Everstep.IsAgent",
                &invocation.request_id,
                "It is an agent, which has tasks and no invocations",
            )),
            Code::Elsewhere(remote) => self.remotes.invoke(remote, spec, invocation).await,
            Code::Folder { .. } => self.host.invoke(spec, invocation).await,
            Code::Archive { .. } => {
                let mut outcome = self.host.invoke(spec, invocation).await;
                if let Err(error) = &mut outcome.result {
                    error.body = as_on_lambda(&error.body, &spec.code);
                }
                outcome
            }
        }
    }

    /// Brings the answer home. It is never shed; only the end of the engine can keep it, and then recovery repeats the task.
    async fn report(
        &self,
        handle: &Handle,
        execution: ExecutionId,
        generation: Generation,
        output: Output,
    ) {
        let output = match store_large(handle, execution, output).await {
            Ok(output) => output,
            Err(error) => Output::Error {
                failure: Failure::new("Runtime.Storage", error.to_string()),
                class: ErrorClass::Runtime,
            },
        };
        let finish = everstep_durable::Request::Finish { generation, output };
        if let Err(error) = handle.report(execution, Request::Durable(finish)).await {
            tracing::warn!(%execution, %error, "an invocation's answer was not taken");
        }
    }

    pub(crate) async fn spec(
        &self,
        handle: &Handle,
        revision: &Revision,
        arn: String,
        version: String,
    ) -> Result<FunctionSpec, Error> {
        let config = &revision.config;
        let mut environment = config.environment.clone();
        environment
            .entry("EVERSTEP_URL".to_owned())
            .or_insert_with(|| self.url.clone());
        Ok(FunctionSpec {
            arn,
            name: revision.function.clone(),
            version,
            revision: revision.revision.clone(),
            runtime: match config.runtime {
                everstep_engine::Runtime::Python => Runtime::Python,
                everstep_engine::Runtime::Node => Runtime::Node,
                everstep_engine::Runtime::Provided => Runtime::Provided,
            },
            handler: config.handler.clone(),
            code: self.code.folder(handle, revision).await?,
            layers: self.code.layers(handle, revision).await?,
            environment,
            timeout: Duration::from_secs(u64::from(config.timeout_s)),
            memory_mb: config.memory_mb,
            log_format: if config.log_format == "JSON" {
                LogFormat::Json
            } else {
                LogFormat::Text
            },
            scaling: Scaling {
                workers_min: count(config.scaling.workers_min),
                workers_max: config.scaling.workers_max.map(count),
                concurrency: config.scaling.concurrency.map(count),
            },
        })
    }
}

/// An error document in which the folder of unpacked code, which says nothing to anybody, has the name that it has on Lambda.
fn as_on_lambda(document: &Bytes, code: &Path) -> Bytes {
    let text = String::from_utf8_lossy(document);
    text.replace(&format!("{}/", code.display()), "/var/task/")
        .into()
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Moves a large result out of the journal's way.
async fn store_large(
    handle: &Handle,
    execution: ExecutionId,
    output: Output,
) -> Result<Output, Error> {
    match output {
        Output::Succeeded {
            result: Some(everstep_core::Payload::Inline(bytes)),
        } => Ok(Output::Succeeded {
            result: Some(handle.put_payload(execution, bytes).await?),
        }),
        other => Ok(other),
    }
}
