//! While the agent has the task: it is asked at growing intervals, and at once when it says that something has happened.

use std::time::Duration;

use everstep_agent::{Agent, State, Updates};

use super::drive::{Drive, Step};

/// Between two reports of progress that are written down.
pub(super) const REPORT: Duration = Duration::from_millis(500);

/// What ended a pause.
enum Woken {
    Time,
    /// The agent says that the task has moved.
    Moved,
    Stream(Option<State>),
}

impl Drive<'_> {
    /// Waits for a while, and asks how far the task is.
    pub(super) async fn watch(&mut self, agent: &Agent) -> Step {
        if !self.stream_ended {
            self.follow(agent).await;
        }
        let pause = Duration::from_millis(self.pause_ms);
        let woken = tokio::select! {
            () = tokio::time::sleep(pause) => Woken::Time,
            () = self.bell.moved.notified() => Woken::Moved,
            told = next(&mut self.updates) => Woken::Stream(told),
        };
        match woken {
            Woken::Time => {
                self.stream_ended = false;
                self.grow();
            }
            Woken::Moved => self.pause_ms = u64::from(self.config.poll_first_ms),
            Woken::Stream(Some(State::Working(progress))) => {
                self.note.tell(progress);
                self.heard = self.handle.clock().now();
                tokio::time::sleep(REPORT).await;
                return self.going_on().await;
            }
            // An end, a question, or the end of the stream: what it is, the agent says when it is asked.
            Woken::Stream(Some(_)) => {}
            // It is followed again after the next pause: one that ends at once would be asked for without end.
            Woken::Stream(None) => {
                self.updates = None;
                self.stream_ended = true;
            }
        }
        self.ask(agent).await
    }

    /// Half as long again, with some chance so that many tasks do not ask at once.
    fn grow(&mut self) {
        let most = u64::from(self.config.poll_max_ms);
        let first = u64::from(self.config.poll_first_ms);
        let next = (self.pause_ms + self.pause_ms / 2).clamp(first, most.max(first));
        self.pause_ms = next - fastrand::u64(..=next / 10);
    }

    async fn ask(&mut self, agent: &Agent) -> Step {
        let Some(task) = self.note.task.clone() else {
            // It can't be asked: its callback settles, and is seen here by what is not waited for any more.
            return match self.alive().await {
                Ok(()) => Step::On,
                Err(step) => step,
            };
        };
        let desk = std::sync::Arc::clone(&self.desk);
        let call = desk.call(self.handle).await;
        match self.agents.client.get(agent, &task).await {
            Ok(said) => {
                call.answered();
                self.heard(agent, said).await
            }
            Err(error) => self.fault(call, &error, true).await,
        }
    }

    /// Follows the agent's stream, where that is wanted and there is one.
    async fn follow(&mut self, agent: &Agent) {
        let (Some(task), None, true) = (&self.note.task, &self.updates, self.config.stream) else {
            return;
        };
        match self.agents.client.subscribe(agent, task).await {
            Ok(updates) => self.updates = Some(updates),
            Err(error) => {
                tracing::debug!(%error, "an agent's stream can't be followed");
                // The task is asked for all the same.
                self.config.stream = false;
            }
        }
    }
}

/// The next that a stream tells; `None` at its end, and never without a stream.
async fn next(updates: &mut Option<Updates>) -> Option<State> {
    match updates {
        Some(stream) => stream.next().await.ok().flatten().map(|said| said.state),
        None => std::future::pending().await,
    }
}
