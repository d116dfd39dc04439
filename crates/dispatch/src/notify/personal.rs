//! Events for one person: with a link that decides for that person. The link is made when it is sent; no journal, letter or log has it.

use everstep_approval::Claim;
use everstep_core::token::Keyring;
use everstep_core::{ExecutionId, Timestamp};
use everstep_engine::PERSONAL;
use serde_json::Value;

use super::{Event, Undelivered, never, time};

/// So much of a link says what it is for, and not that one may.
const TELLING_LETTERS: usize = 16;

/// A link on its way.
pub(super) struct Personal {
    token: String,
}

impl Personal {
    /// Adds the link to an event that is for one person.
    ///
    /// # Errors
    /// The event does not say for whom it is, or about what.
    pub(super) fn add(event: &mut Event, ring: &Keyring) -> Result<Option<Self>, Undelivered> {
        if event.name != PERSONAL {
            return Ok(None);
        }
        let made = made(event, ring);
        let (token, under, expires) =
            made.ok_or_else(|| never("the invitation does not say whom it is for, or about what"))?;
        let url = format!("{under}{token}");
        event.data.insert("approve_url".to_owned(), url.into());
        let ends = time(expires);
        event.data.insert("link_ends".to_owned(), ends.into());
        Ok(Some(Self { token }))
    }

    /// Why it was not delivered, without the link: whoever answers may repeat what it was sent.
    pub(super) fn without_link(&self, undelivered: Undelivered) -> Undelivered {
        let begins = self.token.get(..TELLING_LETTERS).unwrap_or(&self.token);
        let reason = match undelivered.reason.split_once(begins) {
            Some((before, _)) => format!("{before}…"),
            None => undelivered.reason,
        };
        Undelivered {
            again: undelivered.again,
            reason,
        }
    }
}

fn made(event: &Event, ring: &Keyring) -> Option<(String, String, Timestamp)> {
    let number = event.find(&["link/number"]).and_then(Value::as_u64)?;
    let expires = Timestamp(event.find(&["link/expires_ms"]).and_then(Value::as_u64)?);
    let approval: ExecutionId = event.text(&["approval_id"])?.parse().ok()?;
    let claim = Claim {
        approval,
        number: u32::try_from(number).ok()?,
        approver: event.text(&["approver"])?,
        expires,
        digest: event.text(&["digest"])?,
    };
    let under = event.text(&["link/under"])?.to_owned();
    Some((claim.token(ring), under, expires))
}

#[cfg(test)]
mod tests {
    use everstep_core::Shard;

    use super::*;
    use crate::notify::{case, not_yet};

    fn invitation(id: &str) -> Event {
        let body = format!(
            r#"{{"execution":{{"id":"{id}"}},"detail":{{"approval_id":"{id}","approver":"ann","digest":"d",
                "link":{{"number":1,"expires_ms":1700000000000,"under":"http://here/approvals/link/"}}}}}}"#
        );
        case(PERSONAL, &body)
    }

    #[test]
    fn the_link_is_in_the_event_alone() {
        let ring = Keyring::new([7; 32]);
        let id = ExecutionId::new(1, 2, Shard(3)).to_string();
        let mut event = invitation(&id);
        let personal = Personal::add(&mut event, &ring)
            .expect("an invitation")
            .expect("personal");
        let url = format!("http://here/approvals/link/{}", personal.token);
        assert_eq!(event.text(&["approve_url"]), Some(&*url));
        assert_eq!(event.text(&["link_ends"]), Some("2023-11-14T22:13:20.000Z"));
        let echo = not_yet(format!("it answered 500: {{\"approve_url\":\"{url}"));
        let told = personal.without_link(echo);
        assert_eq!(
            told.reason,
            "it answered 500: {\"approve_url\":\"http://here/approvals/link/…"
        );
        let mut common = case("approval.requested", "{}");
        assert!(matches!(Personal::add(&mut common, &ring), Ok(None)));
        assert!(common.data.is_empty());
    }

    #[test]
    fn an_invitation_of_nobody_is_never_delivered() {
        let ring = Keyring::new([7; 32]);
        let undelivered = Personal::add(&mut invitation("no id"), &ring)
            .err()
            .expect("refused");
        assert!(!undelivered.again);
    }
}
