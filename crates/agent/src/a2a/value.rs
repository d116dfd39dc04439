//! The value of a task: which of an agent's artifacts it is, and what its parts come to.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use reqwest::Url;
use serde_json::Value;

use super::exact;
use super::reading::text;
use crate::error::Error;
use crate::task::{File, Link, Output};

/// Something that a task has produced, as it grows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Artifact {
    pub id: String,
    pub name: Option<String>,
    pub parts: Vec<Value>,
}

impl Artifact {
    pub(crate) fn of(value: &Value) -> Self {
        let parts = value.get("parts").and_then(Value::as_array);
        Self {
            id: text(value, "artifactId").unwrap_or_default().to_owned(),
            name: text(value, "name").map(str::to_owned),
            parts: parts.cloned().unwrap_or_default(),
        }
    }

    pub(crate) fn of_parts(parts: &[Value]) -> Self {
        Self {
            parts: parts.to_vec(),
            ..Self::default()
        }
    }

    /// What it comes to: its data, else its text in one piece, else its file.
    pub(crate) fn output(&self) -> Result<Option<Output>, Error> {
        let data: Vec<&str> = self.parts.iter().filter_map(exact::data).collect();
        match data[..] {
            [] => {}
            [one] => return Ok(Some(Output::Json(one.to_owned().into()))),
            _ => {
                let all = format!("[{}]", data.join(","));
                return Ok(Some(Output::Json(all.into())));
            }
        }
        let texts = self.parts.iter().filter_map(|part| text(part, "text"));
        let texts: Vec<&str> = texts.collect();
        if !texts.is_empty() {
            return Ok(Some(plain(texts.concat())));
        }
        for part in &self.parts {
            if let Some(output) = file(part)? {
                return Ok(Some(output));
            }
        }
        Ok(None)
    }

    fn has_data(&self) -> bool {
        self.parts.iter().any(|part| exact::data(part).is_some())
    }

    fn is_result(&self) -> bool {
        self.name.as_deref() == Some("result") || self.id == "result"
    }
}

pub(crate) fn artifacts(value: &Value) -> Vec<Artifact> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(Artifact::of).collect()
}

/// The artifact that is called `result`, else the first with data, else the first that comes to anything.
pub(crate) fn result(artifacts: &[Artifact]) -> Result<Option<Output>, Error> {
    let named = artifacts.iter().filter(|artifact| artifact.is_result());
    let with_data = artifacts.iter().filter(|artifact| artifact.has_data());
    for artifact in named.chain(with_data).chain(artifacts) {
        if let Some(output) = artifact.output()? {
            return Ok(Some(output));
        }
    }
    Ok(None)
}

/// What a task without any output comes to.
pub(crate) fn nothing() -> Output {
    json(Value::Null)
}

pub(crate) fn json(value: Value) -> Output {
    Output::Json(Bytes::from(value.to_string()))
}

/// Text is JSON if it can be read as such: agents that know no data parts send it so.
pub(crate) fn plain(text: String) -> Output {
    match serde_json::from_str::<&serde_json::value::RawValue>(&text) {
        Ok(_) => Output::Json(Bytes::from(text)),
        Err(_) => json(Value::String(text)),
    }
}

/// A part that is a file: `raw` or `url` in 1.0, `file` with `bytes` or `uri` in 0.3.
fn file(part: &Value) -> Result<Option<Output>, Error> {
    let inner = part.get("file").unwrap_or(part);
    let either = |new, old| text(inner, new).or_else(|| text(inner, old));
    let media_type = either("mediaType", "mimeType").map(str::to_owned);
    let name = either("filename", "name").map(str::to_owned);
    if let Some(url) = either("url", "uri") {
        let url = Url::parse(url)
            .map_err(|error| Error::nonsense(format!("the address of a file: {error}")))?;
        return Ok(Some(Output::Link(Link {
            name,
            media_type,
            url,
        })));
    }
    let Some(encoded) = either("raw", "bytes") else {
        return Ok(None);
    };
    let bytes = decoded(encoded).ok_or_else(|| Error::nonsense("a file that is no base64"))?;
    Ok(Some(of_bytes(bytes, name, media_type)))
}

/// Bytes as what their media type says that they are.
pub(crate) fn of_bytes(bytes: Vec<u8>, name: Option<String>, media_type: Option<String>) -> Output {
    let media_type = media_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let is_json = essence == "application/json" || essence.ends_with("+json");
    if is_json && serde_json::from_slice::<&serde_json::value::RawValue>(&bytes).is_ok() {
        return Output::Json(bytes.into());
    }
    match String::from_utf8(bytes) {
        Ok(text) if essence.starts_with("text/") => json(Value::String(text)),
        Ok(text) => Output::File(File {
            name,
            media_type,
            bytes: text.into_bytes().into(),
        }),
        Err(error) => Output::File(File {
            name,
            media_type,
            bytes: error.into_bytes().into(),
        }),
    }
}

/// Base64 in any of its spellings.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
    engines.iter().find_map(|engine| engine.decode(text).ok())
}
