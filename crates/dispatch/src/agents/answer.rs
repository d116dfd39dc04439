//! How an answer comes to the agent that has asked: once. Before it is sent that is noted; a server that takes over looks whether the agent has it.

use bytes::Bytes;
use everstep_agent::{Agent, Reply};
use everstep_approval::{Reply as ApprovalReply, Request as ApprovalRequest};
use everstep_core::{ExecutionId, Failure};
use everstep_engine::{Reply as EngineReply, Request};
use serde_json::{Value, json};

use super::End;
use super::drive::{Drive, Step};
use super::note::{Asked, Stage};
use super::question::later;

/// What somebody may write.
const ANSWER_CHARACTERS_MAX: u32 = 65_536;

/// Why an agent's question has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAnswered {
    #[error("what the agent asked was refused: {reason} (E0314)")]
    Refused { reason: String },
    #[error("what the agent asked was not answered: {reason} (E0314)")]
    Late { reason: String },
    #[error("what the agent asked is not known any more (E0314)")]
    Gone,
    #[error("nobody could be asked what the agent wants to know: {0} (E0314)")]
    Unasked(everstep_engine::Error),
    #[error("the agent {agent} asks something, and its dialect has no way to answer (E0315)")]
    NoWay { agent: String },
    #[error(
        "the agent is to have access by {variable}, which is not among its question_secrets or not set in the server's environment (E0316)"
    )]
    NoSecret { variable: String },
}

impl NotAnswered {
    /// What the step's error is called.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "Agent.AnswerRefused",
            Self::Late { .. }
            | Self::Gone
            | Self::Unasked(_)
            | Self::NoWay { .. }
            | Self::NoSecret { .. } => "Agent.NotAnswered",
        }
    }
}

impl From<NotAnswered> for End {
    fn from(why: NotAnswered) -> Self {
        let text = why.to_string();
        let mut letters = text.chars();
        let text = letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect::<String>());
        Self::Failed(Failure::new(why.kind(), text.unwrap_or_default()))
    }
}

/// What people have said.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Words(Value),
    /// The name of a variable, whose value nothing but the agent gets.
    Secret(String),
}

impl Drive<'_> {
    /// Brings the answer to the agent, or gives up when there is none.
    pub(super) async fn decided(&mut self, agent: &Agent, asked: Asked) -> Step {
        let result = match self.result(&asked).await {
            Ok(result) => result,
            Err(step) => return step,
        };
        let payload = match said(&result).and_then(|said| self.payload(said)) {
            Ok(payload) => payload,
            Err(why) => {
                // Where the task has ended the question was withdrawn, and nobody waits for this failure.
                return match self.alive().await {
                    Ok(()) => Step::End(why.into()),
                    Err(step) => step,
                };
            }
        };
        let is_first = asked.stage == Stage::Open;
        self.note.question = Some(Asked {
            stage: Stage::Answering,
            ..asked
        });
        if let Err(step) = self.write().await {
            return step;
        }
        self.bring(agent, payload, is_first).await
    }

    /// What people have said, as the approval has it.
    async fn result(&self, asked: &Asked) -> Result<Value, Step> {
        let Ok(approval) = asked.approval.parse::<ExecutionId>() else {
            return Err(Step::End(NotAnswered::Gone.into()));
        };
        let describe = Request::Approval(ApprovalRequest::Describe);
        match self.handle.report(approval, describe).await {
            Ok(EngineReply::Approval(ApprovalReply::Described(described))) => {
                let result = everstep_approval::result(&described.state);
                result.ok_or_else(|| Step::End(NotAnswered::Gone.into()))
            }
            Ok(_) | Err(everstep_engine::Error::UnknownExecution { .. }) => {
                Err(Step::End(NotAnswered::Gone.into()))
            }
            Err(error) => Err(later(error).await),
        }
    }

    /// What the agent gets.
    fn payload(&self, said: Said) -> Result<Bytes, NotAnswered> {
        let value = match said {
            Said::Words(value) => value,
            Said::Secret(variable) => {
                let allowed = &self.config.question_secrets;
                let value = std::env::var(&variable).ok();
                let value = value.filter(|value| !value.is_empty() && allowed.contains(&variable));
                match value {
                    Some(value) => json!({ "credential": value }),
                    None => return Err(NotAnswered::NoSecret { variable }),
                }
            }
        };
        Ok(value.to_string().into())
    }

    async fn bring(&mut self, agent: &Agent, payload: Bytes, is_first: bool) -> Step {
        let Some(task) = self.note.task.clone() else {
            return Step::End(NotAnswered::Gone.into());
        };
        let reply = Reply {
            message_id: self.errand.seat.id("answer", self.note.questions),
            payload,
            traceparent: self.errand.trace.parent.clone(),
        };
        let desk = std::sync::Arc::clone(&self.desk);
        let call = desk.call(self.handle).await;
        let client = &self.agents.client;
        let brought = async {
            let known = match is_first {
                true => None,
                false => client.has_answer(agent, &task, &reply.message_id).await?,
            };
            if known != Some(true) {
                client.answer(agent, &task, &reply).await?;
            }
            Ok(())
        };
        match brought.await {
            Ok(()) => {
                call.answered();
                self.tries = 0;
                self.note.error = None;
                if let Some(asked) = &mut self.note.question {
                    asked.stage = Stage::Answered;
                }
                // What it makes of the answer, it says when it is asked.
                self.pause_ms = u64::from(self.config.poll_first_ms);
                self.going_on().await
            }
            Err(error) => self.fault(call, &error, true).await,
        }
    }
}

/// What somebody has to fill in. A secret is named and never written: what is written stands in the journal.
pub(super) fn form(is_access: bool, secrets: &[String]) -> Value {
    let (name, field) = match (is_access, secrets) {
        (false, _) => (
            "answer",
            json!({ "type": "string", "title": "Answer", "minLength": 1, "maxLength": ANSWER_CHARACTERS_MAX }),
        ),
        (true, []) => (
            "granted",
            json!({
                "type": "boolean", "const": true, "title": "The agent has access now",
                "description": "Give it access where it says, not here: nothing secret belongs into this form.",
            }),
        ),
        (true, secrets) => (
            "secret",
            json!({
                "enum": secrets, "title": "Secret",
                "description": "The server's environment variable whose value the agent gets. The value is shown nowhere.",
            }),
        ),
    };
    json!({ "type": "object", "properties": { name: field }, "required": [name], "additionalProperties": false })
}

/// The answer in the result of an approval. A text that is an object or a list is taken as that.
fn said(result: &Value) -> Result<Said, NotAnswered> {
    let text = |name: &str| result.get(name).and_then(Value::as_str);
    let reason = || text("reason").unwrap_or("nobody has answered").to_owned();
    match text("decision") {
        Some("APPROVED") => {}
        // That it is to ask otherwise is an answer, too.
        Some("CHANGES_REQUESTED") => return Ok(Said::Words(text("feedback").into())),
        Some("REJECTED") => return Err(NotAnswered::Refused { reason: reason() }),
        _ => return Err(NotAnswered::Late { reason: reason() }),
    }
    let filled = |name: &str| result.pointer("/form").and_then(|form| form.get(name));
    if let Some(variable) = filled("secret").and_then(Value::as_str) {
        return Ok(Said::Secret(variable.to_owned()));
    }
    if filled("granted").is_some() {
        return Ok(Said::Words(json!({ "granted": true })));
    }
    let answer = filled("answer").and_then(Value::as_str);
    let answer = answer.ok_or(NotAnswered::Gone)?;
    Ok(Said::Words(match serde_json::from_str(answer) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => value,
        _ => answer.into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approved(form: Value) -> Value {
        json!({ "decision": "APPROVED", "approved": true, "form": form, "feedback": "" })
    }

    #[test]
    fn an_answer_is_what_was_filled_in() {
        for (filled, value) in [
            (json!({ "answer": "heat" }), json!("heat")),
            (json!({ "answer": "12" }), json!("12")),
            (json!({ "answer": "{\"a\": 1}" }), json!({ "a": 1 })),
            (json!({ "granted": true }), json!({ "granted": true })),
        ] {
            let said = said(&approved(filled)).expect("an answer");
            assert_eq!(said, Said::Words(value));
        }
        let secret = said(&approved(json!({ "secret": "API_KEY" }))).expect("a name");
        assert_eq!(secret, Said::Secret("API_KEY".to_owned()));
        let changes = json!({ "decision": "CHANGES_REQUESTED", "feedback": "ask in English" });
        let changes = said(&changes).expect("words");
        assert_eq!(changes, Said::Words(json!("ask in English")));
    }

    #[test]
    fn what_is_no_answer_fails_the_step_with_its_reason() {
        let rejected = json!({ "decision": "REJECTED", "reason": "not our business" });
        for (result, kind, word) in [
            (rejected, "Agent.AnswerRefused", "not our business (E0314)"),
            (
                json!({ "decision": "EXPIRED", "reason": "Approval timed out" }),
                "Agent.NotAnswered",
                "Approval timed out (E0314)",
            ),
            (
                json!({ "decision": "CANCELLED" }),
                "Agent.NotAnswered",
                "nobody has answered (E0314)",
            ),
        ] {
            let End::Failed(failure) = End::from(said(&result).expect_err("no answer")) else {
                panic!("another end");
            };
            assert_eq!(failure.kind.as_deref(), Some(kind));
            let text = failure.message.unwrap_or_default();
            assert!(text.starts_with("What the agent asked was"), "{text}");
            assert!(text.ends_with(word), "{text}");
        }
    }

    #[test]
    fn a_secret_is_chosen_by_its_name_and_never_written() {
        let secrets = ["A".to_owned(), "B".to_owned()];
        let named = form(true, &secrets);
        assert_eq!(named["properties"]["secret"]["enum"], json!(["A", "B"]));
        assert_eq!(form(true, &[])["required"], json!(["granted"]));
        assert_eq!(form(false, &secrets)["required"], json!(["answer"]));
    }
}
