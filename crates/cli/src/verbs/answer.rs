//! The verbs that answer what an execution waits for.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Context, read_json, segment};
use crate::client::Client;
use crate::output::{self, Format};

#[derive(Subcommand)]
pub enum Callback {
    /// It is done
    Succeed {
        /// The callback's id, or its token
        id: String,
        /// The result as JSON: text, @FILE, or - for standard input
        #[arg(long)]
        result: Option<String>,
    },
    /// It failed
    Fail {
        /// The callback's id, or its token
        id: String,
        /// A name for the error
        #[arg(long)]
        error: Option<String>,
        /// What happened
        #[arg(long)]
        message: Option<String>,
    },
    /// It is still being worked on
    Heartbeat {
        /// The callback's id, or its token
        id: String,
    },
    /// How far it is
    Progress {
        /// The callback's id, or its token
        id: String,
        /// Of a hundred
        #[arg(long)]
        percent: Option<f64>,
        /// What is being done
        #[arg(long)]
        message: Option<String>,
    },
    /// Make a token for somebody who may answer it, or do a part of that
    Token {
        /// The callback's id
        id: String,
        /// For whom
        #[arg(long)]
        audience: String,
        /// What it is good for: succeed, fail, heartbeat, progress; without this for all of them
        #[arg(long = "verb", value_name = "VERB")]
        verbs: Vec<String>,
        /// Seconds that it is good for
        #[arg(long, default_value_t = 3_600, value_name = "SECONDS")]
        expires_in: u64,
    },
}

/// For how long a token lives that one command needs.
const MOMENT_SECONDS: u64 = 60;

impl Callback {
    pub fn run(self, context: &Context) -> Result<()> {
        let client = context.client()?;
        match self {
            Self::Succeed { id, result } => {
                let result = result.map(|result| read_json(&result)).transpose()?;
                let body = result.map(|value| value.get().to_owned());
                answer(&client, &id, "succeed", body)
            }
            Self::Fail { id, error, message } if is_public(&id) => {
                let body = json!({ "kind": error, "message": message });
                answer(&client, &id, "fail", Some(body.to_string()))
            }
            Self::Fail { id, error, message } => {
                let body = json!({ "ErrorType": error, "ErrorMessage": message });
                answer(&client, &id, "fail", Some(body.to_string()))
            }
            Self::Heartbeat { id } => answer(&client, &id, "heartbeat", None),
            Self::Progress {
                id,
                percent,
                message,
            } => {
                let mut note = serde_json::Map::new();
                note.extend(percent.map(|percent| ("percent".to_owned(), percent.into())));
                note.extend(message.map(|message| ("message".to_owned(), message.into())));
                let note = Some(Value::Object(note).to_string());
                if is_public(&id) {
                    return answer(&client, &id, "progress", note);
                }
                client.post_as(&id, "/callbacks/self/progress", note)?;
                Ok(())
            }
            Self::Token {
                id,
                audience,
                verbs,
                expires_in,
            } => {
                let made = token(&client, &id, &audience, &verbs, expires_in)?;
                match context.format {
                    Format::Json => output::json(&made),
                    Format::Table => {
                        output::line(output::text(made.get("token").unwrap_or(&Value::Null)))
                    }
                }
            }
        }
    }
}

/// Whether this is a callback's public id: a token has no point in it.
fn is_public(id: &str) -> bool {
    id.contains('.')
}

fn token(
    client: &Client,
    id: &str,
    audience: &str,
    verbs: &[String],
    expires_in: u64,
) -> Result<Value> {
    let verbs = (!verbs.is_empty()).then_some(verbs);
    let body = json!({ "audience": audience, "verbs": verbs, "expires_in": expires_in });
    client.post(&format!("/callbacks/{}/tokens", segment(id)), &body)
}

/// By a token that is made for it, or by the one that was given.
fn answer(client: &Client, id: &str, verb: &str, body: Option<String>) -> Result<()> {
    if !is_public(id) {
        let id = segment(id);
        let path = format!("/2025-12-01/durable-execution-callbacks/{id}/{verb}");
        client.post_raw(&path, body)?;
        return Ok(());
    }
    let made = token(client, id, "everstep", &[verb.to_owned()], MOMENT_SECONDS)?;
    let token = made
        .get("token")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let path = format!("/callbacks/{}/{verb}", segment(id));
    client.post_as(token, &path, body)?;
    Ok(())
}

#[derive(Args)]
pub struct Approve {
    /// Id of the workflow
    workflow: String,
    /// What the writer should take into account
    #[arg(long)]
    feedback: Option<String>,
    /// Who approves
    #[arg(long, env = "USER")]
    by: Option<String>,
}

impl Approve {
    pub fn run(self, context: &Context) -> Result<()> {
        let decision = json!({ "approved": true, "feedback": self.feedback.unwrap_or_default(), "approved_by": self.by });
        decide(context, &self.workflow, &decision)
    }
}

#[derive(Args)]
pub struct Reject {
    /// Id of the workflow
    workflow: String,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    /// Who rejects
    #[arg(long, env = "USER")]
    by: Option<String>,
}

impl Reject {
    pub fn run(self, context: &Context) -> Result<()> {
        let decision = json!({ "approved": false, "reason": self.reason, "approved_by": self.by });
        decide(context, &self.workflow, &decision)
    }
}

fn decide(context: &Context, workflow: &str, decision: &Value) -> Result<()> {
    let answer = context
        .client()?
        .post(&format!("/approve/{}", segment(workflow)), decision)?;
    match context.format {
        Format::Json => output::json(&answer),
        Format::Table => output::line(output::text(answer.get("status").unwrap_or(&Value::Null))),
    }
}
