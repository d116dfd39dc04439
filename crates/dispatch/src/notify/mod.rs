//! Notifications: events that are told to people and systems outside, one file per kind of sink.
//!
//! Each sink makes its request of an [`Event`] by a function that neither waits nor looks at a clock; sending is another matter. Repetition is the
//! engine's: a sink says whether it is worth to try again, and gives every try the same id.
//!
//! - [`event`]: what is told; [`words`]: the same for people; [`seeds`]: in the research workflow's shapes.
//! - [`personal`]: the link in what one person is told alone.
//! - [`outgoing`]: sending by HTTP, with guarded addresses.

#[cfg(feature = "aws")]
mod aws;
mod event;
#[cfg(feature = "aws")]
mod eventbridge;
mod local;
mod outgoing;
mod pagerduty;
mod personal;
#[cfg(feature = "aws")]
mod seeds;
mod slack;
mod smtp;
#[cfg(feature = "aws")]
mod sns;
mod webhook;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use everstep_agent::{Network, NotASecret};
use everstep_core::Timestamp;
use everstep_core::token::Keyring;
use everstep_engine::{Letter, PERSONAL, Undelivered};
use reqwest::Url;

#[cfg(feature = "aws")]
pub use aws::Account;
pub use event::{Event, Unreadable};
#[cfg(feature = "aws")]
pub use eventbridge::EventBridge;
pub use local::File;
pub use outgoing::Outgoing;
pub use pagerduty::{ENQUEUE, PagerDuty};
pub use slack::Slack;
pub use smtp::{Addressees, Mail, MailOptions, MailSecurity};
#[cfg(feature = "aws")]
pub use sns::Sns;
pub use webhook::Webhook;

use personal::Personal;

/// Where events go.
#[derive(Clone, Debug)]
pub enum Sink {
    Webhook(Webhook),
    Mail(Box<Mail>),
    Slack(Slack),
    PagerDuty(PagerDuty),
    #[cfg(feature = "aws")]
    Sns(Box<Sns>),
    #[cfg(feature = "aws")]
    EventBridge(Box<EventBridge>),
    File(File),
    Log,
}

impl Sink {
    /// Whether it tells one person what is for that person: a mail to whoever is asked, a webhook of whoever passes it on.
    #[must_use]
    pub const fn is_personal(&self) -> bool {
        match self {
            Self::Webhook(_) => true,
            Self::Mail(mail) => mail.is_personal(),
            _ => false,
        }
    }
}

/// Options that make no sink.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongSink {
    #[error("its address is no http or https URL")]
    NotAUrl,
    #[error("its secret is no key: {0}")]
    Key(#[from] NotASecret),
    #[error("{text} is no mail address: {why}")]
    NotAMailbox { text: String, why: String },
    #[error("it names nobody who is told")]
    NobodyTold,
    #[error(
        "it has recipients, and goes to whoever is asked: they would get a link of somebody else"
    )]
    ReadByOthers,
    #[error("it has a username without a password, or a password without a username")]
    HalfACredential,
    #[error("its password would travel in the clear: say security = \"starttls\" or \"tls\"")]
    PasswordInTheClear,
    #[error("the mail server {server} can't be used: {why}")]
    MailServer { server: String, why: String },
}

/// Another try may succeed.
pub(crate) fn not_yet(reason: impl Into<String>) -> Undelivered {
    Undelivered {
        again: true,
        reason: reason.into(),
    }
}

/// Another try would end in the same way.
pub(crate) fn never(reason: impl Into<String>) -> Undelivered {
    Undelivered {
        again: false,
        reason: reason.into(),
    }
}

/// The sinks of a server by their names.
#[derive(Clone, Debug)]
pub struct Sinks {
    all: Arc<BTreeMap<String, Sink>>,
    post: outgoing::Post,
}

impl Default for Sinks {
    fn default() -> Self {
        Self::new(BTreeMap::new(), &[])
    }
}

impl Sinks {
    /// Requests go to public addresses and to the networks that are allowed.
    #[must_use]
    pub fn new(all: BTreeMap<String, Sink>, allowed: &[Network]) -> Self {
        Self {
            all: Arc::new(all),
            post: outgoing::Post::new(allowed),
        }
    }

    /// Tells what a letter is about to the sink that it names.
    ///
    /// # Errors
    /// As [`Sinks::tell`]; a letter that is no event is never delivered.
    pub(crate) async fn deliver(
        &self,
        letter: &Letter,
        now: Timestamp,
        ring: &Keyring,
    ) -> Result<(), Undelivered> {
        let (id, at) = (letter.id.to_string(), time(letter.created));
        let (sink, mut event) = Event::read(&id, &at, &letter.body)
            .map_err(|why| never(format!("the letter is no event: {why}")))?;
        let seconds = i64::try_from(now.0 / 1_000).unwrap_or(i64::MAX);
        let personal = Personal::add(&mut event, ring)?;
        let told = self.tell(&sink, &event, seconds).await;
        match personal {
            Some(personal) => told.map_err(|undelivered| personal.without_link(undelivered)),
            None => told,
        }
    }

    /// Tells an event to one sink. `seconds` since 1970 is the present time.
    ///
    /// # Errors
    /// [`Undelivered`]; a sink that is not configured any more will not come back by waiting.
    pub async fn tell(&self, name: &str, event: &Event, seconds: i64) -> Result<(), Undelivered> {
        let Some(sink) = self.all.get(name) else {
            return Err(never(format!(
                "there is no notification sink {name} in the configuration"
            )));
        };
        if event.name == PERSONAL && !sink.is_personal() {
            return Err(never(
                "a link of one person's own is told to that person alone",
            ));
        }
        match sink {
            Sink::Webhook(webhook) => self.post.send(webhook.request(event, seconds)).await,
            Sink::Slack(slack) => match slack.request(event) {
                Ok(outgoing) => self.post.send(outgoing).await,
                Err(wrong) => Err(never(wrong.to_string())),
            },
            Sink::PagerDuty(pagerduty) => self.post.send(pagerduty.request(event)).await,
            Sink::Mail(mail) => mail.send(event).await,
            #[cfg(feature = "aws")]
            Sink::Sns(sns) => sns.send(event).await,
            #[cfg(feature = "aws")]
            Sink::EventBridge(bus) => bus.send(event).await,
            Sink::File(file) => file.write(event).await,
            Sink::Log => {
                local::log(name, event);
                Ok(())
            }
        }
    }
}

/// RFC 3339 in UTC.
fn time(moment: Timestamp) -> String {
    let moment = i64::try_from(moment.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// An address of HTTP.
///
/// # Errors
/// [`WrongSink::NotAUrl`].
pub fn http_url(text: &str) -> Result<Url, WrongSink> {
    match Url::parse(text) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => Ok(url),
        Ok(_) | Err(_) => Err(WrongSink::NotAUrl),
    }
}

/// An event of a test.
#[cfg(test)]
fn case(name: &str, data: &str) -> Event {
    Event {
        id: "letter-1".to_owned(),
        name: name.to_owned(),
        at: "2026-01-02T03:04:05Z".to_owned(),
        data: serde_json::from_str(data).expect("an object"),
    }
}

#[cfg(test)]
mod tests;
