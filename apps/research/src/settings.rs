//! Configuration by the seed's environment variables. Whatever is required and missing is named at start, all of it at once.

use std::time::Duration;

use serde_json::Value;

mod approvers;

/// Which function this process serves; each needs its own part of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The durable controller.
    Workflow,
    /// `DurableControllerFunction` and the API: they start, settle and read.
    Front,
    /// The callback handler, which only AWS needs.
    Callback,
}

/// Whose services keep records and artifacts and take events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Everstep's own.
    Everstep,
    /// DynamoDB, S3, SNS and EventBridge.
    Aws,
}

/// Names and defaults of the research specification, §3, and of this build's own settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `RESEARCH_SERVICES`: `everstep` or `aws`. Unset, it is Everstep where `EVERSTEP_URL` says that there is one, and otherwise AWS if
    /// this build knows AWS.
    pub backend: Backend,
    /// `ARTIFACT_BUCKET`.
    pub artifact_bucket: String,
    /// `WORKFLOW_TABLE`.
    pub workflow_table: String,
    /// `RESEARCHER_AGENT_ARN`: an A2A address or an ARN. Empty for [`Role::Front`].
    pub researcher: String,
    /// `ANALYST_AGENT_ARN`.
    pub analyst: String,
    /// `WRITER_AGENT_ARN`.
    pub writer: String,
    /// `CALLBACK_API_URL` without a slash at its end; on Everstep it defaults to `EVERSTEP_URL`.
    pub callback_api_url: String,
    /// `EVERSTEP_URL`, the artifact service; falls back to `CALLBACK_API_URL`.
    pub service_url: String,
    /// `EVERSTEP_WORKER_TOKEN`: what the service knows this process by; absent on AWS.
    pub service_token: Option<ServiceToken>,
    /// `APPROVAL_TIMEOUT_HOURS`, 24 by default; fractions are allowed.
    pub approval_timeout: Duration,
    /// `APPROVAL_APPROVERS`: names, or `group:NAME`, with commas between them; everybody with a name unless told.
    pub approvers: Vec<String>,
    /// `APPROVAL_QUORUM`: so many of them; 1 unless told.
    pub approval_quorum: u32,
    /// `APPROVAL_REMINDERS`: so long after the request each, such as `4h,12h`.
    pub approval_reminders: Vec<String>,
    /// `APPROVAL_LINKS`: `true`, or how long a link is good: each approver is sent one of their own.
    pub approval_links: Option<Value>,
    /// `APPROVAL_SNS_TOPIC_ARN`.
    pub approval_topic: Option<String>,
    /// `EVENT_SINK_URL`: receives every event as a POST.
    pub event_sink_url: Option<String>,
    /// `EVENT_BUS_NAME`: the EventBridge bus; the account's default one unless told.
    pub event_bus: Option<String>,
    /// `CALLBACK_ALLOW_ORIGIN`: what the callback handler answers as `Access-Control-Allow-Origin`; `*` unless told.
    pub callback_allow_origin: String,
    /// `POLL_SECONDS`: waits between two looks at an agent's task; the last one repeats.
    pub poll_seconds: Vec<u64>,
    /// `WORKFLOW_FUNCTION`: the durable function with its qualifier.
    pub workflow_function: String,
}

/// A secret that no log shows.
#[derive(Clone)]
pub struct ServiceToken(pub String);

impl std::fmt::Debug for ServiceToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServiceToken")
    }
}

/// The variables that are missing or unusable; the message names each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("configuration: {}", .0.join("; "))]
pub struct SettingsError(pub Vec<String>);

/// The durable function that [`Settings::workflow_function`] defaults to.
pub const WORKFLOW_FUNCTION: &str = "ResearchWorkflow:$LATEST";

const POLL_SECONDS: [u64; 5] = [30, 60, 120, 300, 600];

impl Settings {
    /// Reads the process environment.
    ///
    /// # Errors
    /// Names every variable that is missing or cannot be read.
    pub fn from_env(role: Role) -> Result<Self, SettingsError> {
        Self::read(role, |name| std::env::var(name).ok())
    }

    /// Reads from any source of variables; an empty value counts as missing.
    ///
    /// # Errors
    /// Names every variable that is missing or cannot be read.
    pub fn read(role: Role, get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut faults = Vec::new();
        let optional = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let mut required = |name: &str| {
            optional(name).unwrap_or_else(|| {
                faults.push(format!("{name} is required and not set"));
                String::new()
            })
        };
        let artifact_bucket = required("ARTIFACT_BUCKET");
        let workflow_table = required("WORKFLOW_TABLE");
        // Everstep tells every function its own address: there, callbacks come home without being told where that is.
        let everstep_url = optional("EVERSTEP_URL").map(|url| trim_slash(&url));
        let callback_api_url = match (optional("CALLBACK_API_URL"), &everstep_url) {
            (Some(url), _) => trim_slash(&url),
            (None, Some(url)) => url.clone(),
            (None, None) if role == Role::Callback => String::new(),
            (None, None) => required("CALLBACK_API_URL"),
        };
        let mut agent = |name: &str| match role {
            Role::Workflow => required(name),
            Role::Front | Role::Callback => optional(name).unwrap_or_default(),
        };
        let researcher = agent("RESEARCHER_AGENT_ARN");
        let analyst = agent("ANALYST_AGENT_ARN");
        let writer = agent("WRITER_AGENT_ARN");

        let approval_timeout = optional("APPROVAL_TIMEOUT_HOURS")
            .map_or(Ok(Duration::from_secs(24 * 3600)), |text| hours(&text));
        let poll_seconds =
            optional("POLL_SECONDS").map_or(Ok(POLL_SECONDS.to_vec()), |text| seconds(&text));
        let backend = backend(role, optional("RESEARCH_SERVICES"), everstep_url.is_some());
        faults.extend(approval_timeout.as_ref().err().cloned());
        faults.extend(poll_seconds.as_ref().err().cloned());
        faults.extend(backend.as_ref().err().cloned());
        let approvals = approvers::read(&optional, &mut faults);
        match (approval_timeout, poll_seconds, backend) {
            (Ok(approval_timeout), Ok(poll_seconds), Ok(backend)) if faults.is_empty() => {
                Ok(Self {
                    backend,
                    service_url: everstep_url.unwrap_or_else(|| callback_api_url.clone()),
                    artifact_bucket,
                    workflow_table,
                    researcher,
                    analyst,
                    writer,
                    callback_api_url,
                    service_token: optional("EVERSTEP_WORKER_TOKEN").map(ServiceToken),
                    approval_timeout,
                    approvers: approvals.approvers,
                    approval_quorum: approvals.quorum,
                    approval_reminders: approvals.reminders,
                    approval_links: approvals.links,
                    approval_topic: optional("APPROVAL_SNS_TOPIC_ARN"),
                    event_sink_url: optional("EVENT_SINK_URL"),
                    event_bus: optional("EVENT_BUS_NAME"),
                    callback_allow_origin: optional("CALLBACK_ALLOW_ORIGIN")
                        .unwrap_or_else(|| "*".to_owned()),
                    poll_seconds,
                    workflow_function: optional("WORKFLOW_FUNCTION")
                        .unwrap_or_else(|| WORKFLOW_FUNCTION.to_owned()),
                })
            }
            _ => Err(SettingsError(faults)),
        }
    }

    /// Where an agent sends its result for this workflow; the token says which wait it settles.
    #[must_use]
    pub fn callback_url(&self, workflow_id: &str) -> String {
        format!("{}/callbacks/{workflow_id}", self.callback_api_url)
    }

    /// The seed's address of a decision.
    #[must_use]
    pub fn approve_url(&self, workflow_id: &str) -> String {
        format!("{}/approve/{workflow_id}", self.callback_api_url)
    }

    /// The wait before look number `round`, counted from 0.
    #[must_use]
    pub fn poll_wait(&self, round: usize) -> Duration {
        let last = self.poll_seconds.last().copied().unwrap_or(600);
        Duration::from_secs(self.poll_seconds.get(round).copied().unwrap_or(last))
    }
}

fn backend(role: Role, told: Option<String>, everstep: bool) -> Result<Backend, String> {
    let chosen = match told.as_deref().map(str::trim) {
        Some("aws") => Backend::Aws,
        Some("everstep") => Backend::Everstep,
        Some(other) => {
            return Err(format!(
                "RESEARCH_SERVICES must be everstep or aws, not {other:?}"
            ));
        }
        None if role == Role::Callback => Backend::Aws,
        None if everstep || !cfg!(feature = "aws") => Backend::Everstep,
        None => Backend::Aws,
    };
    match (chosen, role) {
        (Backend::Aws, _) if !cfg!(feature = "aws") => Err(
            "RESEARCH_SERVICES is aws, and this program was built without AWS: build it with `--features aws`"
                .to_owned(),
        ),
        (Backend::Everstep, Role::Callback) => Err(
            "RESEARCH_SERVICES is everstep, whose server receives callbacks itself: the callback handler is for aws"
                .to_owned(),
        ),
        _ => Ok(chosen),
    }
}

fn trim_slash(url: &str) -> String {
    url.trim().trim_end_matches('/').to_owned()
}

fn hours(text: &str) -> Result<Duration, String> {
    let fault = || {
        format!(
            "APPROVAL_TIMEOUT_HOURS must be a number of hours above 0 and at most 8784, not {text:?}"
        )
    };
    let hours: f64 = text.trim().parse().map_err(|_| fault())?;
    if hours > 0.0 && hours <= 8784.0 {
        Ok(Duration::from_secs(
            Duration::from_secs_f64(hours * 3600.0).as_secs_f64().ceil() as u64,
        ))
    } else {
        Err(fault())
    }
}

fn seconds(text: &str) -> Result<Vec<u64>, String> {
    let parsed: Result<Vec<u64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    match parsed {
        Ok(list) if list.iter().all(|wait| (1..=86_400).contains(wait)) => Ok(list),
        _ => Err(format!(
            "POLL_SECONDS must be whole seconds from 1 to 86400, separated by commas, not {text:?}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(extra: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        let mut all = vec![
            ("ARTIFACT_BUCKET", "b"),
            ("WORKFLOW_TABLE", "t"),
            ("RESEARCHER_AGENT_ARN", "http://r"),
            ("ANALYST_AGENT_ARN", "http://a"),
            ("WRITER_AGENT_ARN", "http://w"),
            ("CALLBACK_API_URL", "http://api/"),
        ];
        all.extend(extra);
        let owned: Vec<(String, String)> = all
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        move |name| {
            owned
                .iter()
                .rev()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        }
    }

    #[test]
    fn defect_09_every_missing_variable_is_named_at_start() {
        let error = Settings::read(Role::Workflow, |_| None).expect_err("nothing is set");
        let text = error.to_string();
        for name in [
            "ARTIFACT_BUCKET",
            "WORKFLOW_TABLE",
            "RESEARCHER_AGENT_ARN",
            "ANALYST_AGENT_ARN",
            "WRITER_AGENT_ARN",
            "CALLBACK_API_URL",
        ] {
            assert!(text.contains(name), "{text} should name {name}");
        }
        let front = Settings::read(Role::Front, |_| None)
            .expect_err("nothing is set")
            .to_string();
        assert!(!front.contains("AGENT_ARN"), "{front}");
    }

    #[test]
    fn services_are_everstep_where_it_is_and_aws_only_in_a_build_that_knows_it() {
        let read = |role, extra: &[(&str, &str)]| {
            Settings::read(role, env(extra)).map(|settings| settings.backend)
        };
        let there = [("EVERSTEP_URL", "http://e")];
        assert_eq!(read(Role::Workflow, &there), Ok(Backend::Everstep));
        let told = read(Role::Front, &[("RESEARCH_SERVICES", "aws")]);
        let handler = read(Role::Callback, &[("CALLBACK_API_URL", "")]);
        if cfg!(feature = "aws") {
            assert_eq!(read(Role::Workflow, &[]), Ok(Backend::Aws));
            assert_eq!((told, handler), (Ok(Backend::Aws), Ok(Backend::Aws)));
        } else {
            assert_eq!(read(Role::Workflow, &[]), Ok(Backend::Everstep));
            for refused in [told, handler] {
                let text = refused.expect_err("no AWS in here").to_string();
                assert!(text.contains("RESEARCH_SERVICES"), "{text}");
            }
        }
        let wrong = read(Role::Callback, &[("RESEARCH_SERVICES", "everstep")]);
        assert!(wrong.is_err(), "the server receives callbacks itself");
    }

    #[test]
    fn defaults_are_those_of_the_specification() {
        let settings = Settings::read(Role::Workflow, env(&[])).expect("complete");
        assert_eq!(settings.approval_timeout, Duration::from_secs(86_400));
        assert_eq!(settings.callback_url("w-1"), "http://api/callbacks/w-1");
        assert_eq!(settings.service_url, "http://api");
        let waits: Vec<u64> = (0..7)
            .map(|round| settings.poll_wait(round).as_secs())
            .collect();
        assert_eq!(waits, [30, 60, 120, 300, 600, 600, 600]);
    }

    #[test]
    fn unusable_values_are_refused_by_name() {
        for (name, value) in [
            ("APPROVAL_TIMEOUT_HOURS", "soon"),
            ("APPROVAL_TIMEOUT_HOURS", "0"),
            ("POLL_SECONDS", "0"),
            ("POLL_SECONDS", "1,x"),
            ("RESEARCH_SERVICES", "azure"),
        ] {
            let error = Settings::read(Role::Workflow, env(&[(name, value)])).expect_err(value);
            assert!(error.to_string().contains(name), "{error}");
        }
        let short = Settings::read(Role::Workflow, env(&[("APPROVAL_TIMEOUT_HOURS", "0.0001")]))
            .expect("fraction");
        assert_eq!(short.approval_timeout, Duration::from_secs(1));
    }
}
