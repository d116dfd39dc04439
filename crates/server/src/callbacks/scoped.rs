//! Tokens that may do a part of what a callback's own token may: some verbs, for one audience, for some time.
//!
//! They are signed, not stored: what is not kept can't leak. Such a token is good for one generation of one callback, and changes nothing any more
//! once that is settled.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use everstep_core::codec::{Corrupt, Reader, Writer};
use everstep_core::token::{Keyring, Purpose};
use everstep_core::{ExecutionId, Generation, Operation};

use super::address::Address;

pub(super) const PREFIX: &str = "evc_";
/// Bytes of an audience.
pub(super) const AUDIENCE_BYTES_MAX: usize = 128;
/// What is signed begins so: nothing else that these keys sign does.
const CONTEXT: &[u8] = b"everstep callback token\n";

/// What may be done with a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Succeed = 1,
    Fail = 2,
    Heartbeat = 4,
    Progress = 8,
}

impl Verb {
    pub(super) const ALL: [Self; 4] = [Self::Succeed, Self::Fail, Self::Heartbeat, Self::Progress];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Succeed => "succeed",
            Self::Fail => "fail",
            Self::Heartbeat => "heartbeat",
            Self::Progress => "progress",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == name)
    }
}

/// A set of verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verbs(u8);

impl Verbs {
    pub(super) const ALL: Self = Self(15);

    pub(super) const fn contains(self, verb: Verb) -> bool {
        self.0 & verb as u8 != 0
    }
}

impl FromIterator<Verb> for Verbs {
    fn from_iter<T: IntoIterator<Item = Verb>>(verbs: T) -> Self {
        Self(verbs.into_iter().fold(0, |all, verb| all | verb as u8))
    }
}

/// What a token says.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Scoped {
    pub purpose: Purpose,
    pub address: Address,
    pub verbs: Verbs,
    /// For whom it was made.
    pub audience: String,
    /// In seconds since 1970, by the engine's clock; good from the first to before the second.
    pub not_before: u64,
    pub expires: u64,
}

impl fmt::Debug for Scoped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scoped({} for {})", self.address, self.audience)
    }
}

impl Scoped {
    /// The token as text.
    pub(super) fn sign(&self, ring: &Keyring) -> String {
        let mut to = Writer::versioned();
        let number = ring.current();
        to.u8(number);
        to.u8(self.purpose as u8);
        to.raw(self.address.execution.as_bytes());
        to.u32(self.address.operation.0);
        to.u32(self.address.generation.0);
        to.u8(self.verbs.0);
        to.u64(self.not_before);
        to.u64(self.expires);
        to.str(&self.audience);
        let mut bytes = to.finish().to_vec();
        let tag = ring.tag(number, &signed(&bytes)).unwrap_or_default();
        bytes.extend(tag);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a text says that these keys signed; `None` for everything else. Whether it is still good, the caller asks.
    pub(super) fn read(ring: &Keyring, text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (fields, tag) = bytes.split_last_chunk::<32>()?;
        let mut from = Reader::versioned(fields).ok()?;
        let number = from.u8().ok()?;
        if !ring.verify_tag(number, &signed(fields), tag) {
            return None;
        }
        let purpose = from.u8().ok()?;
        let purpose = super::address::PURPOSES
            .into_iter()
            .find(|known| *known as u8 == purpose)?;
        let mut read = || -> Result<Self, Corrupt> {
            Ok(Self {
                purpose,
                address: Address {
                    execution: ExecutionId::from_bytes(from.raw()?),
                    operation: Operation(from.u32()?),
                    generation: Generation(from.u32()?),
                },
                verbs: Verbs(from.u8()?),
                not_before: from.u64()?,
                expires: from.u64()?,
                audience: from.str()?,
            })
        };
        read().ok()
    }

    pub(super) const fn is_good(&self, verb: Verb, now_seconds: u64) -> bool {
        self.verbs.contains(verb) && self.not_before <= now_seconds && now_seconds < self.expires
    }
}

fn signed(fields: &[u8]) -> Vec<u8> {
    [CONTEXT, fields].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scoped() -> Scoped {
        Scoped {
            purpose: Purpose::Callback,
            address: "0194f0c2-1111-7222-8333-444444440012.3.1"
                .parse()
                .expect("an id"),
            verbs: [Verb::Heartbeat, Verb::Progress].into_iter().collect(),
            audience: "researcher".to_owned(),
            not_before: 100,
            expires: 200,
        }
    }

    #[test]
    fn a_token_reads_back_under_its_key_alone() {
        let ring = Keyring::new([7; 32]);
        let text = scoped().sign(&ring);
        assert_eq!(Scoped::read(&ring, &text), Some(scoped()));
        assert_eq!(Scoped::read(&Keyring::new([8; 32]), &text), None);
        assert!(!format!("{:?}", scoped()).contains(&text));
    }

    #[test]
    fn no_changed_byte_passes() {
        let ring = Keyring::new([7; 32]);
        let text = scoped().sign(&ring);
        let bytes = URL_SAFE_NO_PAD
            .decode(&text[PREFIX.len()..])
            .expect("base64");
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let changed = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(changed));
            assert_eq!(Scoped::read(&ring, &changed), None, "byte {place}");
        }
        for len in 0..text.len() {
            assert_eq!(Scoped::read(&ring, &text[..len]), None);
        }
    }

    #[test]
    fn it_is_good_for_its_verbs_in_its_time() {
        for (verb, now, good) in [
            (Verb::Heartbeat, 100, true),
            (Verb::Progress, 199, true),
            (Verb::Heartbeat, 99, false),
            (Verb::Heartbeat, 200, false),
            (Verb::Succeed, 150, false),
            (Verb::Fail, 150, false),
        ] {
            assert_eq!(scoped().is_good(verb, now), good, "{verb:?} at {now}");
        }
        assert!(Verb::ALL.into_iter().all(|verb| Verbs::ALL.contains(verb)));
    }
}
