use std::sync::Arc;

use a2a::{AgentCapabilities, AgentCard, AgentInterface, AgentSkill};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::jobs::Agent;
use crate::Kind;

/// `GET /.well-known/agent-card.json`
pub(super) async fn handle(State(agent): State<Arc<Agent>>) -> impl IntoResponse {
    let cache = [(header::CACHE_CONTROL, "max-age=60")];
    (cache, Json(card(agent.options.kind, &agent.url)))
}

fn card(kind: Kind, url: &str) -> AgentCard {
    let (title, does, example) = match kind {
        Kind::Researcher => (
            "Researcher",
            "Searches a folder of text, Markdown and HTML for a topic and answers key sentences with their exact places.",
            r#"{"task": "research", "topic": "Long-duration energy storage", "parameters": {"depth": "basic"}}"#,
        ),
        Kind::Analyst => (
            "Analyst",
            "Finds themes, agreements, contradictions and gaps in research data, each with a computed confidence.",
            r#"{"task": "analyze", "topic": "Long-duration energy storage", "research_data": {}}"#,
        ),
        Kind::Writer => (
            "Writer",
            "Writes a cited report in Markdown and JSON from an analysis and says what it did with each request of the reviewer.",
            r#"{"task": "write_report", "topic": "Long-duration energy storage", "analysis": {}, "feedback": "Shorter, please."}"#,
        ),
    };
    let modes = vec!["application/json".to_owned(), "text/plain".to_owned()];
    AgentCard {
        name: format!("everstep-{}", kind.name()),
        description: does.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        supported_interfaces: vec![AgentInterface::new(url, a2a::TRANSPORT_PROTOCOL_JSONRPC)],
        capabilities: AgentCapabilities {
            streaming: Some(false),
            push_notifications: Some(true),
            extensions: None,
            extended_agent_card: Some(false),
        },
        default_input_modes: modes,
        default_output_modes: vec!["application/json".to_owned()],
        skills: vec![AgentSkill {
            id: kind.task().to_owned(),
            name: title.to_owned(),
            description: does.to_owned(),
            tags: vec!["research".to_owned(), "report".to_owned()],
            examples: Some(vec![example.to_owned()]),
            input_modes: None,
            output_modes: None,
            security_requirements: None,
        }],
        provider: None,
        documentation_url: None,
        icon_url: None,
        security_schemes: None,
        security_requirements: None,
        signatures: None,
    }
}
