//! Mail, by SMTP with TLS from the beginning, by STARTTLS, or in the clear where the operator says so.

use lettre::message::{Mailbox, Message, header::ContentType};
use lettre::transport::smtp::AsyncSmtpTransportBuilder;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeMap;
use std::time::Duration;

use super::{Event, Undelivered, WrongSink, never, not_yet, words};

const TIMEOUT: Duration = Duration::from_secs(30);
/// The event that `everstep doctor` tells.
const TEST: &str = "everstep.test";

/// How a connection to the mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MailSecurity {
    /// TLS from the first byte; port 465 unless told.
    Tls,
    /// Begins in the clear and goes on with TLS, or not at all; port 587 unless told.
    #[default]
    StartTls,
    /// Nothing: for a server on this machine; port 25 unless told.
    None,
}

/// What the operator says of mail.
#[derive(Clone, Debug)]
pub struct MailOptions {
    pub server: String,
    pub port: Option<u16>,
    pub security: MailSecurity,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    pub from: String,
    pub to: Addressees,
}

/// Who gets a sink's mails.
#[derive(Clone, Debug)]
pub enum Addressees {
    /// Always the same.
    These(Vec<String>),
    /// Whoever an invitation is for: the address that stands for a name, or the name itself where it is an address of such a domain.
    Approver {
        addresses: BTreeMap<String, String>,
        domains: Vec<String>,
    },
}

#[derive(Clone, Debug)]
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: To,
}

#[derive(Clone, Debug)]
enum To {
    These(Vec<Mailbox>),
    Approver {
        addresses: BTreeMap<String, Mailbox>,
        domains: Vec<String>,
    },
}

impl Mail {
    /// # Errors
    /// An address is none, nobody is told, or a password would travel in the clear.
    pub fn new(options: MailOptions) -> Result<Self, WrongSink> {
        let mailbox = |text: &String| {
            text.parse::<Mailbox>()
                .map_err(|error| WrongSink::NotAMailbox {
                    text: text.clone(),
                    why: error.to_string(),
                })
        };
        let from = mailbox(&options.from)?;
        let to = match &options.to {
            Addressees::These(to) => To::These(to.iter().map(mailbox).collect::<Result<_, _>>()?),
            Addressees::Approver { addresses, domains } => {
                let addresses = addresses.iter();
                let read = addresses.map(|(name, text)| Ok((name.clone(), mailbox(text)?)));
                To::Approver {
                    addresses: read.collect::<Result<_, WrongSink>>()?,
                    domains: domains.clone(),
                }
            }
        };
        let nobody = match &to {
            To::These(to) => to.is_empty(),
            To::Approver { addresses, domains } => addresses.is_empty() && domains.is_empty(),
        };
        if nobody {
            return Err(WrongSink::NobodyTold);
        }
        Ok(Self {
            transport: transport(&options)?,
            from,
            to,
        })
    }

    /// Whether each mail goes to whoever it is for.
    #[must_use]
    pub const fn is_personal(&self) -> bool {
        matches!(self.to, To::Approver { .. })
    }

    pub(super) async fn send(&self, event: &Event) -> Result<(), Undelivered> {
        let undelivered = |error: lettre::transport::smtp::Error| {
            if error.is_permanent() {
                never(error.to_string())
            } else {
                not_yet(error.to_string())
            }
        };
        if self.is_personal() && event.name == TEST {
            // There is nobody to tell: that the server answers is all that can be found out.
            return match self
                .transport
                .test_connection()
                .await
                .map_err(undelivered)?
            {
                true => Ok(()),
                false => Err(not_yet("the mail server does not answer as one")),
            };
        }
        let message = self.message(event).map_err(never)?;
        self.transport
            .send(message)
            .await
            .map(drop)
            .map_err(undelivered)
    }

    /// Who gets the mail about an event.
    fn mailboxes(&self, event: &Event) -> Result<Vec<Mailbox>, String> {
        let (addresses, domains) = match &self.to {
            To::These(to) => return Ok(to.clone()),
            To::Approver { addresses, domains } => (addresses, domains),
        };
        let approver = event.text(&["approver"]);
        let approver = approver.ok_or("it is for nobody in particular")?;
        if let Some(known) = addresses.get(approver) {
            return Ok(vec![known.clone()]);
        }
        let own = approver.parse::<Mailbox>().ok().filter(|mailbox| {
            let mut domains = domains.iter();
            domains.any(|domain| domain.eq_ignore_ascii_case(mailbox.email.domain()))
        });
        own.map(|mailbox| vec![mailbox]).ok_or_else(|| {
            format!(
                "{approver} has no address among the sink's addresses, and is none of its domains"
            )
        })
    }

    /// Its id is made of the event's, so that a mailbox can tell a second copy.
    fn message(&self, event: &Event) -> Result<Message, String> {
        let domain = self.from.email.domain();
        let id: String = event
            .id
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() {
                    letter
                } else {
                    '.'
                }
            })
            .collect();
        let mut message = Message::builder()
            .from(self.from.clone())
            .message_id(Some(format!("<{id}@{domain}>")))
            .subject(words::headline(event))
            .header(ContentType::TEXT_PLAIN);
        for to in self.mailboxes(event)? {
            message = message.to(to);
        }
        message.body(text(event)).map_err(|error| error.to_string())
    }
}

fn transport(options: &MailOptions) -> Result<AsyncSmtpTransport<Tokio1Executor>, WrongSink> {
    let wrong = |error: lettre::transport::smtp::Error| WrongSink::MailServer {
        server: options.server.clone(),
        why: error.to_string(),
    };
    let tls = || TlsParameters::new(options.server.clone()).map_err(wrong);
    let (tls, port) = match options.security {
        MailSecurity::Tls => (Tls::Wrapper(tls()?), 465),
        MailSecurity::StartTls => (Tls::Required(tls()?), 587),
        MailSecurity::None => (Tls::None, 25),
    };
    let mut builder: AsyncSmtpTransportBuilder =
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&options.server)
            .port(options.port.unwrap_or(port))
            .tls(tls)
            .timeout(Some(TIMEOUT));
    match (&options.username, &options.password) {
        (Some(_), Some(_)) if options.security == MailSecurity::None => {
            return Err(WrongSink::PasswordInTheClear);
        }
        (Some(username), Some(password)) => {
            let password = password.expose_secret().to_owned();
            builder = builder.credentials(Credentials::new(username.clone(), password));
        }
        (None, None) => {}
        (Some(_), None) | (None, Some(_)) => return Err(WrongSink::HalfACredential),
    }
    Ok(builder.build())
}

fn text(event: &Event) -> String {
    let mut text = words::headline(event);
    text.push_str("\n\n");
    for (label, value) in words::lines(event) {
        text.push_str(&format!("{label}: {value}\n"));
    }
    text.push_str(&format!("\n-- \nEverstep, {} {}\n", event.name, event.id));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::case;

    fn options() -> MailOptions {
        MailOptions {
            server: "localhost".to_owned(),
            port: None,
            security: MailSecurity::None,
            username: None,
            password: None,
            from: "Everstep <everstep@example.org>".to_owned(),
            to: Addressees::These(vec!["reviewers@example.org".to_owned()]),
        }
    }

    #[test]
    fn a_mail_has_one_subject_whatever_the_event_holds() {
        let mail = Mail::new(options()).expect("a sink");
        let event = case(
            "approval.requested",
            r#"{"workflow_id":"w-1","title":"Release\r\nBcc: everybody@example.org","review_url":"https://example.org/r"}"#,
        );
        let message = mail.message(&event).expect("a message").formatted();
        let message = String::from_utf8(message).expect("text");
        let (head, body) = message.split_once("\r\n\r\n").expect("a head and a body");
        assert!(
            head.contains("Message-ID: <letter.1@example.org>"),
            "{head}"
        );
        assert!(!head.contains("\r\nBcc"), "{head}");
        assert!(body.contains("Review: https://example.org/r"), "{body}");
    }

    #[test]
    fn an_invitation_goes_to_its_approver_where_the_operator_knows_the_address() {
        let mut options = options();
        options.to = Addressees::Approver {
            addresses: BTreeMap::from([("bob".to_owned(), "Bob <bob@example.net>".to_owned())]),
            domains: vec!["example.org".to_owned()],
        };
        let mail = Mail::new(options).expect("a sink");
        let to = |approver: &str| {
            let data = format!(r#"{{"detail":{{"approver":"{approver}"}}}}"#);
            let mailboxes = mail.mailboxes(&case("approval.invited", &data))?;
            Ok(mailboxes.iter().map(|to| to.email.to_string()).collect())
        };
        let all = |address: &str| Ok::<_, String>(vec![address.to_owned()]);
        assert_eq!(to("bob"), all("bob@example.net"));
        assert_eq!(to("ann@Example.org"), all("ann@Example.org"));
        for stranger in ["carl", "carl@evil.example", "carl@example.org.evil.example"] {
            assert!(to(stranger).is_err(), "{stranger}");
        }
    }

    #[test]
    fn wrong_options_are_told() {
        let wrong = |change: fn(&mut MailOptions)| {
            let mut options = options();
            change(&mut options);
            Mail::new(options).expect_err("wrong")
        };
        assert!(matches!(
            wrong(|options| options.from = "nobody".to_owned()),
            WrongSink::NotAMailbox { .. }
        ));
        assert!(matches!(
            wrong(|options| options.to = Addressees::These(Vec::new())),
            WrongSink::NobodyTold
        ));
        assert!(matches!(
            wrong(|options| options.username = Some("me".to_owned())),
            WrongSink::HalfACredential
        ));
        let clear = wrong(|options| {
            options.username = Some("me".to_owned());
            options.password = Some("hush".to_owned().into());
        });
        assert!(matches!(clear, WrongSink::PasswordInTheClear));
    }
}
