//! What is told of a task: to the engine, which keeps the note, and to the agent, where it pushes to.

use everstep_agent::{Agent, Push, TaskRef};
use everstep_core::Settlement;
use everstep_core::token::Purpose;
use everstep_engine::Error;
use secrecy::SecretString;

use super::drive::{Drive, Step};
use super::note::Phase;
use super::{End, config};

impl Drive<'_> {
    /// Writes the note down, where it says something new. An end, when nobody waits for the task any more.
    pub(super) async fn write(&mut self) -> Result<(), Step> {
        let note = self.note.write();
        if self.written.as_ref() == Some(&note) {
            return self.alive().await;
        }
        let seat = self.errand.seat;
        let noted = self.handle.note_operation(
            seat.execution,
            seat.operation,
            seat.generation,
            note.clone(),
        );
        self.stay(noted.await).await?;
        self.written = Some(note);
        Ok(())
    }

    /// Says that the task is alive.
    pub(super) async fn alive(&mut self) -> Result<(), Step> {
        let seat = self.errand.seat;
        let beat = self
            .handle
            .beat(seat.execution, seat.operation, seat.generation);
        self.stay(beat.await).await
    }

    async fn stay(&self, answer: Result<Settlement, Error>) -> Result<(), Step> {
        match answer {
            Ok(Settlement::Applied) => Ok(()),
            Ok(_) | Err(Error::UnknownExecution { .. }) => {
                if self.in_doubt || self.note.phase == Phase::Out {
                    self.agents
                        .call_off(self.handle, self.errand.seat, &self.note)
                        .await;
                }
                Err(Step::End(End::Gone))
            }
            Err(Error::Ended) => Err(Step::End(End::NotYet)),
            Err(error) => {
                tracing::warn!(execution = %self.errand.seat.execution, %error, "the state of an agent's task was not noted");
                Ok(())
            }
        }
    }

    /// Where the agent says that the task has moved; in dialects that can't be asked, where it brings the result.
    pub(super) async fn push(&self, agent: &Agent) -> Option<Push> {
        let home = self.agents.options.callback_url.as_deref()?;
        let profile = self.agents.client.profile(agent).await.ok()?;
        let seat = &self.errand.seat;
        let (path, purpose) = match profile.dialect.has_look_up() {
            true if !self.config.push => return None,
            true => ("a2a/push", Purpose::Push),
            false => ("callbacks", Purpose::Callback),
        };
        let id = self.push_id();
        let token = self
            .handle
            .token(purpose, seat.execution, seat.operation, seat.generation, 0);
        Some(Push {
            url: reqwest::Url::parse(&format!("{}/{path}/{id}", home.trim_end_matches('/')))
                .ok()?,
            id,
            token: SecretString::from(token),
        })
    }

    fn push_id(&self) -> String {
        self.errand.seat.id("push", self.note.dispatch)
    }

    /// Tells the agent that nobody listens any more. What the task has come to does not wait for that.
    pub(super) fn drop_push(&self) {
        let Some(task) = self.pushing().cloned() else {
            return;
        };
        let agent = config::agent(&self.errand.agent, &self.config, &self.errand.trace);
        let Ok(agent) = agent else { return };
        let (client, id) = (self.agents.client.clone(), self.push_id());
        tokio::spawn(async move {
            if let Err(error) = client.drop_push(&agent, &task, &id).await {
                tracing::debug!(%error, "an agent keeps a push address that is not used any more");
            }
        });
    }

    /// The task, if the agent was asked to tell of it.
    fn pushing(&self) -> Option<&TaskRef> {
        let task = self.note.task.as_ref()?;
        let asked = self.config.push && self.agents.options.callback_url.is_some();
        (asked && task.dialect.has_look_up()).then_some(task)
    }
}
