//! Calls whose answers come in parts.

use bytes::Bytes;
use everstep_engine::{AnswerPart, Call, Called, Error};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::http::App;

/// Parts that wait for a slow reader; then the function waits.
const PARTS_MAX: usize = 16;

/// How a call answers.
pub(crate) enum Streamed {
    /// At once: the function does not stream, or failed before it began.
    Whole(Called),
    Parts(Parts),
}

/// An answer that has begun.
pub(crate) struct Parts {
    pub content_type: Option<String>,
    received: mpsc::Receiver<AnswerPart>,
    called: JoinHandle<Result<Called, Error>>,
}

/// Calls a function and waits until it answers or begins to.
///
/// # Errors
/// As [`everstep_engine::Handle::call`].
pub(crate) async fn call(app: &App, call: Call) -> Result<Streamed, Error> {
    let (parts, mut received) = mpsc::channel(PARTS_MAX);
    let handle = app.handle.clone();
    let call = Call {
        parts: Some(parts),
        ..call
    };
    // It goes on when its reader goes away, as a function does.
    let called = tokio::spawn(async move { handle.call(call).await });
    match received.recv().await {
        Some(AnswerPart::Begin(content_type)) => Ok(Streamed::Parts(Parts {
            content_type,
            received,
            called,
        })),
        Some(AnswerPart::Bytes(_)) | None => {
            let called = called.await.map_err(|_| Error::Ended)??;
            Ok(Streamed::Whole(called))
        }
    }
}

impl Parts {
    /// The next part; `None` when the answer is over, and then [`Parts::end`] says how.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.received.recv().await? {
                AnswerPart::Bytes(bytes) => return Some(bytes),
                AnswerPart::Begin(_) => {}
            }
        }
    }

    /// How the call ended.
    ///
    /// # Errors
    /// As [`call`].
    pub(crate) async fn end(self) -> Result<Called, Error> {
        self.called.await.map_err(|_| Error::Ended)?
    }
}
