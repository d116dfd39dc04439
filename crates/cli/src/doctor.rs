//! `everstep doctor`: what stands in the way of a server, before it does.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use everstep_dispatch::Network;
use everstep_dispatch::notify::{Event, Sinks};
use everstep_server::Metrics;
use serde::Serialize;
use serde_json::{Value, json};

use crate::artifacts::ArtifactArguments;
use crate::composition::Wanted;
use crate::error::Failed;
use crate::notifications::Notifications;
use crate::output::{self, Format};
use crate::settings::SettingsArgument;
use crate::verbs::Context;

/// How long one sink may take for the test event.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Args)]
pub struct Doctor {
    #[command(flatten)]
    settings: SettingsArgument,
    /// Folder of the server's data
    #[arg(long, default_value = ".everstep")]
    data: PathBuf,
    /// Send a test event, `everstep.test`, to every sink
    #[arg(long)]
    tell: bool,
    /// Network that the test event may reach although it is not public; this machine is always reached
    #[arg(long, value_name = "NETWORK")]
    http_allow: Vec<Network>,
}

/// How long an agent may take to answer anything.
const AGENT_PATIENCE: Duration = Duration::from_secs(5);

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Looked {
    what: String,
    ok: bool,
    found: String,
}

impl Looked {
    fn fine(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            ok: true,
            found: found.into(),
        }
    }

    fn wrong(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            ok: false,
            ..Self::fine(what, found)
        }
    }
}

impl Doctor {
    pub fn run(self, context: &Context) -> Result<()> {
        let mut looked = vec![self.folder()];
        let notifications = self.settings(&mut looked);
        if self.tell {
            let runtime = tokio::runtime::Runtime::new()?;
            looked.extend(runtime.block_on(self.tell(notifications)));
        }
        looked.extend(server(context));
        show(context.format, &looked)?;
        let wrong = looked.iter().filter(|looked| !looked.ok).count();
        if wrong == 0 {
            return Ok(());
        }
        let text = format!("{wrong} of {} are not as they should be", looked.len());
        Err(Failed::Outcome(text).into())
    }

    /// Whether everything that a server writes can be written.
    fn folder(&self) -> Looked {
        let what = "data folder";
        let shown = self.data.display();
        if !self.data.exists() {
            return Looked::fine(what, format!("{shown} is not there yet; a server makes it"));
        }
        let probe = self.data.join(format!(".doctor-{}", std::process::id()));
        let written = std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe));
        match written {
            Ok(()) => Looked::fine(what, format!("{shown} can be written")),
            Err(error) => Looked::wrong(what, format!("{shown} can't be written: {error}")),
        }
    }

    /// Looks at every section, and at every sink by itself: one that is wrong hides no other.
    fn settings(&self, looked: &mut Vec<Looked>) -> Notifications {
        let settings = match self.settings.read() {
            Ok(settings) => settings,
            Err(error) => {
                looked.push(Looked::wrong("settings", error.to_string()));
                return Notifications::default();
            }
        };
        let (notifications, findings) = match Notifications::look(&settings) {
            Ok(read) => read,
            Err(error) => {
                looked.push(Looked::wrong("notify", error.to_string()));
                return Notifications::default();
            }
        };
        let claims = ArtifactArguments::default().claims(&settings);
        let wanted = claims.and_then(|claims| {
            Wanted::with(
                &settings,
                claims,
                Notifications::default(),
                Metrics::default(),
            )
        });
        match wanted {
            Ok(_) => looked.push(Looked::fine("settings", "they can be used")),
            Err(error) => looked.push(Looked::wrong("settings", error.to_string())),
        }
        for subscribed in &notifications.subscribed {
            let events = subscribed.events.join(", ");
            looked.push(Looked::fine(
                of(&subscribed.sink),
                format!("hears of {events}"),
            ));
        }
        for finding in findings {
            looked.push(Looked::wrong(of(&finding.sink), finding.why));
        }
        notifications
    }

    async fn tell(&self, notifications: Notifications) -> Vec<Looked> {
        let mut allowed = self.http_allow.clone();
        allowed.extend(Network::loopback());
        let names: Vec<String> = notifications.sinks.keys().cloned().collect();
        let sinks = Sinks::new(notifications.sinks, &allowed);
        let now = jiff::Timestamp::now();
        let event = Event {
            id: format!("doctor-{}", now.as_millisecond()),
            name: "everstep.test".to_owned(),
            at: now.to_string(),
            data: [("title".to_owned(), "A test by everstep doctor".into())]
                .into_iter()
                .collect(),
        };
        let mut looked = Vec::new();
        for name in names {
            let telling = sinks.tell(&name, &event, now.as_second());
            looked.push(match tokio::time::timeout(PATIENCE, telling).await {
                Ok(Ok(())) => Looked::fine(of(&name), "took the test event"),
                Ok(Err(undelivered)) => Looked::wrong(of(&name), undelivered.reason),
                Err(_) => {
                    let seconds = PATIENCE.as_secs();
                    Looked::wrong(of(&name), format!("did not answer in {seconds} s"))
                }
            });
        }
        looked
    }
}

fn of(sink: &str) -> String {
    format!("notify {sink}")
}

/// The server that the command line reaches, and what it knows of agents and letters; one that does not run is no fault.
fn server(context: &Context) -> Vec<Looked> {
    let Ok(client) = context.client() else {
        return Vec::new();
    };
    let Ok(health) = client.get("/health") else {
        return vec![Looked::fine("server", "none answers")];
    };
    let version = health.get("version").and_then(Value::as_str);
    let mut looked = vec![Looked::fine(
        "server",
        format!("version {} answers", version.unwrap_or("?")),
    )];
    match client.get("/agents") {
        Ok(answer) => {
            let agents = answer.get("agents").and_then(Value::as_array);
            looked.extend(agents.into_iter().flatten().filter_map(agent));
        }
        Err(error) => looked.push(Looked::wrong("agents", error.to_string())),
    }
    looked
}

/// Whether an agent answers at its address with anything at all: which of its paths does is the matter of its dialect.
fn agent(agent: &Value) -> Option<Looked> {
    let text = |member| agent.get(member).and_then(Value::as_str);
    let (name, url) = (text("name")?, text("url")?);
    if !url.starts_with("http") {
        return None;
    }
    let what = format!("agent {name}");
    let http = reqwest::blocking::Client::builder()
        .timeout(AGENT_PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build();
    let card = format!("{}/.well-known/agent-card.json", url.trim_end_matches('/'));
    Some(match http.and_then(|http| http.get(card).send()) {
        Ok(answer) => Looked::fine(what, format!("answers at {url} ({})", answer.status())),
        Err(error) => {
            let why = if error.is_timeout() {
                "in time"
            } else {
                "there"
            };
            Looked::wrong(what, format!("{url}: nobody answers {why}"))
        }
    })
}

fn show(format: Format, looked: &[Looked]) -> Result<()> {
    if matches!(format, Format::Json) {
        return output::line(json!({ "looked": looked }));
    }
    for one in looked {
        let mark = if one.ok { "ok   " } else { "WRONG" };
        output::line(format!("{mark}  {}: {}", one.what, one.found))?;
    }
    Ok(())
}
