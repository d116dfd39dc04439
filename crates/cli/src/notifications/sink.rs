//! What is said of each kind of sink, and how it becomes one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use everstep_dispatch::Signer;
#[cfg(feature = "aws")]
use everstep_dispatch::notify::{Account, EventBridge, Sns};
use everstep_dispatch::notify::{
    Addressees, ENQUEUE, File, Mail, MailOptions, MailSecurity, PagerDuty, Sink, Slack, Webhook,
    WrongSink, http_url,
};
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::secret::{Guarded, Secret};

/// `to` says which it is.
#[derive(Debug, Deserialize)]
#[serde(tag = "to", rename_all = "lowercase", deny_unknown_fields)]
pub enum SinkSettings {
    Webhook {
        url: Guarded,
        secret: Secret,
    },
    Smtp {
        server: String,
        port: Option<u16>,
        #[serde(default)]
        security: Security,
        username: Option<String>,
        password: Option<Secret>,
        from: String,
        #[serde(default)]
        recipients: Vec<String>,
        /// The addresses of those who are asked, by their names.
        #[serde(default)]
        addresses: BTreeMap<String, String>,
        /// A name that is an address of such a domain is its own.
        #[serde(default)]
        domains: Vec<String>,
    },
    Slack {
        url: Guarded,
    },
    PagerDuty {
        routing_key: Secret,
        url: Option<String>,
        source: Option<String>,
    },
    Sns {
        topic: String,
        region: Option<String>,
        profile: Option<String>,
        endpoint: Option<String>,
    },
    EventBridge {
        bus: Option<String>,
        region: Option<String>,
        profile: Option<String>,
        endpoint: Option<String>,
    },
    File {
        path: PathBuf,
    },
    Log {},
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    Tls,
    #[default]
    StartTls,
    None,
}

impl SinkSettings {
    /// The sink itself, with its secrets.
    ///
    /// # Errors
    /// What is wrong, in words that hold no secret.
    pub fn make(self) -> Result<Sink, String> {
        let wrong = |error: everstep_dispatch::notify::WrongSink| error.to_string();
        Ok(match self {
            Self::Webhook { url, secret } => Sink::Webhook(Webhook {
                url: http_url(url.read()?.expose_secret()).map_err(wrong)?,
                signer: Signer::new(secret.read()?.expose_secret())
                    .map_err(|error| wrong(error.into()))?,
            }),
            Self::Slack { url } => Sink::Slack(Slack::new(url.read()?).map_err(wrong)?),
            Self::PagerDuty {
                routing_key,
                url,
                source,
            } => Sink::PagerDuty(PagerDuty {
                url: http_url(url.as_deref().unwrap_or(ENQUEUE)).map_err(wrong)?,
                routing_key: routing_key.read()?,
                source: source.unwrap_or_else(|| "everstep".to_owned()),
            }),
            Self::Smtp {
                server,
                port,
                security,
                username,
                password,
                from,
                recipients,
                addresses,
                domains,
            } => {
                let to = addressees(recipients, addresses, domains).map_err(wrong)?;
                let options = MailOptions {
                    server,
                    port,
                    security: match security {
                        Security::Tls => MailSecurity::Tls,
                        Security::StartTls => MailSecurity::StartTls,
                        Security::None => MailSecurity::None,
                    },
                    username,
                    password: password.map(|secret| secret.read()).transpose()?,
                    from,
                    to,
                };
                Sink::Mail(Box::new(Mail::new(options).map_err(wrong)?))
            }
            Self::File { path } => Sink::File(File { path }),
            Self::Log {} => Sink::Log,
            aws @ (Self::Sns { .. } | Self::EventBridge { .. }) => aws.make_on_aws()?,
        })
    }

    #[cfg(feature = "aws")]
    fn make_on_aws(self) -> Result<Sink, String> {
        match self {
            Self::Sns {
                topic,
                region,
                profile,
                endpoint,
            } => {
                if !topic.starts_with("arn:") {
                    return Err(format!("topic is an ARN, and {topic} is none"));
                }
                // A topic says where it is.
                let region = region.or_else(|| topic.split(':').nth(3).map(str::to_owned));
                let account = Account {
                    region,
                    profile,
                    endpoint,
                };
                Ok(Sink::Sns(Box::new(Sns::new(topic, account))))
            }
            Self::EventBridge {
                bus,
                region,
                profile,
                endpoint,
            } => {
                let account = Account {
                    region,
                    profile,
                    endpoint,
                };
                Ok(Sink::EventBridge(Box::new(EventBridge::new(bus, account))))
            }
            _ => Err("it is no service of AWS".to_owned()),
        }
    }

    #[cfg(not(feature = "aws"))]
    fn make_on_aws(self) -> Result<Sink, String> {
        Err("this binary was built without the feature aws".to_owned())
    }
}

/// Who gets the mails: always the same, or each the one whom it is for.
fn addressees(
    recipients: Vec<String>,
    addresses: BTreeMap<String, String>,
    domains: Vec<String>,
) -> Result<Addressees, WrongSink> {
    match (
        recipients.is_empty(),
        addresses.is_empty() && domains.is_empty(),
    ) {
        (false, false) => Err(WrongSink::ReadByOthers),
        (_, true) => Ok(Addressees::These(recipients)),
        (true, false) => Ok(Addressees::Approver { addresses, domains }),
    }
}
