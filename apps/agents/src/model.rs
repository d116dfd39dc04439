//! A language model behind an OpenAI-compatible endpoint. It may choose and phrase; what it quotes is checked against the
//! sources, and whenever it fails or talks nonsense the computed result stands.

pub(crate) mod analyse;
pub(crate) mod research;
pub(crate) mod write;

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// Where the model is.
#[derive(Clone)]
pub struct Options {
    /// Base address, to which `/chat/completions` is added.
    pub url: String,
    pub model: String,
    /// Sent as a bearer token; never logged.
    pub key: String,
    pub timeout: Duration,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Options")
            .field("url", &self.url)
            .field("model", &self.model)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// Reads `EVERSTEP_LLM_URL`, `EVERSTEP_LLM_MODEL` and `EVERSTEP_LLM_KEY`; nothing unless all three are set.
    pub fn from_env() -> Option<Self> {
        let read = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Some(Self {
            url: read("EVERSTEP_LLM_URL")?,
            model: read("EVERSTEP_LLM_MODEL")?,
            key: read("EVERSTEP_LLM_KEY")?,
            timeout: Duration::from_secs(120),
        })
    }
}

/// Asks the model.
pub(crate) struct Client {
    options: Options,
    http: reqwest::Client,
}

/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 2 * 1024 * 1024;

impl Client {
    pub(crate) fn new(options: Options) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(options.timeout)
            .build()?;
        Ok(Self { options, http })
    }

    /// Asks for one JSON object and reads it as `T`.
    ///
    /// # Errors
    /// Why there is no such object, in words.
    async fn ask<T: DeserializeOwned>(&self, role: &str, question: &Value) -> Result<T, String> {
        let url = format!(
            "{}/chat/completions",
            self.options.url.trim_end_matches('/')
        );
        let body = json!({
            "model": self.options.model,
            "temperature": 0,
            "response_format": {"type": "json_object"},
            "messages": [
                {"role": "system", "content": role},
                {"role": "user", "content": question.to_string()},
            ],
        });
        let sent = self
            .http
            .post(url)
            .bearer_auth(&self.options.key)
            .json(&body)
            .send()
            .await;
        let mut answer = sent.map_err(|reason| reason.without_url().to_string())?;
        if !answer.status().is_success() {
            return Err(format!("the endpoint answered {}", answer.status()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|reason| reason.without_url().to_string())?
        {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err("the answer is too long".to_owned());
            }
            bytes.extend_from_slice(&chunk);
        }
        let answer: Value = serde_json::from_slice(&bytes)
            .map_err(|reason| format!("the answer is no JSON: {reason}"))?;
        let content = answer
            .pointer("/choices/0/message/content")
            .and_then(Value::as_str)
            .ok_or("the answer has no choices[0].message.content")?;
        serde_json::from_str(strip_fence(content))
            .map_err(|reason| format!("the content is not the JSON that was asked for: {reason}"))
    }

    /// What the output says about the model's part, and a line in the log when it had none.
    fn note(&self, outcome: &Result<usize, String>) -> Value {
        match outcome {
            Ok(dropped) => json!({"model": self.options.model, "used": true, "dropped": dropped}),
            Err(reason) => {
                tracing::warn!(model = %self.options.model, %reason, "model_fallback");
                json!({"model": self.options.model, "used": false, "reason": reason})
            }
        }
    }

    fn note_into(&self, metadata: &mut Map<String, Value>, outcome: &Result<usize, String>) {
        metadata.insert("llm".to_owned(), self.note(outcome));
    }
}

/// Models like to put JSON between three back ticks.
fn strip_fence(content: &str) -> &str {
    let content = content.trim();
    let inner = content
        .strip_prefix("```json")
        .or_else(|| content.strip_prefix("```"))
        .and_then(|inner| inner.strip_suffix("```"));
    inner.unwrap_or(content).trim()
}

/// Passages of at least four words between double quotation marks: what a reader takes for the source's own words.
fn quoted_passages(text: &str) -> Vec<&str> {
    const WORDS_MIN: usize = 4;
    let mut passages = Vec::new();
    let mut start = None;
    for (place, mark) in text
        .char_indices()
        .filter(|(_, c)| matches!(c, '"' | '“' | '”'))
    {
        match start.take() {
            None => start = Some(place + mark.len_utf8()),
            Some(from) => passages.extend(text.get(from..place)),
        }
    }
    passages.retain(|passage| crate::language::count_words(passage) >= WORDS_MIN);
    passages
}

#[cfg(test)]
mod tests;
