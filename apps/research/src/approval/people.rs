//! Everstep's approvals as far as the workflow uses them: it asks, and the decision comes back by the wait's own callback.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Made, Review, SHOWN_BYTES_MAX};
use crate::artifact::{Pending, content_bytes};
use crate::error::{Kind, WorkflowStateError};
use crate::message::{beginning, hex_digest};
use crate::record::Record;
use crate::settings::Settings;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const TITLE_LETTERS_MAX: usize = 200;
const SUMMARY_BYTES_MAX: usize = 8 * 1024;
/// What a server answers for an address that it does not know.
const UNKNOWN_ROUTE: &str = "E0111";

/// A question to people, under a name that the same question has again.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The same for every run of one round's step.
    pub name: String,
    /// As `POST /approvals` takes it.
    pub body: Value,
}

/// The approval that a question has become.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Asked {
    /// Its id.
    pub id: String,
    /// Its page.
    pub url: String,
}

/// Where people are asked.
pub trait Approvals: Send + Sync {
    /// Whether there are approvals here at all.
    fn are_offered(&self) -> bool;

    /// Asks; the same question again is the same approval. `None` from a server that knows no approvals.
    fn ask<'a>(
        &'a self,
        question: &'a Question,
    ) -> Pending<'a, Result<Option<Asked>, WorkflowStateError>>;
}

/// On AWS people decide by the seed's routes alone.
#[derive(Debug, Clone, Copy)]
pub struct NoApprovals;

impl Approvals for NoApprovals {
    fn are_offered(&self) -> bool {
        false
    }

    fn ask<'a>(
        &'a self,
        _: &'a Question,
    ) -> Pending<'a, Result<Option<Asked>, WorkflowStateError>> {
        Box::pin(async { Ok(None) })
    }
}

/// `POST /approvals` of the server that runs the workflow.
#[derive(Debug, Clone)]
pub struct ServerApprovals {
    client: Client,
    base: String,
}

impl ServerApprovals {
    /// `base` is the server's address; the client brings the worker's token.
    #[must_use]
    pub fn new(client: Client, base: &str) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { client, base }
    }

    async fn send(&self, question: &Question) -> Result<Option<Asked>, WorkflowStateError> {
        let address = format!("{}/approvals", self.base);
        let request = self.client.post(address).json(&question.body);
        let request = request.header("idempotency-key", &question.name);
        let answer = request.timeout(REQUEST_TIMEOUT).send().await;
        let answer = answer.map_err(|_| unreachable())?;
        match answer.status() {
            status if status.is_success() => read(answer).await.map(Some),
            StatusCode::METHOD_NOT_ALLOWED => Ok(None),
            // Links are signed anew at each run: what the run before asked is asked.
            StatusCode::CONFLICT => self.asked_before(&question.name).await.map(Some),
            status => {
                let told = problem(answer).await;
                if status == StatusCode::NOT_FOUND && told.is_none() {
                    return Ok(None);
                }
                let message = told.unwrap_or_else(|| format!("the server answered {status}"));
                Err(fault(Kind::of_status(status.as_u16()), &message))
            }
        }
    }

    async fn asked_before(&self, name: &str) -> Result<Asked, WorkflowStateError> {
        let address = format!("{}/approvals/{name}", self.base);
        let request = self.client.get(address).timeout(REQUEST_TIMEOUT);
        let answer = request.send().await.map_err(|_| unreachable())?;
        match answer.status() {
            status if status.is_success() => read(answer).await,
            // Then it was the round before that stands in the way: it hears in a moment that its wait is over.
            StatusCode::NOT_FOUND => Err(fault(
                Kind::Transient,
                "the approval of the round before is still open",
            )),
            status => Err(fault(
                Kind::of_status(status.as_u16()),
                &format!("the server answered {status}"),
            )),
        }
    }
}

impl Approvals for ServerApprovals {
    fn are_offered(&self) -> bool {
        true
    }

    fn ask<'a>(
        &'a self,
        question: &'a Question,
    ) -> Pending<'a, Result<Option<Asked>, WorkflowStateError>> {
        Box::pin(self.send(question))
    }
}

async fn read(answer: Response) -> Result<Asked, WorkflowStateError> {
    let body = answer.bytes().await.map_err(|_| unreachable())?;
    serde_json::from_slice(&body).map_err(|_| fault(Kind::Corrupt, "the answer is no approval"))
}

/// What a problem document says; a server without approvals sends none for their address.
async fn problem(answer: Response) -> Option<String> {
    let document: Value = serde_json::from_slice(&answer.bytes().await.ok()?).ok()?;
    let text = |member: &str| document.get(member).and_then(Value::as_str);
    let (code, detail) = (text("code")?, text("detail")?);
    (code != UNKNOWN_ROUTE).then(|| format!("{detail} ({code})"))
}

fn unreachable() -> WorkflowStateError {
    fault(Kind::Transient, "the server cannot be reached")
}

fn fault(kind: Kind, text: &str) -> WorkflowStateError {
    WorkflowStateError {
        kind,
        message: format!("asking for the approval: {text}"),
    }
}

impl Question {
    /// What people are asked in one round. `link` leads to what is too long to be shown.
    #[must_use]
    pub fn new(
        settings: &Settings,
        record: &Record,
        made: &Value,
        link: Option<&str>,
        review: &Review,
    ) -> Self {
        let id = record.workflow_id.as_str();
        let bytes = content_bytes(made);
        let what = review.made.as_str();
        let mut details = json!({
            "workflow_id": id,
            "topic": beginning(&record.topic, SUMMARY_BYTES_MAX),
            "round": review.round,
            "callback_url": settings.approve_url(id),
            // Of the bytes that lie behind the link.
            (format!("{what}_sha256")): hex_digest(Sha256::digest(&bytes).as_slice()),
        });
        if bytes.len() <= SHOWN_BYTES_MAX
            && let Some(details) = details.as_object_mut()
        {
            details.insert(what.to_owned(), made.clone());
        }
        let artifacts: Vec<Value> = link
            .iter()
            .map(|url| json!({ "title": format!("The whole {what}"), "url": url }))
            .collect();
        let mut body = json!({
            "title": title(review.made, &record.topic),
            "summary": summary(made),
            "details": details,
            "artifacts": artifacts,
            "approvers": settings.approvers,
            "quorum": settings.approval_quorum,
            "reminders": settings.approval_reminders,
            "expires_in": settings.approval_timeout.as_secs(),
            "callback": review.callback,
        });
        if let Some(body) = body.as_object_mut() {
            if let Some(previous) = &review.previous {
                body.insert("previous".to_owned(), previous.as_str().into());
            }
            if let Some(links) = &settings.approval_links {
                body.insert("links".to_owned(), links.clone());
            }
        }
        // Nobody can ask under it before: who does not know the token can't know the name.
        let name = hex_digest(Sha256::digest(review.callback.as_bytes()).as_slice());
        let name = name.get(..32).unwrap_or(&name);
        Self {
            name: format!("research-{name}"),
            body,
        }
    }
}

fn title(made: Made, topic: &str) -> String {
    let begins = match made {
        Made::Analysis => "Go on to the report on",
        Made::Report => "Publish the report on",
    };
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let room = TITLE_LETTERS_MAX.saturating_sub(begins.chars().count() + 2);
    let mut topic: String = topic.chars().map(plain).collect();
    if topic.chars().count() > room {
        topic = topic.chars().take(room.saturating_sub(1)).collect();
        topic.push('…');
    }
    format!("{begins} {topic}?")
}

fn summary(made: &Value) -> String {
    let places = ["/summary", "/executive_summary", "/report/summary"];
    let texts = places
        .iter()
        .filter_map(|place| made.pointer(place).and_then(Value::as_str));
    let text = texts.chain(made.as_str()).find(|text| !text.is_empty());
    beginning(text.unwrap_or("No summary available"), SUMMARY_BYTES_MAX).into_owned()
}

#[cfg(test)]
mod tests;
