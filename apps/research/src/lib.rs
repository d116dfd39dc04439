//! The research workflow: a durable controller, three agents and a person, as a Lambda function on the official Rust crates.
//!
//! **Purpose.** The same binary runs on Everstep and on AWS Lambda. It serves three functions, chosen by `_HANDLER`:
//! `research.handler` is the durable workflow, `research.DurableControllerFunction` starts and settles it, and
//! `research.api_handler` puts it behind the REST routes. Names, steps, states, shapes and texts are those of the seed's
//! Python controller.
//!
//! **Non-goals.** It stores no callbacks and checks no tokens: the durable execution service does, whose callback ids are the
//! tokens that agents get. It knows nothing of Everstep's engine; it talks HTTP.
//!
//! **Invariants**
//! - Whatever touches the outside happens inside a durable step, and every step may run again without doing anything new.
//! - The wait for an agent exists before the agent hears of it; its id never changes.
//! - A dispatch has an id derived from execution, phase and generation. Only an agent that lost its task gets a new generation.
//! - Events go out after the state they tell of is durable.
//! - No token and no signed link is logged, and no step's result holds a token.
//!
//! **Read next**: [`workflow`] for the flow, [`phase`] for one agent's turn, [`approval`] for what people are asked, [`record`] for the states.

pub mod agent;
mod api;
pub mod approval;
pub mod artifact;
#[cfg(feature = "aws")]
pub mod aws;
mod bootstrap;
pub mod callback;
pub mod controller;
pub mod engine;
pub mod error;
pub mod event;
pub mod local;
pub mod log;
pub mod message;
pub mod phase;
pub mod record;
mod review;
pub mod services;
pub mod settings;
mod step;
pub mod steps;
pub mod table;
pub mod workflow;

pub use api::{API_FUNCTION, Route, api_handler, routes};
pub use approval::request_approval;
pub use artifact::{
    fetch_artifact, generate_presigned_url, is_large_payload, parse_s3_uri, store_artifact,
};
pub use bootstrap::{
    FunctionDefinition, bootstrap, callback_bootstrap, functions, workflow_service,
};
pub use callback::callback_handler;
pub use error::{
    AgentInvocationError, ArtifactStorageError, WorkflowError, WorkflowStateError, sanitize_error,
};
pub use message::{
    format_agent_payload, generate_callback_token, generate_workflow_id,
    validate_workflow_parameters,
};
pub use phase::{dispatch_agent_task, invoke_agent_with_callback};
pub use services::Services;
pub use steps::{finalize_workflow, init_workflow};
pub use table::{
    create_workflow_record, get_workflow_state, record_step_completion, update_workflow_status,
};
pub use workflow::handler;

/// The seed's `fetch_s3_artifact`: what lies at an `s3://` address, as JSON if it parses.
///
/// # Errors
/// See [`fetch_artifact`].
pub async fn fetch_s3_artifact(
    services: &Services,
    s3_uri: &str,
    workflow_id: &str,
) -> Result<serde_json::Value, WorkflowError> {
    fetch_artifact(&*services.artifacts, s3_uri, &services.log, workflow_id).await
}

/// The seed's `store_s3_artifact`: JSON under a key of the configured bucket.
///
/// # Errors
/// See [`store_artifact`].
pub async fn store_s3_artifact(
    services: &Services,
    workflow_id: &str,
    key: &str,
    content: &serde_json::Value,
) -> Result<artifact::Stored, ArtifactStorageError> {
    services
        .store(workflow_id, key, content, "application/json")
        .await
}
