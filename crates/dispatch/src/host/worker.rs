//! The supervisor of one worker: a task that owns the process and is the only one to decide what its calls, its exit and its deadlines mean.

mod limits;

use std::collections::VecDeque;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::sync::{mpsc, oneshot};

use super::answer::{self, Running};
use super::api::{Answer, Call, Delivery, ErrorReport, Refusal};
use super::exit;
use super::function::{ErrorKind, FunctionError, FunctionSpec, Outcome, timeout_text};
use super::inside::{Counters, Shared};
use super::journal::Journal;
use super::pool::{Assignment, Job, Launch, Order, WorkerId};
use super::process::Process;
use super::report;

/// How many answered ids are remembered, to tell a second answer from a wrong id.
const ANSWERED_MAX: usize = 16;
/// With no deadline of its own a supervisor looks up this often.
const REST: Duration = Duration::from_secs(3600);
/// A process may answer and end without hearing the reply; its last request is then still on its way through the socket.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// After an answer, how long the pool counts on the worker's next request before it starts another one.
const RETURN: Duration = Duration::from_millis(100);

type NextReply = oneshot::Sender<Result<Delivery, Refusal>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    /// As soon as nothing runs.
    WhenIdle,
    /// SIGTERM is sent; SIGKILL follows at this time.
    Terminated(Instant),
    Killed,
}

struct Worker {
    shared: Arc<Shared>,
    id: WorkerId,
    spec: Arc<FunctionSpec>,
    orders: mpsc::UnboundedReceiver<Order>,
    process: Process,
    journal: Journal,
    /// Open requests for work.
    waiters: VecDeque<NextReply>,
    /// Jobs that came when the connection that had asked for them was gone.
    pending: VecDeque<Box<Job>>,
    running: Vec<Running>,
    answered: VecDeque<String>,
    capacity: usize,
    born: Instant,
    /// From start to the first request for work; `None` before it.
    init: Option<Duration>,
    /// The first outcome tells the init duration.
    init_told: bool,
    /// An invocation has already been failed because this worker did not become ready.
    blamed: bool,
    idle_since: Instant,
    /// When the pool stops counting on the return of this worker.
    return_by: Option<Instant>,
    ending: Ending,
    shutting_down: bool,
    /// An invocation's time was over while others ran: it ends with them and gets no more work.
    hung: bool,
    out_of_memory: bool,
    next_look: Instant,
}

/// Runs a worker from its launch to its end.
pub(super) async fn run(shared: Arc<Shared>, launch: Launch) {
    let Launch { id, spec, orders } = launch;
    match Process::launch(&shared, id, &spec).await {
        Ok(process) => {
            Counters::count(&shared.counters.processes);
            let journal =
                Journal::new(&shared.options.logs, &spec.name, process.log_stream.clone());
            let now = Instant::now();
            let worker = Worker {
                capacity: spec.concurrency_per_worker(),
                shared: Arc::clone(&shared),
                id,
                spec,
                orders,
                process,
                journal,
                waiters: VecDeque::new(),
                pending: VecDeque::new(),
                running: Vec::new(),
                answered: VecDeque::new(),
                born: now,
                init: None,
                init_told: false,
                blamed: false,
                idle_since: now,
                return_by: None,
                ending: Ending::No,
                shutting_down: false,
                hung: false,
                out_of_memory: false,
                next_look: now,
            };
            worker.drive().await;
        }
        Err(reason) => {
            tracing::warn!(function = %spec.arn, %reason, "a worker cannot be started");
            if let Some(job) = shared.pools().take_waiting(id) {
                let request_id = &job.invocation.request_id;
                let error = FunctionError::of_request(
                    ErrorKind::Init,
                    "Runtime.InvalidEntrypoint",
                    request_id,
                    &reason,
                );
                Counters::count(&shared.counters.failures);
                drop(job.reply.send(Outcome::unserved(error)));
            }
        }
    }
    let launches = shared.pools().gone(id);
    shared.start(launches);
    shared.gone.notify_waiters();
}

impl Worker {
    async fn drive(mut self) {
        loop {
            let wake = tokio::time::Instant::from_std(self.wake_at());
            tokio::select! {
                status = self.process.child.wait() => return self.exited(status.ok()).await,
                Some(call) = self.process.calls.recv() => self.on_call(call),
                Some(order) = self.orders.recv() => self.on_order(order),
                () = self.process.stdout.readable() => self.capture(false),
                () = self.process.stderr.readable() => self.capture(false),
                () = tokio::time::sleep_until(wake) => self.on_wake(),
            }
            if self.ending == Ending::WhenIdle && self.is_idle() {
                if self.hung {
                    self.kill();
                } else {
                    self.terminate();
                }
            }
            self.journal.write();
        }
    }

    fn is_idle(&self) -> bool {
        self.running.is_empty() && self.pending.is_empty()
    }

    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        match self.ending {
            Ending::Terminated(kill_at) => return kill_at,
            Ending::Killed => return now + REST,
            Ending::No | Ending::WhenIdle => {}
        }
        let look = self.memory_look();
        if self.init.is_none() {
            let ready_by = self.born + self.shared.options.init_timeout;
            return look.map_or(ready_by, |look| look.min(ready_by));
        }
        let first = self.running.iter().map(|running| running.deadline).min();
        let limit = first.unwrap_or_else(|| self.idle_since + self.idle_limit());
        let limit = self.return_by.map_or(limit, |by| by.min(limit));
        look.map_or(limit, |look| look.min(limit))
    }

    /// A worker that neither runs nor asks for work has hung after its answer.
    fn idle_limit(&self) -> Duration {
        if self.waiters.is_empty() {
            self.spec.timeout.max(Duration::from_secs(1))
        } else {
            self.shared.options.idle_timeout
        }
    }

    fn on_wake(&mut self) {
        let now = Instant::now();
        match self.ending {
            Ending::Terminated(kill_at) if now >= kill_at => return self.kill(),
            Ending::Terminated(_) | Ending::Killed => return,
            Ending::No | Ending::WhenIdle => {}
        }
        if self.kill_for_memory(now) {
            return;
        }
        if self.return_by.is_some_and(|by| now >= by) {
            self.return_by = None;
            let launches = self.shared.pools().overdue(self.id);
            self.shared.start(launches);
        }
        if self.init.is_none() {
            if now >= self.born + self.shared.options.init_timeout {
                let after = self.shared.options.init_timeout;
                self.blame(|request_id| FunctionError {
                    kind: ErrorKind::Init,
                    ..FunctionError::timed_out(request_id, after)
                });
                self.kill();
            }
        } else if self.running.iter().any(|running| now >= running.deadline) {
            self.time_out(now);
        } else if self.is_idle() && now >= self.idle_since + self.idle_limit() {
            if self.waiters.is_empty() {
                tracing::warn!(function = %self.spec.arn, "a worker did not ask for work after its answer and is replaced");
                self.kill();
            } else if self.shared.pools().expire(self.id, self.waiters.len()) {
                self.terminate();
            } else {
                self.idle_since = now;
            }
        }
    }

    fn on_order(&mut self, order: Order) {
        match order {
            Order::Run(job) if self.hung => {
                let launches = self.give_back(*job);
                self.shared.start(launches);
            }
            Order::Run(job) => {
                self.prune_waiters();
                match self.waiters.pop_front() {
                    Some(waiter) => self.hand_over(job, waiter),
                    None => self.pending.push_back(job),
                }
            }
            Order::Stop { now: true } => {
                self.shutting_down = true;
                self.terminate();
            }
            Order::Stop { now: false } => {
                if self.ending == Ending::No {
                    self.ending = Ending::WhenIdle;
                }
            }
        }
    }

    fn on_call(&mut self, call: Call) {
        match call {
            Call::Next { reply } => self.on_next(reply),
            Call::Answer {
                request_id,
                invocation_id,
                answer,
                reply,
            } => {
                let verdict = self.on_answer(&request_id, invocation_id.as_deref(), answer);
                // A worker that hung up before it heard this loses nothing.
                let _ = reply.send(verdict);
            }
            Call::Stream { request_id, reply } => {
                let running = self.running.iter();
                let mut held = running.map(|running| &running.job.invocation);
                let found = held.find(|invocation| invocation.request_id == request_id);
                let parts = found.map(|invocation| invocation.parts.clone());
                let _ = reply.send(parts.ok_or(Refusal::InvalidRequestId));
            }
            Call::InitError { report, reply } => {
                let verdict = self.on_init_error(&report);
                let _ = reply.send(verdict);
            }
        }
    }

    fn on_next(&mut self, reply: NextReply) {
        if self.blamed || matches!(self.ending, Ending::Terminated(_) | Ending::Killed) {
            // Dropping the reply answers 500: by the protocol, exit.
            return;
        }
        if self.running.len() >= self.capacity {
            drop(reply.send(Err(Refusal::InvalidStateTransition)));
            return;
        }
        self.idle_since = Instant::now();
        self.return_by = None;
        self.init.get_or_insert_with(|| self.born.elapsed());
        let on_the_way = self.prune_waiters();
        if let Some(job) = self.pending.pop_front() {
            self.hand_over(job, reply);
        } else if on_the_way > 0 {
            self.waiters.push_back(reply);
        } else if self.waiters.len() + self.running.len() >= self.capacity {
            // Asked again although a request is open: the older connection is taken for lost, its place goes to the new one.
            if let Some(older) = self.waiters.pop_front() {
                drop(older.send(Err(Refusal::InvalidStateTransition)));
            }
            self.waiters.push_back(reply);
        } else {
            let assignment = self.shared.pools().ready(self.id);
            match assignment {
                Assignment::Run(job) => self.hand_over(job, reply),
                Assignment::Park => self.waiters.push_back(reply),
                Assignment::Stop => {
                    if self.ending == Ending::No {
                        self.ending = Ending::WhenIdle;
                    }
                    if !self.running.is_empty() {
                        // An answer now would say: exit. Others run in the process, so this request stays open until they have ended.
                        self.waiters.push_back(reply);
                    }
                }
            }
        }
    }

    /// Forgets requests for work whose connection is gone. Answers for how many of them a job is already on its way.
    fn prune_waiters(&mut self) -> usize {
        let before = self.waiters.len();
        self.waiters.retain(|waiter| !waiter.is_closed());
        let gone = before - self.waiters.len();
        if gone == 0 {
            return 0;
        }
        let mut pools = self.shared.pools();
        (0..gone).filter(|_| !pools.abandon(self.id)).count()
    }

    fn hand_over(&mut self, job: Box<Job>, waiter: NextReply) {
        let init = self.init.filter(|_| !self.init_told);
        let (running, delivery) = answer::begin(job, init, self.capacity > 1);
        let request_id = running.job.invocation.request_id.clone();
        let execution = running.job.invocation.execution;
        self.capture(true);
        // First the right, then the work: its first call may be here before this task goes on.
        self.shared.permit(&self.process.access_key_id, execution);
        if waiter.send(Ok(delivery)).is_err() {
            self.withdraw_permit(execution);
            self.pending.push_front(running.job);
            return;
        }
        if self.running.is_empty() && self.init_told {
            self.journal.clear_tail();
        }
        self.init_told = true;
        Counters::count(&self.shared.counters.invocations);
        let line = report::start(self.spec.log_format, &request_id, &self.spec.version);
        self.running.push(running);
        self.journal.current(&self.running);
        self.journal.platform(Some(&request_id), line);
    }

    fn on_answer(
        &mut self,
        request_id: &str,
        invocation_id: Option<&str>,
        answer: Answer,
    ) -> Result<(), Refusal> {
        let position = self
            .running
            .iter()
            .position(|running| running.job.invocation.request_id == request_id);
        let Some(position) = position else {
            return Err(if self.answered.iter().any(|id| id == request_id) {
                Refusal::InvalidStateTransition
            } else {
                Refusal::InvalidRequestId
            });
        };
        let held = self.running.get(position);
        let other = held
            .and_then(|running| running.invocation_id.as_deref())
            .zip(invocation_id);
        if other.is_some_and(|(held, said)| held != said) {
            // The same request may have been given to this worker once before: that answer is not this one's.
            return Err(Refusal::InvalidRequestId);
        }
        let running = self.running.swap_remove(position);
        self.remember(request_id);
        let result = answer::result(answer, self.shared.options.response_limit);
        self.settle(running, result);
        Ok(())
    }

    fn remember(&mut self, request_id: &str) {
        if self.answered.len() >= ANSWERED_MAX + self.capacity {
            self.answered.pop_front();
        }
        self.answered.push_back(request_id.to_owned());
    }

    fn withdraw_permit(&self, execution: Option<everstep_core::ExecutionId>) {
        self.shared
            .withdraw_permit(&self.process.access_key_id, execution);
    }

    fn on_init_error(&mut self, report: &ErrorReport) -> Result<(), Refusal> {
        if self.init.is_some() || self.blamed {
            return Err(Refusal::InvalidStateTransition);
        }
        let error = answer::function_error(report, ErrorKind::Init);
        self.blame(|_| error);
        // The runtime exits by itself; it only gets a limit for it.
        self.ending = Ending::Terminated(Instant::now() + self.shared.options.grace);
        Ok(())
    }

    /// Logs the end of an invocation and answers its caller.
    fn settle(&mut self, running: Running, result: Result<bytes::Bytes, FunctionError>) {
        self.capture(true);
        self.journal.flush(&mut self.process);
        self.idle_since = Instant::now();
        if result.is_err() {
            Counters::count(&self.shared.counters.failures);
        }
        let memory = super::capture::memory_max_bytes(self.process.pid);
        let lines = answer::report_lines(&self.spec, &running, &result, memory);
        for line in lines {
            self.journal
                .platform(Some(&running.job.invocation.request_id), line);
        }
        if !self.hung {
            self.shared.pools().answered(self.id);
            self.return_by = Some(Instant::now() + RETURN);
        }
        self.withdraw_permit(running.job.invocation.execution);
        // Who reads the log when the answer is there finds all of it.
        self.journal.write();
        running.finish(result, self.journal.tail());
        self.journal.current(&self.running);
    }

    /// Fails the invocation that has waited longest for this worker, which will not become ready.
    fn blame(&mut self, error: impl FnOnce(&str) -> FunctionError) {
        self.blamed = true;
        self.capture(true);
        let job = self.shared.pools().take_waiting(self.id);
        let request_id = job
            .as_ref()
            .map_or("", |job| job.invocation.request_id.as_str());
        let error = error(request_id);
        let after = self.born.elapsed();
        let line = report::init_failed(self.spec.log_format, after, &error.error_type);
        self.journal.platform(None, line);
        if let Some(job) = job {
            Counters::count(&self.shared.counters.failures);
            let outcome = Outcome {
                init_duration: Some(after),
                log_tail: self.journal.tail(),
                ..Outcome::unserved(error)
            };
            drop(job.reply.send(outcome));
        }
    }

    fn capture(&mut self, sure: bool) {
        self.journal.capture(&mut self.process, sure);
    }

    fn terminate(&mut self) {
        if matches!(self.ending, Ending::No | Ending::WhenIdle) {
            self.process.signal(Signal::TERM);
            self.ending = Ending::Terminated(Instant::now() + self.shared.options.grace);
        }
    }

    fn kill(&mut self) {
        self.process.signal(Signal::KILL);
        self.ending = Ending::Killed;
    }

    async fn exited(mut self, status: Option<ExitStatus>) {
        self.process.signal(Signal::KILL);
        while !(self.running.is_empty() || self.ending == Ending::Killed)
            && let Ok(Some(call)) =
                tokio::time::timeout(LAST_WORDS, self.process.calls.recv()).await
        {
            if let Call::Answer { .. } = call {
                self.on_call(call);
            }
        }
        self.capture(true);
        self.journal.flush(&mut self.process);
        let reason = status.map_or_else(
            || "Runtime exited without providing a reason".to_owned(),
            exit::describe,
        );
        if self.init.is_none() && !self.blamed && !self.shutting_down {
            let error_type = self.exit_type();
            self.blame(|request_id| {
                FunctionError::of_request(ErrorKind::Init, error_type, request_id, &reason)
            });
        }
        for running in std::mem::take(&mut self.running) {
            let error = self.end_of(&running, &reason);
            self.settle(running, Err(error));
        }
        self.orders.close();
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Run(job) = order {
                self.pending.push_back(job);
            }
        }
        for job in std::mem::take(&mut self.pending) {
            let launches = self.give_back(*job);
            self.shared.start(launches);
        }
        self.journal.write();
        self.process.clean_up(&self.shared).await;
    }

    /// What became of an invocation whose process ended under it.
    fn end_of(&mut self, running: &Running, reason: &str) -> FunctionError {
        let request_id = &running.job.invocation.request_id;
        if running.timed_out {
            self.timed_out(running)
        } else if self.shutting_down {
            answer::host_closed()
        } else {
            Counters::count(&self.shared.counters.exits);
            FunctionError::of_request(ErrorKind::Exit, self.exit_type(), request_id, reason)
        }
    }
}
