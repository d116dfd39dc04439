//! What an agent asks of people: an approval with a form for the answer, which is an execution of its own. It waits as long as the task does,
//! over restarts, and the same question is asked once: its name follows from the task's place and the number of the question. It is withdrawn
//! when the task ends, or when the agent goes on without an answer.

use std::collections::BTreeMap;
use std::time::Duration;

use everstep_agent::{Agent, Question};
use everstep_approval::{
    APPROVAL_DEFINITION, Approver, Escalation, Expiry, Request as ApprovalRequest, Settings, Via,
    canonical,
};
use everstep_core::token::{Purpose, Token};
use everstep_core::{Definition, Digest, ExecutionId, Timestamp};
use everstep_engine::catalogue::machine_name;
use everstep_engine::{APPROVAL, Error, Request, StartExecution};
use serde_json::{Value, json};

use super::End;
use super::answer::{NotAnswered, form};
use super::drive::{Drive, Step};
use super::note::{Asked, Stage, cut};

/// How long a question and its answer are kept after the end.
const RETENTION_MS: u64 = 90 * 24 * 3_600_000;
/// What people are shown of a question, as text and as data.
const SUMMARY_BYTES_MAX: usize = 16 * 1024;
const DATA_BYTES_MAX: usize = 256 * 1024;
/// Of the text, in a notice.
const NOTICE_LETTERS_MAX: usize = 1_000;
/// Why a question is withdrawn.
const CHANGED: &str = "The agent asks something else";
pub(super) const WENT_ON: &str = "The agent has gone on without an answer";

impl Asked {
    fn of(question: &Question, is_access: bool, approval: ExecutionId) -> Self {
        Self {
            digest: digest(question, is_access),
            id: id(question),
            approval: approval.to_string(),
            stage: Stage::Open,
        }
    }

    /// Whether it is what the agent asks now. While nobody has answered, the same words are the same question; after that an agent may ask once
    /// more with the same words, and tells that by the question's id.
    fn is(&self, question: &Question, is_access: bool) -> bool {
        let same_words = self.digest == digest(question, is_access);
        if self.stage == Stage::Open {
            return same_words;
        }
        // Some agents take their words away with the answer, and the state a moment later.
        let fits = same_words || (question.text.is_empty() && question.data.is_none());
        let others = self.id.as_ref().zip(id(question));
        fits && others.is_none_or(|(ours, theirs)| *ours == theirs)
    }
}

impl Drive<'_> {
    /// The agent waits for an answer: people are asked, and what they say is brought to it.
    pub(super) async fn question(
        &mut self,
        agent: &Agent,
        question: Question,
        is_access: bool,
    ) -> Step {
        let task = self.note.task.as_ref();
        if !task.is_some_and(|task| task.dialect.takes_answers()) {
            let agent = self.errand.agent.clone();
            return Step::End(NotAnswered::NoWay { agent }.into());
        }
        let asked = match self.asked(&question, is_access).await {
            Ok(asked) => asked,
            Err(step) => return step,
        };
        self.note.message = Some(question.text);
        self.note.question = Some(asked.clone());
        if let Err(step) = self.write().await {
            return step;
        }
        match asked.stage {
            Stage::Open => self.wait_for_people(agent, asked).await,
            Stage::Answering => self.decided(agent, asked).await,
            // It has the answer, and has not come to read it yet.
            Stage::Answered => Step::On,
        }
    }

    /// The question as it was asked before, or is now.
    async fn asked(&mut self, question: &Question, is_access: bool) -> Result<Asked, Step> {
        if let Some(asked) = &self.note.question
            && asked.is(question, is_access)
        {
            let id = id(question).or_else(|| asked.id.clone());
            return Ok(Asked {
                id,
                ..asked.clone()
            });
        }
        self.withdraw(CHANGED).await?;
        self.ask_people(question, is_access).await
    }

    /// Asks people. A repetition finds what was asked.
    async fn ask_people(&mut self, question: &Question, is_access: bool) -> Result<Asked, Step> {
        let content = self.content(question, is_access).await?;
        loop {
            let start = self.approval(&content);
            match self.handle.start(start).await {
                Ok(started) => return Ok(Asked::of(question, is_access, started.id)),
                // The agent asked something else when this server ended, which nobody wants to know any more.
                Err(Error::NameTaken { id }) => {
                    self.take_back(id, CHANGED).await?;
                    self.note.questions += 1;
                }
                Err(error) => return Err(later(error).await),
            }
        }
    }

    /// What people are shown.
    async fn content(&self, question: &Question, is_access: bool) -> Result<Value, Step> {
        let row = match self.handle.row(self.errand.seat.execution).await {
            Ok(row) => row,
            Err(error) => return Err(later(error).await),
        };
        let agent = &self.errand.agent;
        let (title, silent) = match is_access {
            true => (
                format!("The agent {agent} asks for access"),
                "The agent wants access and does not say to what.",
            ),
            false => (
                format!("The agent {agent} asks"),
                "The agent wants to know something and does not say what.",
            ),
        };
        let mut summary = match question.text.trim() {
            "" => silent.to_owned(),
            _ => question.text.clone(),
        };
        cut(&mut summary, SUMMARY_BYTES_MAX);
        let data = question.data.as_deref();
        let data = data.filter(|data| data.len() <= DATA_BYTES_MAX);
        let data = data.and_then(|data| serde_json::from_slice::<Value>(data).ok());
        let definition = machine_name(&row.definition).unwrap_or(&row.definition);
        Ok(json!({
            "title": title,
            "summary": summary,
            "details": {
                "agent": agent,
                "workflow": row.name,
                "definition": definition,
                "execution": row.id.to_string(),
                "asked": data,
            },
            "form": form(is_access, &self.config.question_secrets),
            "artifacts": [],
        }))
    }

    /// The approval's start: whatever it depends on that a repetition may see otherwise stands in its settings.
    fn approval(&self, content: &Value) -> StartExecution {
        let settings = self.settings(content);
        let whole = json!({
            "content": content, "asked": Value::Null, "requester": settings.requester, "starter": Value::Null,
            "previous": Value::Null, "callback": Value::Null,
        });
        StartExecution {
            definition: Definition {
                machine: APPROVAL,
                name: APPROVAL_DEFINITION.to_owned(),
                version: String::new(),
            },
            name: Some(self.errand.seat.id("question", self.note.questions)),
            input: Some(canonical(&whole).into()),
            settings: settings.encode(),
            retention_ms: RETENTION_MS,
            parent: None,
            attributes: BTreeMap::new(),
        }
    }

    fn settings(&self, content: &Value) -> Settings {
        let text = |path: &str| {
            content
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (config, seat) = (&self.config, &self.errand.seat);
        let escalation = &config.questions_escalate_to;
        let escalation = (!escalation.is_empty()).then(|| Escalation {
            to: approvers(escalation),
            after_ms: None,
        });
        let home = self.agents.options.callback_url.as_deref();
        let home = home.unwrap_or_default().trim_end_matches('/');
        // The task itself is what waits: its end withdraws the question. The answer is read, and the agent's result settles the task.
        let waiting = Token {
            purpose: Purpose::Task,
            execution: seat.execution,
            operation: seat.operation,
            generation: seat.generation,
            position: 0,
        };
        Settings {
            title: text("/title").to_owned(),
            digest: everstep_approval::digest(content),
            requester: Some(format!("agent {}", self.errand.agent)),
            starter: None,
            approvers: approvers(&config.questions_to),
            quorum: 1,
            quorum_against: 1,
            self_approval: true,
            delegation: true,
            due: self.answer_due(escalation.is_some()),
            on_expiry: match escalation {
                Some(_) => Expiry::Escalate,
                None => Expiry::Reject,
            },
            reminders_ms: Vec::new(),
            escalation,
            waiting: waiting.address(),
            settles: false,
            round: 1,
            previous: None,
            pages: format!("{home}/approvals/"),
            has_form: true,
            summary: text("/summary").chars().take(NOTICE_LETTERS_MAX).collect(),
            workflow: Some(text("/details/workflow").to_owned()),
            links_ms: None,
        }
    }

    /// Until when somebody is asked: as long as is configured, at most as long as the task has. Those who are asked next have half of that.
    fn answer_due(&self, is_halved: bool) -> Timestamp {
        let now = self.handle.clock().now();
        let left = self.due().since_ms(now);
        let own = self.config.question_timeout_s;
        let wanted = match own {
            Some(seconds) => u64::from(seconds) * 1_000,
            None if is_halved => left / 2,
            None => left,
        };
        now.after_ms(wanted.min(left).max(1))
    }

    /// Until somebody has answered, the agent says that something has happened, or it is time to ask it.
    async fn wait_for_people(&mut self, agent: &Agent, asked: Asked) -> Step {
        let Ok(approval) = asked.approval.parse::<ExecutionId>() else {
            return Step::End(NotAnswered::Gone.into());
        };
        // What comes next is to ask the agent.
        self.pause_ms = 0;
        let most = Duration::from_millis(self.config.poll_max_ms.into());
        let ended = tokio::select! {
            ended = self.handle.wait(approval) => ended,
            () = self.bell.moved.notified() => return Step::On,
            () = tokio::time::sleep(most) => return Step::On,
        };
        match ended {
            Ok(_) => self.decided(agent, asked).await,
            Err(Error::UnknownExecution { .. }) => Step::End(NotAnswered::Gone.into()),
            Err(error) => later(error).await,
        }
    }

    /// Nobody needs to answer any more.
    pub(super) async fn withdraw(&mut self, why: &str) -> Result<(), Step> {
        let Some(asked) = self.note.question.clone() else {
            return Ok(());
        };
        if asked.stage == Stage::Open
            && let Ok(approval) = asked.approval.parse()
        {
            self.take_back(approval, why).await?;
        }
        self.note.question = None;
        self.note.message = None;
        self.note.questions += 1;
        Ok(())
    }

    async fn take_back(&self, approval: ExecutionId, why: &str) -> Result<(), Step> {
        let cancel = ApprovalRequest::Cancel {
            reason: why.to_owned(),
            by: None,
            via: Via::Server,
        };
        let cancelled = self
            .handle
            .report(approval, Request::Approval(cancel))
            .await;
        match cancelled {
            // Answered too late is withdrawn as well.
            Ok(_) | Err(Error::UnknownExecution { .. }) => Ok(()),
            Err(error) => Err(later(error).await),
        }
    }
}

/// What is done about an engine that can't be asked now.
pub(super) async fn later(error: Error) -> Step {
    match error {
        Error::Ended => Step::End(End::NotYet),
        Error::Overloaded { retry_after_s, .. } => {
            tokio::time::sleep(Duration::from_secs(retry_after_s.into())).await;
            Step::On
        }
        error => Step::End(NotAnswered::Unasked(error).into()),
    }
}

fn approvers(names: &[String]) -> Vec<Approver> {
    let names = names.iter();
    let approvers = names.map(|name| match name.strip_prefix("group:") {
        Some(group) => Approver::Group(group.to_owned()),
        None => Approver::User(name.clone()),
    });
    approvers.collect()
}

fn digest(question: &Question, is_access: bool) -> String {
    let data = question.data.as_deref().unwrap_or_default();
    let kind = [u8::from(is_access)];
    short(&[&kind, question.text.as_bytes(), &[0], data].concat())
}

fn id(question: &Question) -> Option<String> {
    question.id.as_deref().map(|id| short(id.as_bytes()))
}

fn short(bytes: &[u8]) -> String {
    let mut hex = Digest::of(bytes).hex();
    hex.truncate(32);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    use bytes::Bytes;
    use everstep_core::Shard;

    fn question(id: Option<&str>, text: &str) -> Question {
        Question {
            id: id.map(str::to_owned),
            text: text.to_owned(),
            data: None,
        }
    }

    fn asked(id: Option<&str>, text: &str, stage: Stage) -> Asked {
        let approval = ExecutionId::new(1, 2, Shard(3));
        Asked {
            stage,
            ..Asked::of(&question(id, text), false, approval)
        }
    }

    #[test]
    fn a_question_is_known_by_its_words() {
        let open = asked(Some("1"), "which?", Stage::Open);
        assert!(open.is(&question(Some("1"), "which?"), false));
        // An agent that numbers its words anew each time asks no more often.
        assert!(open.is(&question(Some("2"), "which?"), false));
        assert!(!open.is(&question(Some("1"), "who?"), false));
        assert!(!open.is(&question(Some("1"), "which?"), true));
        let data = Question {
            data: Some(Bytes::from_static(b"1")),
            ..question(Some("1"), "which?")
        };
        assert!(!open.is(&data, false));
    }

    #[test]
    fn the_same_words_after_an_answer_are_a_question_of_their_own() {
        for stage in [Stage::Answering, Stage::Answered] {
            let known = asked(Some("1"), "which?", stage);
            assert!(known.is(&question(Some("1"), "which?"), false));
            assert!(!known.is(&question(Some("2"), "which?"), false));
            assert!(known.is(&question(Some("1"), ""), false));
            assert!(!known.is(&question(Some("2"), ""), false));
            // Where they can't be told apart it is the one that was answered.
            assert!(known.is(&question(None, "which?"), false));
            assert!(asked(None, "which?", stage).is(&question(None, "which?"), false));
        }
    }

    #[test]
    fn people_and_groups_are_told_apart() {
        let names = ["ann".to_owned(), "group:board".to_owned()];
        let asked = [
            Approver::User("ann".to_owned()),
            Approver::Group("board".to_owned()),
        ];
        assert_eq!(approvers(&names), asked);
    }
}
