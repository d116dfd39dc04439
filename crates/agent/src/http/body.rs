//! What arrives by and by.

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;

use crate::error::Error;

/// Bytes that are read piece by piece. No pause is longer, and they are not more, than what was said when they were asked for.
pub struct Body {
    source: Source,
    host: String,
    media_type: Option<String>,
    length: Option<u64>,
    pause_max: Duration,
    bytes_max: u64,
    read: u64,
}

enum Source {
    Whole(Bytes),
    Response(Box<Response>),
    #[cfg(feature = "aws")]
    Runtime(aws_sdk_bedrockagentcore::primitives::ByteStream),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("host", &self.host)
            .field("media_type", &self.media_type)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl Body {
    pub(crate) fn of(
        response: Response,
        host: &str,
        pause_max: Duration,
        bytes_max: u64,
    ) -> Result<Self, Error> {
        let kind = response.headers().get(CONTENT_TYPE);
        let media_type = kind.and_then(|kind| Some(kind.to_str().ok()?.to_owned()));
        let length = response.content_length();
        let body = Self {
            source: Source::Response(Box::new(response)),
            host: host.to_owned(),
            media_type,
            length,
            pause_max,
            bytes_max,
            read: 0,
        };
        match length {
            Some(length) if length > bytes_max => Err(body.too_large()),
            _ => Ok(body),
        }
    }

    #[cfg(feature = "aws")]
    pub(crate) fn of_runtime(
        stream: aws_sdk_bedrockagentcore::primitives::ByteStream,
        host: &str,
        media_type: String,
        pause_max: Duration,
        bytes_max: u64,
    ) -> Self {
        Self {
            source: Source::Runtime(stream),
            host: host.to_owned(),
            media_type: Some(media_type),
            length: None,
            pause_max,
            bytes_max,
            read: 0,
        }
    }

    /// A body that is there already.
    pub(crate) fn whole(bytes: Bytes, media_type: Option<String>) -> Self {
        let length = bytes.len() as u64;
        Self {
            source: Source::Whole(bytes),
            host: String::new(),
            media_type,
            length: Some(length),
            pause_max: Duration::MAX,
            bytes_max: length,
            read: 0,
        }
    }

    #[must_use]
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// How many bytes there are, where that was said.
    #[must_use]
    pub const fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// The connection broke, paused too long, or brought too much.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let piece = tokio::time::timeout(self.pause_max, self.source.piece());
        let next = match piece.await {
            Ok(Ok(next)) => next,
            Ok(Err(why)) => {
                return Err(Error::Unreachable {
                    host: self.host.clone(),
                    why: format!("the answer broke off: {why}"),
                    begun: true,
                });
            }
            Err(_) => {
                return Err(Error::Silent {
                    host: self.host.clone(),
                    after: self.pause_max,
                });
            }
        };
        self.read += next.as_ref().map_or(0, |next| next.len() as u64);
        if self.read > self.bytes_max {
            return Err(self.too_large());
        }
        Ok(next)
    }

    /// Everything that is left.
    ///
    /// # Errors
    /// As of [`Body::chunk`].
    pub async fn rest(&mut self) -> Result<Bytes, Error> {
        let mut all = BytesMut::new();
        while let Some(next) = self.chunk().await? {
            all.extend_from_slice(&next);
        }
        Ok(all.freeze())
    }

    /// With this media type, if the answer did not say one.
    pub(crate) fn or_kind(self, media_type: Option<String>) -> Self {
        Self {
            media_type: self.media_type.or(media_type),
            ..self
        }
    }

    fn too_large(&self) -> Error {
        Error::TooLarge {
            host: self.host.clone(),
            bytes_max: self.bytes_max,
        }
    }
}

impl Source {
    async fn piece(&mut self) -> Result<Option<Bytes>, String> {
        match self {
            Self::Whole(bytes) if bytes.is_empty() => Ok(None),
            Self::Whole(bytes) => Ok(Some(std::mem::take(bytes))),
            Self::Response(response) => {
                let piece = response.chunk().await;
                piece.map_err(|error| super::causes(&error))
            }
            #[cfg(feature = "aws")]
            Self::Runtime(stream) => {
                let piece = stream.next().await.transpose();
                piece.map_err(|error| error.to_string())
            }
        }
    }
}
