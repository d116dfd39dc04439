//! The seeds' log events of a callback. A token appears as the beginning of its hash: enough to follow one callback, useless to settle it.

use std::net::SocketAddr;

use sha2::{Digest as _, Sha256};

use super::request::Outcome;

/// A request that is being handled; all its lines carry its id.
pub(super) struct Received {
    request_id: String,
}

fn hash_prefix(token: &str) -> String {
    Sha256::digest(token.as_bytes())
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Received {
    pub(super) fn new(peer: Option<SocketAddr>) -> Self {
        let request_id = uuid::Uuid::new_v4().to_string();
        let source_ip = peer.map(|peer| peer.ip().to_string());
        tracing::info!(event_type = "callback_received", request_id, source_ip);
        Self { request_id }
    }

    /// The seeds' line shows the beginning of the body, where the token may stand: its length has to do.
    pub(super) fn parse_error(&self, body_bytes: usize) {
        tracing::warn!(
            event_type = "parse_error",
            request_id = self.request_id,
            body_bytes
        );
    }

    pub(super) fn validation_error(&self, error: &str) {
        tracing::warn!(
            event_type = "validation_error",
            request_id = self.request_id,
            error
        );
    }

    pub(super) fn processing(&self, token: &str, outcome: &Outcome) {
        let (status, has_result, has_error) = match outcome {
            Outcome::Success(_) => ("SUCCESS", true, false),
            Outcome::Failure(_) => ("FAILURE", false, true),
        };
        let token_hash = hash_prefix(token);
        tracing::info!(
            event_type = "callback_processing",
            request_id = self.request_id,
            token_hash,
            status,
            has_result,
            has_error
        );
    }

    pub(super) fn alive(&self, token: &str) {
        tracing::debug!(
            event_type = "callback_heartbeat",
            request_id = self.request_id,
            token_hash = hash_prefix(token)
        );
    }

    pub(super) fn stored(&self, token: &str) {
        tracing::info!(
            event_type = "callback_stored",
            request_id = self.request_id,
            token_hash = hash_prefix(token)
        );
    }

    pub(super) fn completed(&self, token: &str, duplicate: bool, late: bool) {
        let token_hash = hash_prefix(token);
        tracing::info!(
            event_type = "callback_completed",
            request_id = self.request_id,
            token_hash,
            duplicate,
            late
        );
    }

    pub(super) fn workflow_not_found(&self, token: &str) {
        tracing::warn!(
            event_type = "workflow_not_found",
            request_id = self.request_id,
            token_hash = hash_prefix(token)
        );
    }

    pub(super) fn refused(&self, token: &str, reason: &str) {
        tracing::warn!(
            event_type = "callback_failed",
            request_id = self.request_id,
            token_hash = hash_prefix(token),
            reason
        );
    }

    pub(super) fn storage_error(&self, token: &str, error: &everstep_engine::Error) {
        let token_hash = hash_prefix(token);
        let error_code = crate::errors::Code::of(error).as_str();
        tracing::error!(event_type = "storage_error", request_id = self.request_id, token_hash, %error, error_code);
        tracing::error!(
            event_type = "callback_failed",
            request_id = self.request_id,
            token_hash,
            reason = "storage_failed"
        );
    }
}
