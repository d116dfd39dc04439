//! Agents: functions that live elsewhere and may take hours. An agent is a function of the catalogue whose code is a description of where it
//! is and how it is dealt with, so that whatever names a function names an agent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Agent, FunctionConfig, Runtime, Scaling, is_word};

const DAY_S: u32 = 86_400;
const NAMES_MAX: usize = 100;
const NAME_CHARACTERS_MAX: usize = 128;

/// How an agent is talked to. Without one its card says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialect {
    /// A2A 1.0 over JSON-RPC.
    #[serde(rename = "a2a-1.0")]
    A2a,
    /// A2A 1.0 over HTTP and JSON.
    #[serde(rename = "a2a-1.0-rest")]
    A2aRest,
    /// A2A 0.3 over JSON-RPC.
    #[serde(rename = "a2a-0.3")]
    A2a03,
    /// `tasks/send` below `/invocations`.
    #[serde(rename = "legacy")]
    Legacy,
    /// Bedrock AgentCore with the agent's own payload.
    #[serde(rename = "agentcore")]
    AgentCore,
    /// A signed webhook.
    #[serde(rename = "webhook")]
    Webhook,
    /// A process of this machine.
    #[serde(rename = "process")]
    Process,
}

/// What the answer to a task means, where the dialect does not say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Completion {
    /// What it looks like: an acknowledgement, or the result.
    #[default]
    Told,
    /// It is the result.
    Reply,
    /// The result comes by a callback.
    Callback,
}

/// What is done when nobody knows whether an agent has got its task, and it can't be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// It is sent again, and may be done twice.
    Resend,
    #[default]
    Fail,
}

/// What is done when an agent says that it does not know a task that it had taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLost {
    /// It is sent anew, [`AgentConfig::redispatches`] times at most.
    Redispatch,
    #[default]
    Fail,
}

/// Where an agent is and how it is dealt with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentConfig {
    pub description: String,
    /// Of the agent, or of its card's folder. One of `url`, `arn` and `command` is there.
    pub url: Option<String>,
    /// Of an AgentCore runtime.
    pub arn: Option<String>,
    /// A program of this machine and its arguments.
    pub command: Vec<String>,
    pub dialect: Option<Dialect>,
    /// Public JSON Web Keys: its card counts only if one of them has signed it. Without any, nobody's signature is asked for.
    pub card_keys: Vec<serde_json::Value>,
    /// AgentCore's region and endpoint, where they are not the ARN's.
    pub region: Option<String>,
    pub endpoint: Option<String>,
    pub qualifier: Option<String>,
    /// Where it says whether it is busy, if its tasks can't be asked for: `/ping`.
    pub ping: Option<String>,
    pub completion: Completion,
    /// Variables of the program, which has no others but `PATH`.
    pub environment: BTreeMap<String, String>,
    /// Environment variable of the server with the bearer token that the agent wants.
    pub token_env: Option<String>,
    /// And that with the secret which signs webhooks.
    pub secret_env: Option<String>,
    /// From the first dispatch to the result.
    pub timeout_s: u32,
    /// For a call that is only to be taken, and for one that answers with the result.
    pub call_timeout_s: u32,
    pub run_timeout_s: u32,
    /// What an answer may hold.
    pub reply_bytes_max: u64,
    /// The longest silence of an agent at work.
    pub heartbeat_s: Option<u32>,
    pub on_unknown: OnUnknown,
    pub on_lost: OnLost,
    pub redispatches: u32,
    /// How often a call that fails for a reason which passes is tried.
    pub attempts: u32,
    pub retry_first_ms: u32,
    pub retry_max_ms: u32,
    /// After so many failures in a row nothing is sent for a while; 0 for never.
    pub breaker_failures: u32,
    pub breaker_open_ms: u32,
    /// Tasks that it has at a time.
    pub concurrency: Option<u32>,
    /// Tasks that it gets in a second.
    pub rate_per_s: Option<u32>,
    pub poll_first_ms: u32,
    pub poll_max_ms: u32,
    /// Whether it is asked to tell of its progress by itself.
    pub push: bool,
    /// Whether its stream of progress is followed.
    pub stream: bool,
    /// Who answers what it asks: names, and `group:NAME`; nobody for everybody who may decide.
    pub questions_to: Vec<String>,
    /// Who is asked as well when nobody has answered in time.
    pub questions_escalate_to: Vec<String>,
    /// So long a question waits, if not as long as the task.
    pub question_timeout_s: Option<u32>,
    /// The server's environment variables that an agent may be given which asks for access.
    pub question_secrets: Vec<String>,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            description: String::new(),
            url: None,
            arn: None,
            command: Vec::new(),
            dialect: None,
            card_keys: Vec::new(),
            region: None,
            endpoint: None,
            qualifier: None,
            ping: None,
            completion: Completion::default(),
            environment: BTreeMap::new(),
            token_env: None,
            secret_env: None,
            timeout_s: 28_800,
            call_timeout_s: 30,
            run_timeout_s: 900,
            reply_bytes_max: 128 * 1024 * 1024,
            heartbeat_s: None,
            on_unknown: OnUnknown::default(),
            on_lost: OnLost::default(),
            redispatches: 3,
            attempts: 8,
            retry_first_ms: 1_000,
            retry_max_ms: 60_000,
            breaker_failures: 5,
            breaker_open_ms: 30_000,
            concurrency: None,
            rate_per_s: None,
            poll_first_ms: 1_000,
            poll_max_ms: 60_000,
            push: true,
            stream: false,
            questions_to: Vec::new(),
            questions_escalate_to: Vec::new(),
            question_timeout_s: None,
            question_secrets: Vec::new(),
        }
    }
}

/// Why a description is none of an agent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAgent {
    #[error("{text} is no name of an agent: 1 to 64 letters, digits, - and _")]
    Name { text: String },
    #[error("one of url, arn and command says where it is")]
    Place,
    #[error("its url {text} begins neither with http:// nor with https://")]
    Url { text: String },
    #[error("its arn {text} is none of an AgentCore runtime")]
    Arn { text: String },
    #[error("its {member} is not between {least} and {most}")]
    Range {
        member: &'static str,
        least: u32,
        most: u32,
    },
    #[error(
        "its {member} has {text:?}: {most} names at most, each of 1 to {characters} characters without control characters"
    )]
    Names {
        member: &'static str,
        text: String,
        most: usize,
        characters: usize,
    },
    #[error("there is no member {member}: there are {known}")]
    Member { member: String, known: String },
    #[error("it can't be read: {detail}")]
    Malformed { detail: String },
}

impl AgentConfig {
    /// Reads a description as people write it: members that do not exist are refused, and what can't be is.
    ///
    /// # Errors
    /// [`NotAnAgent`].
    pub fn read(members: serde_json::Map<String, serde_json::Value>) -> Result<Self, NotAnAgent> {
        let malformed = |error: serde_json::Error| NotAnAgent::Malformed {
            detail: error.to_string(),
        };
        let known = serde_json::to_value(Self::default()).map_err(malformed)?;
        let known = known.as_object().cloned().unwrap_or_default();
        if let Some(member) = members.keys().find(|member| !known.contains_key(*member)) {
            let known: Vec<&str> = known.keys().map(String::as_str).collect();
            return Err(NotAnAgent::Member {
                member: member.clone(),
                known: known.join(", "),
            });
        }
        let config: Self =
            serde_json::from_value(serde_json::Value::Object(members)).map_err(malformed)?;
        config.check()?;
        Ok(config)
    }

    /// # Errors
    /// [`NotAnAgent`].
    pub fn check(&self) -> Result<(), NotAnAgent> {
        match (&self.url, &self.arn, self.command.first()) {
            (Some(url), None, None) => {
                if !(url.starts_with("http://") || url.starts_with("https://")) {
                    return Err(NotAnAgent::Url { text: url.clone() });
                }
            }
            (None, Some(arn), None) => {
                if !is_agentcore(arn) {
                    return Err(NotAnAgent::Arn { text: arn.clone() });
                }
            }
            (None, None, Some(_)) => {}
            _ => return Err(NotAnAgent::Place),
        }
        let ranges = [
            ("timeout_s", Some(self.timeout_s), 1, 366 * DAY_S),
            ("call_timeout_s", Some(self.call_timeout_s), 1, 3_600),
            ("run_timeout_s", Some(self.run_timeout_s), 1, 366 * DAY_S),
            ("heartbeat_s", self.heartbeat_s, 1, 366 * DAY_S),
            (
                "question_timeout_s",
                self.question_timeout_s,
                1,
                366 * DAY_S,
            ),
            ("redispatches", Some(self.redispatches), 0, 1_000),
            ("attempts", Some(self.attempts), 1, 1_000),
            ("retry_first_ms", Some(self.retry_first_ms), 1, 3_600_000),
            ("retry_max_ms", Some(self.retry_max_ms), 1, 3_600_000),
            ("breaker_failures", Some(self.breaker_failures), 0, 1_000),
            ("breaker_open_ms", Some(self.breaker_open_ms), 1, 3_600_000),
            ("concurrency", self.concurrency, 1, 1_000_000),
            ("rate_per_s", self.rate_per_s, 1, 1_000_000),
            ("poll_first_ms", Some(self.poll_first_ms), 10, 3_600_000),
            ("poll_max_ms", Some(self.poll_max_ms), 10, 3_600_000),
        ];
        for (member, value, least, most) in ranges {
            if value.is_some_and(|value| !(least..=most).contains(&value)) {
                return Err(NotAnAgent::Range {
                    member,
                    least,
                    most,
                });
            }
        }
        self.check_names()
    }

    fn check_names(&self) -> Result<(), NotAnAgent> {
        let lists = [
            ("questions_to", &self.questions_to),
            ("questions_escalate_to", &self.questions_escalate_to),
            ("question_secrets", &self.question_secrets),
        ];
        for (member, names) in lists {
            let wrong = names.iter().find(|name| !is_name(name));
            let over = names.get(NAMES_MAX);
            if let Some(name) = wrong.or(over) {
                return Err(NotAnAgent::Names {
                    member,
                    text: name.clone(),
                    most: NAMES_MAX,
                    characters: NAME_CHARACTERS_MAX,
                });
            }
        }
        Ok(())
    }

    /// What it is also named by: its URL or its ARN.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.url.as_deref().or(self.arn.as_deref())
    }

    /// What its function is described by.
    #[must_use]
    pub fn function(&self) -> FunctionConfig {
        FunctionConfig {
            runtime: Runtime::Provided,
            runtime_name: String::new(),
            handler: String::new(),
            role: String::new(),
            description: self.description.clone(),
            timeout_s: self.timeout_s,
            memory_mb: 128,
            environment: BTreeMap::new(),
            durable: None,
            log_format: "Text".to_owned(),
            architecture: std::env::consts::ARCH.replace("aarch64", "arm64"),
            layers: Vec::new(),
            dead_letter: None,
            stored: BTreeMap::new(),
            scaling: Scaling::default(),
        }
    }
}

/// A person's, a group's or a variable's, as approvals take them.
fn is_name(text: &str) -> bool {
    let name = text.strip_prefix("group:").unwrap_or(text);
    !name.is_empty()
        && name.trim() == name
        && name.chars().count() <= NAME_CHARACTERS_MAX
        && !name.chars().any(char::is_control)
}

/// Whether a text is an agent's address rather than a function's name.
pub(super) fn is_address(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://") || is_agentcore(text)
}

fn is_agentcore(arn: &str) -> bool {
    let mut parts = arn.split(':');
    parts.next() == Some("arn") && parts.nth(1) == Some("bedrock-agentcore") && parts.count() >= 3
}

impl Agent {
    /// An agent at a URL, dealt with as agents are when nothing more is said.
    #[must_use]
    pub fn at(name: String, url: String, description: String) -> Self {
        let config = AgentConfig {
            url: Some(url),
            description,
            ..AgentConfig::default()
        };
        Self { name, config }
    }

    /// # Errors
    /// [`NotAnAgent`].
    pub fn check(&self) -> Result<(), NotAnAgent> {
        if !is_word(&self.name, 64) {
            return Err(NotAnAgent::Name {
                text: self.name.clone(),
            });
        }
        self.config.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<AgentConfig, NotAnAgent> {
        AgentConfig::read(serde_json::from_str(json).expect("an object"))
    }

    #[test]
    fn a_description_says_one_place() {
        for good in [
            r#"{"url":"http://127.0.0.1:1"}"#,
            r#"{"arn":"arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/a-1"}"#,
            r#"{"command":["cat"],"dialect":"process"}"#,
        ] {
            read(good).expect(good);
        }
        for bad in ["{}", r#"{"url":"http://a","command":["cat"]}"#] {
            assert_eq!(read(bad), Err(NotAnAgent::Place), "{bad}");
        }
        assert!(matches!(
            read(r#"{"url":"ftp://a"}"#),
            Err(NotAnAgent::Url { .. })
        ));
        assert!(matches!(
            read(r#"{"arn":"arn:aws:lambda:a:b:c"}"#),
            Err(NotAnAgent::Arn { .. })
        ));
    }

    #[test]
    fn what_does_not_exist_or_can_not_be_is_named() {
        let why = read(r#"{"url":"http://a","timout_s":5}"#).expect_err("a member");
        assert!(why.to_string().contains("timout_s"), "{why}");
        assert!(why.to_string().contains("timeout_s"), "{why}");
        let why = read(r#"{"url":"http://a","timeout_s":0}"#).expect_err("a range");
        assert!(
            matches!(
                why,
                NotAnAgent::Range {
                    member: "timeout_s",
                    ..
                }
            ),
            "{why}"
        );
        for list in [
            r#"{"url":"http://a","questions_to":[" ann"]}"#,
            r#"{"url":"http://a","questions_to":["group:"]}"#,
            r#"{"url":"http://a","question_secrets":["A\nB"]}"#,
        ] {
            let why = read(list).expect_err("a name");
            assert!(matches!(why, NotAnAgent::Names { .. }), "{why}");
        }
        let why = read(r#"{"url":"http://a","dialect":"klingon"}"#).expect_err("a dialect");
        assert!(why.to_string().contains("a2a-0.3"), "{why}");
    }

    #[test]
    fn what_is_kept_reads_back_and_members_of_later_versions_are_left_alone() {
        let config = read(r#"{"url":"http://a","on_lost":"redispatch","rate_per_s":25}"#);
        let config = config.expect("good");
        let mut kept = serde_json::to_value(&config).expect("JSON");
        kept["of_tomorrow"] = true.into();
        let again: AgentConfig = serde_json::from_value(kept).expect("reads");
        assert_eq!(again, config);
    }
}
