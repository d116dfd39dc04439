//! Time and memory: what becomes of a worker that takes too much of either.

use super::*;
use crate::host::memory;

impl Worker {
    /// The time of some invocation is over. A process that runs nothing else is killed. While it runs others, only the late ones are given
    /// up: it gets no more work, the others have the time that is left to them, and then it is killed and replaced.
    pub(super) fn time_out(&mut self, now: Instant) {
        for running in &mut self.running {
            running.timed_out = now >= running.deadline;
        }
        if self.running.iter().all(|running| running.timed_out) {
            return self.kill();
        }
        self.hung = true;
        if self.ending == Ending::No {
            self.ending = Ending::WhenIdle;
        }
        let (late, others) = std::mem::take(&mut self.running)
            .into_iter()
            .partition(|running| running.timed_out);
        self.running = others;
        for running in late {
            self.remember(&running.job.invocation.request_id);
            let error = self.timed_out(&running);
            self.settle(running, Err(error));
        }
        let mut launches = self.shared.pools().quit(self.id);
        for job in std::mem::take(&mut self.pending) {
            launches.extend(self.give_back(*job));
        }
        self.shared.start(launches);
    }

    /// An invocation that this worker will not run goes to another one.
    pub(super) fn give_back(&self, job: Job) -> Vec<Launch> {
        let answer = self.shared.pools().resubmit(job);
        answer.unwrap_or_else(|job| {
            drop(job.reply.send(Outcome::unserved(answer::host_closed())));
            Vec::new()
        })
    }

    pub(super) fn timed_out(&mut self, running: &Running) -> FunctionError {
        let request_id = &running.job.invocation.request_id;
        Counters::count(&self.shared.counters.timeouts);
        let line = format!(
            "{} {request_id} {}",
            report::now(),
            timeout_text(running.allowed)
        );
        self.journal.platform(Some(request_id), line);
        FunctionError::timed_out(request_id, running.allowed)
    }

    /// When the worker's memory has to be looked at next; `None` while it is idle or its memory is its own affair.
    pub(super) fn memory_look(&self) -> Option<Instant> {
        let busy = self.init.is_none() || !self.running.is_empty();
        (busy && self.shared.options.memory_enforced).then_some(self.next_look)
    }

    /// Kills a worker that takes more memory than its function has. True if it did.
    pub(super) fn kill_for_memory(&mut self, now: Instant) -> bool {
        if self.memory_look().is_none_or(|look| now < look) {
            return false;
        }
        self.next_look = now + self.shared.options.memory_look;
        let limit_bytes = u64::from(self.spec.memory_mb) * 1024 * 1024;
        let Some(taken) = memory::excess(self.process.pid, limit_bytes) else {
            return false;
        };
        let text = format!(
            "{} the process took {} MB of {} MB and is killed",
            report::now(),
            taken.div_ceil(1024 * 1024),
            self.spec.memory_mb
        );
        self.journal.platform(None, text);
        self.out_of_memory = true;
        self.kill();
        true
    }

    /// Type of the error of an invocation whose process has gone.
    pub(super) fn exit_type(&self) -> &'static str {
        if self.out_of_memory {
            "Runtime.OutOfMemory"
        } else {
            "Runtime.ExitError"
        }
    }
}
