//! From a payload to the output of the agent: reads what is asked, runs the core, puts the result into its shape.

use std::sync::Arc;

use a2a::{Message, PartContent};
use serde_json::{Map, Value, json};

use super::artifacts;
use super::jobs::Agent;
use super::outgoing;
use super::tasks::{Callback, Record};
use crate::Kind;
use crate::analyse::{self, Analysis};
use crate::corpus::Corpus;
use crate::model;
use crate::payload::Parameters;
use crate::research::{self, Findings, Request};
use crate::write;

/// The kind and the text of a failure, as legacy callbacks carry them.
pub(super) struct Failure {
    pub kind: &'static str,
    pub text: String,
}

impl Failure {
    fn new(kind: &'static str, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}

/// The payload of a message: its first data part that is an object, else its first text part read as JSON, else that text
/// as a query.
pub(super) fn payload_of(message: &Message) -> Option<Value> {
    let data = message.parts.iter().find_map(|part| match &part.content {
        PartContent::Data(value @ Value::Object(_)) => Some(value.clone()),
        _ => None,
    });
    data.or_else(|| message.text().and_then(payload_of_text))
}

/// A text is a payload when it is a JSON object; any other text that says something is a query.
pub(super) fn payload_of_text(text: &str) -> Option<Value> {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) => Some(value),
        _ if text.trim().is_empty() => None,
        _ => Some(json!({ "query": text.trim() })),
    }
}

/// What a payload asks of this kind of agent.
pub(super) enum Job {
    Research(Request),
    Analyse {
        data: Value,
        topic: String,
    },
    Write {
        analysis: Value,
        feedback: String,
        topic: String,
        parameters: Parameters,
    },
}

/// Reads the payload.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(super) fn read(kind: Kind, payload: &Value) -> Result<Job, String> {
    let members = Members::of(payload).ok_or("the payload is not an object")?;
    if let Some(task) = members.text("task")
        && task != kind.task()
        && !(kind == Kind::Analyst && task == "analyse")
    {
        return Err(format!(
            "task {task} is not for this agent, whose task is {}",
            kind.task()
        ));
    }
    let topic = members.text("topic").or_else(|| members.text("query"));
    let parameters = Parameters::read(members.get("parameters"))?;
    match kind {
        Kind::Researcher => {
            let topic = topic
                .map(str::trim)
                .filter(|topic| !topic.is_empty())
                .ok_or("Missing required field: 'topic'")?;
            Ok(Job::Research(Request {
                topic: topic.to_owned(),
                parameters,
            }))
        }
        Kind::Analyst => Ok(Job::Analyse {
            data: members
                .get("research_data")
                .filter(|data| !data.is_null())
                .ok_or("Missing required field: 'research_data'")?
                .clone(),
            topic: topic.unwrap_or_default().to_owned(),
        }),
        Kind::Writer => Ok(Job::Write {
            analysis: members
                .get("analysis")
                .filter(|analysis| !analysis.is_null())
                .ok_or("Missing required field: 'analysis'")?
                .clone(),
            feedback: feedback(members.get("feedback")),
            topic: topic.unwrap_or_default().to_owned(),
            parameters,
        }),
    }
}

/// The members of a payload, which may also stand in its `data` member.
struct Members<'a> {
    outer: &'a Map<String, Value>,
    inner: Option<&'a Map<String, Value>>,
}

impl<'a> Members<'a> {
    fn of(payload: &'a Value) -> Option<Self> {
        let outer = payload.as_object()?;
        Some(Self {
            outer,
            inner: outer.get("data").and_then(Value::as_object),
        })
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.outer
            .get(name)
            .or_else(|| self.inner.and_then(|inner| inner.get(name)))
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(Value::as_str)
    }
}

/// Feedback is a text, or a list of texts, or an approval record that holds one.
fn feedback(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join("\n"),
        Some(Value::Object(members)) => feedback(members.get("feedback")),
        _ => String::new(),
    }
}

/// The workflow that a payload belongs to, if it says so.
pub(super) fn workflow_of(payload: &Value) -> Option<&str> {
    payload
        .get("workflow_id")
        .and_then(Value::as_str)
        .filter(|id| !id.is_empty())
}

/// The callback that a payload asks for.
///
/// # Errors
/// When the address is not one that can be called.
pub(super) fn callback_of(payload: &Value) -> Result<Option<Callback>, String> {
    let Some(url) = payload.get("callback_url").and_then(Value::as_str) else {
        return Ok(None);
    };
    if !outgoing::is_callable(url) {
        return Err("callback_url is not an http or https address".to_owned());
    }
    let token = payload
        .get("callback_token")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok(Some(Callback {
        url: url.to_owned(),
        token: token.to_owned(),
    }))
}

/// Does the work of one task.
pub(super) async fn perform(agent: &Arc<Agent>, record: &Record) -> Result<Value, Failure> {
    let kind = agent.options.kind;
    let job = read(kind, &record.payload).map_err(|text| Failure::new("InvalidPayload", text))?;
    match job {
        Job::Research(request) => research(agent, request).await,
        Job::Analyse { data, topic } => {
            let data = resolve(agent, data).await?;
            let (findings, mut analysis) = compute(move || {
                let findings = Findings::read(&data);
                let analysis = analyse::analyse(&findings, &topic);
                (findings, analysis)
            })
            .await?;
            if let Some(model) = &agent.model {
                model::analyse::refine(model, &findings, &mut analysis).await;
            }
            to_value(&analysis)
        }
        Job::Write {
            analysis,
            feedback,
            topic,
            parameters,
        } => {
            let analysis = resolve(agent, analysis).await?;
            let (analysis, mut report) = compute(move || {
                let analysis = Analysis::read(&analysis);
                let report = write::write(&analysis, &feedback, &topic, &parameters);
                (analysis, report)
            })
            .await?;
            let mut metadata = Map::new();
            if let Some(model) = &agent.model {
                metadata = model::write::refine(model, &analysis, &mut report).await;
            }
            report_output(record, &report, metadata)
        }
    }
}

async fn research(agent: &Arc<Agent>, request: Request) -> Result<Value, Failure> {
    let folder = agent.options.sources.clone();
    let (corpus, findings) = compute(move || {
        let corpus = match folder {
            Some(folder) => Corpus::read(&folder).map_err(|reason| reason.to_string())?,
            None => Corpus::shipped(),
        };
        let findings =
            research::research(&corpus, &request).map_err(|reason| reason.to_string())?;
        Ok((corpus, findings))
    })
    .await?
    .map_err(|text: String| Failure::new("ResearchError", text))?;
    let mut findings = findings;
    if let Some(model) = &agent.model {
        model::research::refine(model, &corpus, &mut findings).await;
    }
    to_value(&findings)
}

/// A reference is replaced by what it stands for.
async fn resolve(agent: &Agent, value: Value) -> Result<Value, Failure> {
    let Some(uri) = artifacts::reference(&value) else {
        return Ok(value);
    };
    let artifacts = agent.artifacts.as_ref().ok_or_else(|| {
        Failure::new(
            "ArtifactStorageError",
            "the input is a reference, but this agent was started without an artifact address",
        )
    })?;
    artifacts
        .fetch(&agent.http, &agent.options.retry_pauses, uri)
        .await
        .map_err(|text| Failure::new("ArtifactStorageError", text))
}

/// Runs the core on a thread where it may take its time. A panic there is a failure of this task only.
async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|reason| Failure::new("InternalError", format!("the work broke off: {reason}")))
}

fn to_value(output: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(output).map_err(|reason| Failure::new("InternalError", reason.to_string()))
}

fn report_output(
    record: &Record,
    report: &write::Report,
    metadata: Map<String, Value>,
) -> Result<Value, Failure> {
    let created = i64::try_from(record.created_ms).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_millisecond(created).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let generated_at = format!("{at:.3}");
    let markdown = report.markdown();
    let mut content = to_value(report)?;
    if let Value::Object(members) = &mut content {
        members.insert("generated_at".to_owned(), json!(generated_at));
    }
    Ok(json!({
        "status": "completed",
        "workflow_id": workflow_of(&record.payload).unwrap_or(&record.task.id),
        "report": {
            "json": {"name": "final_report_json", "content_type": "application/json", "content": content},
            "markdown": {"name": "final_report_md", "content_type": "text/markdown", "content": markdown},
            "title": report.title,
            "generated_at": generated_at,
        },
        "summary": report.summary,
        "metadata": metadata,
    }))
}
