//! Artifacts and records on Everstep's own artifact service, over HTTP.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode, Url, header};
use serde::Deserialize;
use serde_json::json;

use crate::artifact::{Artifacts, Condition, Object, Page, Pending, Written};
use crate::error::{ArtifactStorageError, Kind};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The artifact service under `{base}/artifacts` and `{base}/artifact-links`.
#[derive(Debug, Clone)]
pub struct ServiceArtifacts {
    client: Client,
    base: Url,
}

#[derive(Deserialize)]
struct ListReply {
    objects: Vec<ListedObject>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct ListedObject {
    key: String,
}

#[derive(Deserialize)]
struct LinkReply {
    url: String,
}

impl ServiceArtifacts {
    /// A client for the service at `base`, an `http` or `https` address.
    ///
    /// # Errors
    /// `base` is no such address.
    pub fn new(client: Client, base: &str) -> Result<Self, ArtifactStorageError> {
        match Url::parse(base) {
            Ok(base) if !base.cannot_be_a_base() => Ok(Self { client, base }),
            _ => Err(fault(Kind::Invalid, format!("not an address: {base}"))),
        }
    }

    fn address(&self, first: &str, rest: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(first);
            for part in rest {
                segments.extend(part.split('/'));
            }
        }
        url
    }

    async fn write(
        &self,
        url: Url,
        body: Vec<u8>,
        content_type: &str,
        condition: Option<Condition>,
    ) -> Result<Written, ArtifactStorageError> {
        let mut request = self
            .client
            .put(url)
            .timeout(REQUEST_TIMEOUT)
            .header(header::CONTENT_TYPE, content_type)
            .body(body);
        request = match condition {
            Some(Condition::Absent) => request.header(header::IF_NONE_MATCH, "*"),
            Some(Condition::Unchanged(etag)) => request.header(header::IF_MATCH, etag),
            None => request,
        };
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        if response.status() == StatusCode::PRECONDITION_FAILED {
            return Ok(Written::Refused);
        }
        let response = checked(response)?;
        Ok(Written::Stored(etag(&response)?))
    }

    async fn read(&self, url: Url) -> Result<Option<Object>, ArtifactStorageError> {
        let response = self
            .client
            .get(url)
            .timeout(REQUEST_TIMEOUT)
            .send()
            .await
            .map_err(|error| unreachable(&error))?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = checked(response)?;
        let etag = etag(&response)?;
        let body = response
            .bytes()
            .await
            .map_err(|error| unreachable(&error))?;
        Ok(Some(Object {
            body: body.to_vec(),
            etag,
        }))
    }

    async fn keys(
        &self,
        mut url: Url,
        prefix: &str,
        cursor: Option<&str>,
    ) -> Result<Page, ArtifactStorageError> {
        url.query_pairs_mut()
            .append_pair("prefix", prefix)
            .extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
        let response = self
            .client
            .get(url)
            .timeout(REQUEST_TIMEOUT)
            .send()
            .await
            .map_err(|error| unreachable(&error))?;
        let reply: ListReply = checked(response)?
            .json()
            .await
            .map_err(|error| nonsense(&error))?;
        Ok(Page {
            keys: reply.objects.into_iter().map(|object| object.key).collect(),
            next: reply.next,
        })
    }

    async fn sign(
        &self,
        bucket: &str,
        key: &str,
        life: Duration,
    ) -> Result<String, ArtifactStorageError> {
        let body = json!({ "bucket": bucket, "key": key, "expires_seconds": life.as_secs() });
        let request = self
            .client
            .post(self.address("artifact-links", &[]))
            .timeout(REQUEST_TIMEOUT)
            .json(&body);
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        let reply: LinkReply = checked(response)?
            .json()
            .await
            .map_err(|error| nonsense(&error))?;
        Ok(reply.url)
    }
}

impl Artifacts for ServiceArtifacts {
    fn put<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        body: Vec<u8>,
        content_type: &'a str,
        condition: Option<Condition>,
    ) -> Pending<'a, Result<Written, ArtifactStorageError>> {
        Box::pin(self.write(
            self.address("artifacts", &[bucket, key]),
            body,
            content_type,
            condition,
        ))
    }

    fn get<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
    ) -> Pending<'a, Result<Option<Object>, ArtifactStorageError>> {
        Box::pin(self.read(self.address("artifacts", &[bucket, key])))
    }

    fn list<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        cursor: Option<&'a str>,
    ) -> Pending<'a, Result<Page, ArtifactStorageError>> {
        Box::pin(self.keys(self.address("artifacts", &[bucket]), prefix, cursor))
    }

    fn link<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        life: Duration,
    ) -> Pending<'a, Result<String, ArtifactStorageError>> {
        Box::pin(self.sign(bucket, key, life))
    }
}

fn etag(response: &Response) -> Result<String, ArtifactStorageError> {
    let value = response
        .headers()
        .get(header::ETAG)
        .and_then(|value| value.to_str().ok());
    value.map(str::to_owned).ok_or_else(|| {
        fault(
            Kind::Corrupt,
            "the artifact service answered without an ETag".to_owned(),
        )
    })
}

fn checked(response: Response) -> Result<Response, ArtifactStorageError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    Err(fault(
        Kind::of_status(status.as_u16()),
        format!("the artifact service answered {status}"),
    ))
}

fn unreachable(error: &reqwest::Error) -> ArtifactStorageError {
    // The address inside reqwest's text may carry a signed link's credential; only the class of failure is kept.
    let what = if error.is_timeout() {
        "did not answer in time"
    } else {
        "cannot be reached"
    };
    fault(Kind::Transient, format!("the artifact service {what}"))
}

fn nonsense(error: &reqwest::Error) -> ArtifactStorageError {
    if error.is_decode() {
        fault(
            Kind::Corrupt,
            "the artifact service answered nonsense".to_owned(),
        )
    } else {
        unreachable(error)
    }
}

fn fault(kind: Kind, message: String) -> ArtifactStorageError {
    ArtifactStorageError { kind, message }
}
