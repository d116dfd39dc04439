//! Mail, by SMTP with TLS from the beginning, by STARTTLS, or in the clear where the operator says so.

use lettre::message::{Mailbox, Message, header::ContentType};
use lettre::transport::smtp::AsyncSmtpTransportBuilder;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;

use super::{Event, Undelivered, WrongSink, never, not_yet, words};

const TIMEOUT: Duration = Duration::from_secs(30);

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
    pub to: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
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
        let to = options
            .to
            .iter()
            .map(mailbox)
            .collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err(WrongSink::NobodyTold);
        }
        Ok(Self {
            transport: transport(&options)?,
            from,
            to,
        })
    }

    pub(super) async fn send(&self, event: &Event) -> Result<(), Undelivered> {
        let message = self.message(event).map_err(never)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(never(error.to_string())),
            Err(error) => Err(not_yet(error.to_string())),
        }
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
        for to in &self.to {
            message = message.to(to.clone());
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
            to: vec!["reviewers@example.org".to_owned()],
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
            wrong(|options| options.to.clear()),
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
