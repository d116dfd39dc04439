//! Task states: from their arguments to the call, and from its result to their output.

use std::sync::Arc;

use everstep_core::{
    Generation, Operation, Recovery, Target, TargetKind, Task as KernelTask, TaskPayload, Timer,
};
use everstep_expr::json::Value;

use super::document::Document;
use super::event::{Attempt, Event, FrameId, Worker};
use super::flow::{self, Fault};
use super::run::{HEARTBEAT, Halt, Run, Step, TASK_TIMEOUT, following};
use crate::definition::{Kind, Pattern, Resource, ResourceKind, Task};

/// What stands between region and account and the name in a machine's ARN.
const MACHINE: &str = ":stateMachine:";

impl Run<'_, '_> {
    /// Begins an attempt.
    pub fn schedule(&mut self, id: FrameId, task: &Task, input: &Document) -> Step {
        let visit = self.visit(id)?;
        let operation = visit.operation.unwrap_or_else(|| self.next_operation());
        let generation = visit.generation;
        if matches!(task.resource.kind, ResourceKind::Activity)
            && !self.has_activity(&task.resource.arn)
        {
            let detail = format!("The activity {} does not exist.", task.resource.arn);
            return self.fault(id, &Fault::runtime(detail));
        }
        let settles = self.settles(&task.resource, operation);
        let token = settles.map(|settles| self.token(settles, generation));
        let mut scene = self.scene(id);
        scene.token.clone_from(&token);
        let prepared = match flow::prepare(task, input.value(), &mut scene) {
            Ok(prepared) => prepared,
            Err(fault) => return self.fault(id, &fault),
        };
        let attempt = Attempt {
            operation,
            generation,
            resource: task.resource.arn.clone(),
            worker: worker(&task.resource),
            region: self.region(),
            timeout_s: prepared.timeout_s,
            heartbeat_s: prepared.heartbeat_s,
            credentials: prepared.credentials,
            token: settles
                .filter(|settles| *settles != operation)
                .filter(|_| is_handed_out(token.as_deref(), &prepared.arguments)),
        };
        self.hand_out(id, attempt, &prepared.arguments, input)
    }

    fn hand_out(
        &mut self,
        id: FrameId,
        attempt: Attempt,
        arguments: &Value,
        input: &Document,
    ) -> Step {
        let name = self.visit(id)?.name.clone();
        let arguments = match self.limited(arguments, &[input], &name) {
            Ok(arguments) => arguments,
            Err(fault) => return self.fault(id, &fault),
        };
        let place = self.place(id)?;
        let attempt = Arc::new(attempt);
        self.emit(Event::Scheduled {
            place,
            attempt: attempt.clone(),
            input: arguments,
        })?;
        self.turn.open(attempt.operation, attempt.generation);
        if let Some(token) = attempt.token {
            self.turn.open(token, attempt.generation);
        }
        let kind = match attempt.worker {
            Worker::Activity => TargetKind::Queue,
            Worker::Function | Worker::Service { .. } => TargetKind::Service,
        };
        self.turn.start_task(KernelTask {
            operation: attempt.operation,
            generation: attempt.generation,
            target: Target {
                kind,
                address: attempt.resource.to_string(),
            },
            payload: TaskPayload::Late,
            timeout_ms: attempt
                .timeout_s
                .map(|seconds| seconds.saturating_mul(1_000)),
            heartbeat_ms: None,
            recovery: Recovery::Repeat,
        });
        if let Some(seconds) = attempt.timeout_s {
            self.turn.set_timer(Timer {
                operation: attempt.operation,
                kind: TASK_TIMEOUT,
                due: self.turn.now().after_seconds(seconds),
                heartbeat_ms: None,
            });
        }
        // Only who has a token can give a sign of life; an activity's worker gives its first when it claims the work.
        if attempt.worker.has_token() {
            self.listen(&attempt);
        }
        Ok(())
    }

    /// From now on the worker must not be silent for long.
    pub fn listen(&mut self, attempt: &Attempt) {
        if let Some(seconds) = attempt.heartbeat_s {
            let interval_ms = seconds.saturating_mul(1_000);
            self.turn.set_timer(Timer {
                operation: attempt.operation,
                kind: HEARTBEAT,
                due: self.turn.now().after_ms(interval_ms),
                heartbeat_ms: Some(interval_ms),
            });
        }
    }

    /// Tells that a call has started.
    pub fn started(&mut self, id: FrameId) -> Step {
        let (attempt, _) = self.visit(id)?.attempt.as_ref().ok_or(Halt::Over)?;
        let worker = attempt.worker.clone();
        let place = self.place(id)?;
        self.emit(Event::Started {
            place,
            worker,
            by: None,
        })
    }

    pub fn task_done(&mut self, id: FrameId, result: &Document) -> Step {
        let input = self.visit(id)?.input.clone();
        let Kind::Task(task) = &self.defined(id)?.kind else {
            return Err(Halt::Over);
        };
        let mut scene = self.scene(id);
        match flow::leave(&task.flow, input.value(), Some(result.value()), &mut scene) {
            Ok(left) => self.exit(id, &left, &[result, &input], following(task.next)),
            Err(fault) => self.fault(id, &fault),
        }
    }

    fn has_activity(&self, arn: &str) -> bool {
        let Some(catalogue) = &self.surroundings.catalogue else {
            return true;
        };
        let settings = self.turn.state().settings.as_ref();
        let machine = settings.and_then(|settings| settings.state_machine_arn.split_once(MACHINE));
        let name = machine
            .and_then(|(home, _)| arn.strip_prefix(home))
            .and_then(|resource| resource.strip_prefix(":activity:"));
        // One of another region or account is not here.
        name.is_some_and(|name| catalogue.has_activity(name))
    }

    /// What the token that the context object shows settles, if it shows one.
    fn settles(&self, resource: &Resource, operation: Operation) -> Option<Operation> {
        if has_token(resource) {
            return Some(operation);
        }
        let is_job = matches!(
            resource.kind,
            ResourceKind::Integration {
                pattern: Pattern::Sync | Pattern::SyncJson,
                ..
            }
        );
        let next = self.next_operation();
        let behind = Operation(operation.0.saturating_add(1));
        is_job.then(|| next.max(behind))
    }

    fn token(&self, operation: Operation, generation: Generation) -> String {
        let execution = self.turn.execution().id();
        self.surroundings
            .task_token(execution, operation, generation)
    }

    fn region(&self) -> Arc<str> {
        let settings = self.turn.state().settings.as_ref();
        let region = settings.and_then(|settings| settings.execution_arn.split(':').nth(3));
        region.unwrap_or_default().into()
    }
}

/// Whether the state waits for somebody outside who has its token.
pub(crate) const fn has_token(resource: &Resource) -> bool {
    matches!(
        resource.kind,
        ResourceKind::Integration {
            pattern: Pattern::WaitForTaskToken,
            ..
        }
    )
}

/// Whether somebody outside can know the token.
fn is_handed_out(token: Option<&str>, arguments: &Value) -> bool {
    token.is_some_and(|token| arguments.to_text().contains(token))
}

/// Who does the work, as the history names it.
fn worker(resource: &Resource) -> Worker {
    match &resource.kind {
        ResourceKind::Activity => Worker::Activity,
        ResourceKind::Function | ResourceKind::Other => Worker::Function,
        ResourceKind::Integration {
            service,
            action,
            pattern,
        } => {
            let suffix = match pattern {
                Pattern::RequestResponse => "",
                Pattern::Sync => ".sync",
                Pattern::SyncJson => ".sync:2",
                Pattern::WaitForTaskToken => ".waitForTaskToken",
            };
            Worker::Service {
                service: service.clone(),
                action: format!("{action}{suffix}").into(),
            }
        }
    }
}
