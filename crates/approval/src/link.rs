//! The address of a link: derived from what the journal says of it and the server's key, and stored nowhere.
//!
//! It is signed over the approval, its own number, the approver, the digest of what is asked and its time. The last three stand in the journal:
//! nothing in the link can be changed, and what it says died with the journal's word for it. A seal over what stands in the link itself comes
//! first: for a text that was never a link of ours no journal is opened.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use everstep_core::token::Keyring;
use everstep_core::{ExecutionId, Timestamp};

const VERSION: u8 = 2;
const HEAD: usize = 1 + 1 + 16 + 4;
const LENGTH: usize = HEAD + 32 + 32;

fn sealed(head: &[u8]) -> Vec<u8> {
    [b"everstep approval link's seal\n", head].concat()
}

/// What a link is signed over.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub approval: ExecutionId,
    pub number: u32,
    pub approver: &'a str,
    pub expires: Timestamp,
    /// Of what is asked, in hexadecimal.
    pub digest: &'a str,
}

impl Claim<'_> {
    /// Lengths first: no two claims have the same message.
    fn message(&self) -> Vec<u8> {
        let (id, number, expires) = (self.approval, self.number, self.expires.0);
        let (approver, digest) = (self.approver, self.digest);
        format!(
            "everstep approval link\n{id} {number} {expires} {} {digest}\n{approver}",
            approver.len()
        )
        .into_bytes()
    }

    /// The text that opens the link's page.
    #[must_use]
    pub fn token(&self, ring: &Keyring) -> String {
        let key = ring.current();
        let tag = ring.tag(key, &self.message());
        let mut bytes = vec![VERSION, key];
        bytes.extend(self.approval.as_bytes());
        bytes.extend(self.number.to_be_bytes());
        let seal = ring.tag(key, &sealed(&bytes));
        bytes.extend(seal.unwrap_or_default());
        bytes.extend(tag.unwrap_or_default());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// A text that this server made, and that is not yet known to be a link of what it names.
#[derive(Clone, Copy, Debug)]
pub struct Presented {
    pub approval: ExecutionId,
    pub number: u32,
    key: u8,
    tag: [u8; 32],
}

impl Presented {
    #[must_use]
    pub fn read(ring: &Keyring, text: &str) -> Option<Self> {
        let bytes: [u8; LENGTH] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (head, tags) = bytes.split_at(HEAD);
        let (seal, tag) = tags.split_at(32);
        let &[VERSION, key, ref rest @ ..] = head else {
            return None;
        };
        if !ring.verify_tag(key, &sealed(head), seal) {
            return None;
        }
        let (id, number) = rest.split_at(16);
        Some(Self {
            approval: ExecutionId::from_bytes(id.try_into().ok()?),
            number: u32::from_be_bytes(number.try_into().ok()?),
            key,
            tag: tag.try_into().ok()?,
        })
    }

    /// Whether this server made it, for exactly this.
    #[must_use]
    pub fn is_of(&self, claim: &Claim<'_>, ring: &Keyring) -> bool {
        (claim.approval, claim.number) == (self.approval, self.number)
            && ring.verify_tag(self.key, &claim.message(), &self.tag)
    }
}

#[cfg(test)]
mod tests {
    use everstep_core::Shard;

    use super::*;

    fn claim(approver: &str) -> Claim<'_> {
        Claim {
            approval: ExecutionId::new(1, 2, Shard(3)),
            number: 4,
            approver,
            expires: Timestamp(5),
            digest: "d1",
        }
    }

    #[test]
    fn a_link_is_of_exactly_what_it_was_made_for() {
        let ring = Keyring::new([7; 32]);
        let text = claim("ann").token(&ring);
        let presented = Presented::read(&ring, &text).unwrap();
        assert!(presented.is_of(&claim("ann"), &ring));
        let later = Timestamp(6);
        for other in [
            claim("bob"),
            Claim {
                number: 5,
                ..claim("ann")
            },
            Claim {
                expires: later,
                ..claim("ann")
            },
            Claim {
                digest: "d2",
                ..claim("ann")
            },
        ] {
            assert!(!presented.is_of(&other, &ring), "{other:?}");
        }
        assert!(!presented.is_of(&claim("ann"), &Keyring::new([8; 32])));
    }

    #[test]
    fn what_has_not_the_form_of_a_link_is_none() {
        let ring = Keyring::new([7; 32]);
        let text = claim("ann").token(&ring);
        let cut = text.get(1..).unwrap();
        for text in ["", "x", "é", cut] {
            assert!(Presented::read(&ring, text).is_none(), "{text}");
        }
        // Any other place in it is another text.
        assert!(Presented::read(&Keyring::new([8; 32]), &text).is_none());
        let other = text.replacen('A', "B", 1);
        assert!(Presented::read(&ring, &other).is_none(), "{other}");
    }
}
