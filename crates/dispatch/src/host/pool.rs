//! Which worker serves which invocation: warm reuse, growth, fairness at the limits, shrinking. Synchronous and without processes,
//! so that every rule can be tested alone.
//!
//! A worker *parks* once for every request for work it has open, and an invocation goes to the worker that parked last: the others then
//! age and are stopped. What finds no parked worker waits in its function's queue, oldest first, and `Pools::plan` (`share`) starts workers as
//! far as the limits allow and says who gives a place up at the limit over all functions.

mod share;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::function::{FunctionSpec, Invocation, Outcome};

/// Key of a pool: qualified ARN and revision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub arn: String,
    pub revision: String,
}

impl Key {
    pub(super) fn of(spec: &FunctionSpec) -> Key {
        Key {
            arn: spec.arn.clone(),
            revision: spec.revision.clone(),
        }
    }
}

pub(super) type WorkerId = u64;

/// An invocation on its way to a worker.
pub(super) struct Job {
    pub spec: Arc<FunctionSpec>,
    pub invocation: Invocation,
    pub queued_at: Instant,
    pub reply: oneshot::Sender<Outcome>,
}

/// What a supervisor is told.
pub(super) enum Order {
    Run(Box<Job>),
    /// Take no more work and end; `now` does not wait for running invocations.
    Stop {
        now: bool,
    },
}

/// What a worker that asks for work gets.
pub(super) enum Assignment {
    Run(Box<Job>),
    Park,
    Stop,
}

/// A worker to be started by the caller.
pub(super) struct Launch {
    pub id: WorkerId,
    pub spec: Arc<FunctionSpec>,
    pub orders: mpsc::UnboundedReceiver<Order>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub workers: usize,
    pub workers_per_function: usize,
    pub queued_per_function: usize,
    /// How long a function without any worker waits, at the limit over all functions, before another one's worker makes room.
    pub turn: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Live,
    Stopping,
}

/// The pool's view of a worker.
struct Seat {
    key: Key,
    orders: mpsc::UnboundedSender<Order>,
    phase: Phase,
    /// Its function revision is retired: no new work.
    retired: bool,
    parked: usize,
    parked_at: Instant,
    /// Invocations answered for which it has not asked for work again.
    returning: usize,
}

struct Pool {
    spec: Arc<FunctionSpec>,
    capacity: usize,
    queue: VecDeque<Job>,
    /// One entry per parked request for work, the youngest last.
    idle: Vec<WorkerId>,
    workers: usize,
    starting: usize,
    /// Slots that are about to ask for work: who calls again at once must not cause a cold start.
    returning: usize,
    /// When it last got a new worker, in the count of all launches: the one that waits longest for its turn comes first.
    seated: u64,
    /// Its last worker ended before it asked for work. None is kept warm then, or a broken function would be started for ever.
    broken: bool,
    /// A later revision is there, or it is retired: nothing is kept warm for it.
    superseded: bool,
}

impl Pool {
    fn new(spec: &FunctionSpec) -> Pool {
        Pool {
            spec: Arc::new(spec.clone()),
            capacity: spec.concurrency_per_worker(),
            queue: VecDeque::new(),
            idle: Vec::new(),
            workers: 0,
            starting: 0,
            returning: 0,
            seated: 0,
            broken: false,
            superseded: false,
        }
    }

    /// Workers that are kept although nothing is to do.
    fn kept(&self) -> usize {
        if self.broken || self.superseded {
            0
        } else {
            self.spec.scaling.workers_min
        }
    }
}

/// One line of [`super::Stats`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolStats {
    pub arn: String,
    pub revision: String,
    /// Processes that exist, also those that start or stop.
    pub workers: usize,
    pub starting: usize,
    /// Open requests for work.
    pub idle: usize,
    pub queued: usize,
}

pub(super) struct Pools {
    limits: Limits,
    pools: HashMap<Key, Pool>,
    seats: HashMap<WorkerId, Seat>,
    last_id: WorkerId,
    closed: bool,
}

impl Pools {
    pub(super) fn new(limits: Limits) -> Pools {
        Pools {
            limits,
            pools: HashMap::new(),
            seats: HashMap::new(),
            last_id: 0,
            closed: false,
        }
    }

    /// Gives the job to an idle worker or queues it. The job comes back when the host is closed or the queue full.
    pub(super) fn submit(
        &mut self,
        spec: &FunctionSpec,
        job: impl FnOnce(Arc<FunctionSpec>) -> Job,
    ) -> Result<Vec<Launch>, Box<Job>> {
        let key = Key::of(spec);
        if self.closed {
            return Err(Box::new(job(Arc::new(spec.clone()))));
        }
        let pool = self.pools.entry(key).or_insert_with(|| Pool::new(spec));
        let mut job = Box::new(job(Arc::clone(&pool.spec)));
        while let Some(id) = pool.idle.pop() {
            let Some(seat) = self.seats.get_mut(&id) else {
                continue;
            };
            seat.parked = seat.parked.saturating_sub(1);
            match seat.orders.send(Order::Run(job)) {
                Ok(()) => return Ok(Vec::new()),
                Err(mpsc::error::SendError(Order::Run(back))) => job = back,
                Err(_) => return Ok(Vec::new()),
            }
        }
        if pool.queue.len() >= self.limits.queued_per_function {
            return Err(job);
        }
        pool.queue.push_back(*job);
        Ok(self.plan())
    }

    /// Makes the function known: the workers that it always has are started, and former revisions keep none.
    pub(super) fn prepare(&mut self, spec: &FunctionSpec) -> Vec<Launch> {
        let key = Key::of(spec);
        for (other, pool) in &mut self.pools {
            if other.arn == key.arn {
                pool.superseded = *other != key;
            }
        }
        if spec.scaling.workers_min > 0 && !self.closed {
            self.pools.entry(key).or_insert_with(|| Pool::new(spec));
        }
        self.plan()
    }

    /// A job that its worker could not take goes to the head of the queue again.
    pub(super) fn resubmit(&mut self, job: Job) -> Result<Vec<Launch>, Box<Job>> {
        let key = Key::of(&job.spec);
        match self.pools.get_mut(&key) {
            Some(pool) if !self.closed => pool.queue.push_front(job),
            _ => return Err(Box::new(job)),
        }
        Ok(self.plan())
    }

    /// A worker asks for work.
    pub(super) fn ready(&mut self, id: WorkerId) -> Assignment {
        let yields = self.should_yield(id);
        let Some(seat) = self.seats.get_mut(&id) else {
            return Assignment::Stop;
        };
        let Some(pool) = self.pools.get_mut(&seat.key) else {
            return Assignment::Stop;
        };
        if seat.phase == Phase::Starting {
            seat.phase = Phase::Live;
            pool.starting -= 1;
            pool.broken = false;
        }
        if seat.returning > 0 {
            seat.returning -= 1;
            pool.returning -= 1;
        }
        if self.closed || seat.retired || yields || seat.phase == Phase::Stopping {
            seat.phase = Phase::Stopping;
            return Assignment::Stop;
        }
        while let Some(job) = pool.queue.pop_front() {
            if !job.reply.is_closed() {
                return Assignment::Run(Box::new(job));
            }
        }
        pool.idle.push(id);
        seat.parked += 1;
        seat.parked_at = Instant::now();
        Assignment::Park
    }

    /// A worker has answered and will ask for work again in a moment.
    pub(super) fn answered(&mut self, id: WorkerId) {
        if let Some(seat) = self.seats.get_mut(&id)
            && let Some(pool) = self.pools.get_mut(&seat.key)
        {
            seat.returning += 1;
            pool.returning += 1;
        }
    }

    /// It did not: nobody should count on it any longer.
    pub(super) fn overdue(&mut self, id: WorkerId) -> Vec<Launch> {
        if let Some(seat) = self.seats.get_mut(&id)
            && let Some(pool) = self.pools.get_mut(&seat.key)
        {
            pool.returning -= std::mem::take(&mut seat.returning);
        }
        self.plan()
    }

    /// Withdraws the parked requests of a worker that has been idle for long. False: work is already on its way to it, or it is one of
    /// those that are kept.
    pub(super) fn expire(&mut self, id: WorkerId, parked: usize) -> bool {
        match self.seats.get(&id) {
            Some(seat) if seat.parked == parked && !self.is_kept(&seat.key) => {
                self.unpark(id);
                if let Some(seat) = self.seats.get_mut(&id) {
                    seat.phase = Phase::Stopping;
                }
                true
            }
            _ => false,
        }
    }

    /// A worker that must get no more work: something of it has hung. What it runs goes on.
    pub(super) fn quit(&mut self, id: WorkerId) -> Vec<Launch> {
        self.unpark(id);
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.phase = Phase::Stopping;
        }
        self.plan()
    }

    /// A connection that asked for work is gone before work came. False: work is already on its way.
    pub(super) fn abandon(&mut self, id: WorkerId) -> bool {
        let Some(seat) = self.seats.get_mut(&id) else {
            return false;
        };
        let Some(pool) = self.pools.get_mut(&seat.key) else {
            return false;
        };
        match pool.idle.iter().position(|entry| *entry == id) {
            Some(at) => {
                pool.idle.remove(at);
                seat.parked = seat.parked.saturating_sub(1);
                true
            }
            None => false,
        }
    }

    /// The invocation that has waited longest for this worker's function: it gets the blame when the worker cannot start.
    pub(super) fn take_waiting(&mut self, id: WorkerId) -> Option<Job> {
        let key = self.seats.get(&id)?.key.clone();
        let queue = &mut self.pools.get_mut(&key)?.queue;
        std::iter::from_fn(|| queue.pop_front()).find(|job| !job.reply.is_closed())
    }

    /// Takes one invocation out of the queue; `None` when it is with a worker already.
    pub(super) fn withdraw(&mut self, key: &Key, request_id: &str) -> Option<Job> {
        let queue = &mut self.pools.get_mut(key)?.queue;
        let at = queue
            .iter()
            .position(|job| job.invocation.request_id == request_id)?;
        queue.remove(at)
    }

    /// The process of a worker is gone.
    pub(super) fn gone(&mut self, id: WorkerId) -> Vec<Launch> {
        self.unpark(id);
        if let Some(seat) = self.seats.remove(&id)
            && let Some(pool) = self.pools.get_mut(&seat.key)
        {
            pool.workers -= 1;
            pool.returning -= seat.returning;
            if seat.phase == Phase::Starting {
                pool.starting -= 1;
                pool.broken = true;
            }
            if pool.workers == 0 && pool.queue.is_empty() && pool.kept() == 0 {
                self.pools.remove(&seat.key);
            }
        }
        self.plan()
    }

    /// Stops the idle workers of a revision, and the busy ones as soon as they are idle. Returns those told to stop at once.
    pub(super) fn retire(&mut self, arn: &str, revision: Option<&str>) -> Vec<WorkerId> {
        let matches = |seat: &Seat| {
            seat.key.arn == arn && revision.is_none_or(|revision| seat.key.revision == revision)
        };
        let ids: Vec<WorkerId> = self
            .seats
            .iter()
            .filter(|(_, seat)| matches(seat))
            .map(|(id, _)| *id)
            .collect();
        for id in &ids {
            if let Some(seat) = self.seats.get_mut(id) {
                seat.retired = true;
            }
        }
        for (key, pool) in &mut self.pools {
            if key.arn == arn && revision.is_none_or(|revision| key.revision == revision) {
                pool.superseded = true;
            }
        }
        ids.into_iter()
            .filter(|id| self.stop_if_idle(*id))
            .collect()
    }

    /// Refuses further work, empties the queues into the answer and stops idle workers.
    pub(super) fn close(&mut self) -> Vec<Job> {
        self.closed = true;
        let jobs = self
            .pools
            .values_mut()
            .flat_map(|pool| pool.queue.drain(..))
            .collect();
        let ids: Vec<WorkerId> = self.seats.keys().copied().collect();
        for id in ids {
            self.stop_if_idle(id);
        }
        jobs
    }

    pub(super) fn stop_all_now(&mut self) {
        for seat in self.seats.values_mut() {
            seat.phase = Phase::Stopping;
            // A closed channel means that the supervisor is on its way out.
            drop(seat.orders.send(Order::Stop { now: true }));
        }
    }

    pub(super) fn exists(&self, id: WorkerId) -> bool {
        self.seats.contains_key(&id)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    pub(super) fn stats(&self) -> Vec<PoolStats> {
        let mut all: Vec<PoolStats> = self
            .pools
            .iter()
            .map(|(key, pool)| PoolStats {
                arn: key.arn.clone(),
                revision: key.revision.clone(),
                workers: pool.workers,
                starting: pool.starting,
                idle: pool.idle.len(),
                queued: pool.queue.len(),
            })
            .collect();
        all.sort_by(|a, b| (&a.arn, &a.revision).cmp(&(&b.arn, &b.revision)));
        all
    }

    fn unpark(&mut self, id: WorkerId) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.parked = 0;
            if let Some(pool) = self.pools.get_mut(&seat.key) {
                pool.idle.retain(|entry| *entry != id);
            }
        }
    }

    /// Only a worker whose every slot is parked is idle.
    fn stop_if_idle(&mut self, id: WorkerId) -> bool {
        let Some(seat) = self.seats.get_mut(&id) else {
            return false;
        };
        if seat.phase != Phase::Live || seat.parked == 0 {
            return false;
        }
        seat.phase = Phase::Stopping;
        drop(seat.orders.send(Order::Stop { now: false }));
        self.unpark(id);
        true
    }
}

#[cfg(test)]
#[path = "pool/tests.rs"]
mod tests;
