//! The seeds' log events of a callback. A token appears as the beginning of its hash: enough to follow one callback, useless to settle it.

use std::net::SocketAddr;

use everstep_core::ExecutionId;
use everstep_engine::Source;

use super::intake::Kept;
use super::request::Outcome;
use crate::http::App;

/// A request that is being handled; all its lines carry its id.
pub(super) struct Received {
    pub peer: Option<SocketAddr>,
    request_id: String,
}

impl Received {
    pub(super) fn new(peer: Option<SocketAddr>) -> Self {
        let request_id = uuid::Uuid::new_v4().to_string();
        let source_ip = peer.map(|peer| peer.ip().to_string());
        tracing::info!(event_type = "callback_received", request_id, source_ip);
        Self { peer, request_id }
    }

    /// The seeds' line shows the beginning of the body, where the token may stand: what is wrong with it has to do.
    pub(super) fn parse_error(&self, error: &str) {
        tracing::warn!(
            event_type = "parse_error",
            request_id = self.request_id,
            error
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
        tracing::info!(
            event_type = "callback_processing",
            request_id = self.request_id,
            token_hash = Source::token_hash(token),
            status,
            has_result,
            has_error
        );
    }

    pub(super) fn alive(&self, token: &str) {
        tracing::debug!(
            event_type = "callback_heartbeat",
            request_id = self.request_id,
            token_hash = Source::token_hash(token)
        );
    }

    /// A large result lies in the artifact store.
    pub(super) fn result_stored(&self, kept: &Kept) {
        tracing::info!(
            event_type = "result_stored_s3",
            request_id = self.request_id,
            s3_key = kept.key,
            size = kept.meta.size
        );
    }

    pub(super) fn stored(&self, token: &str) {
        tracing::info!(
            event_type = "callback_stored",
            request_id = self.request_id,
            token_hash = Source::token_hash(token)
        );
    }

    /// The end of a callback's way: `outcome` says what it was.
    pub(super) fn completed(&self, token: &str, outcome: &str) {
        tracing::info!(
            event_type = "callback_completed",
            request_id = self.request_id,
            token_hash = Source::token_hash(token),
            outcome
        );
    }

    /// A token of ours whose execution is gone.
    pub(super) fn workflow_not_found(&self, token: &str) {
        tracing::warn!(
            event_type = "workflow_not_found",
            request_id = self.request_id,
            token_hash = Source::token_hash(token)
        );
    }

    /// A token that leads to no execution.
    pub(super) fn workflow_id_missing(&self, token: &str) {
        tracing::warn!(
            event_type = "workflow_id_missing",
            request_id = self.request_id,
            token_hash = Source::token_hash(token)
        );
    }

    /// What the workflow is now that a callback has been applied to it: both were written at once, this only looks.
    pub(super) async fn updated(&self, app: &App, execution: ExecutionId) {
        if !tracing::enabled!(tracing::Level::INFO) {
            return;
        }
        match app.handle.row(execution).await {
            Ok(row) => tracing::info!(
                event_type = "workflow_updated",
                request_id = self.request_id,
                workflow_id = row.name,
                execution = %execution,
                new_status = row.status.as_str()
            ),
            Err(error) => self.not_told(&error),
        }
    }

    /// The callback is kept; what was to follow did not.
    pub(super) fn not_told(&self, error: &everstep_engine::Error) {
        let request_id = &self.request_id;
        tracing::error!(event_type = "workflow_update_error", request_id, %error);
        tracing::warn!(
            event_type = "workflow_update_warning",
            request_id,
            "Callback stored but workflow update failed"
        );
    }

    pub(super) fn refused(&self, token: &str, reason: &str) {
        tracing::warn!(
            event_type = "callback_failed",
            request_id = self.request_id,
            token_hash = Source::token_hash(token),
            reason
        );
    }

    pub(super) fn storage_error(&self, token: &str, error: &everstep_engine::Error) {
        let error_code = crate::errors::Code::of(error).as_str();
        self.storage_failed(token, error, error_code);
    }

    pub(super) fn storage_failed(
        &self,
        token: &str,
        error: &dyn std::fmt::Display,
        error_code: &str,
    ) {
        let token_hash = Source::token_hash(token);
        tracing::error!(event_type = "storage_error", request_id = self.request_id, token_hash, %error, error_code);
        self.refused(token, "storage_failed");
    }
}
