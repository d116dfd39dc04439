//! Tries from outside to change an operation: each leaves a row, in the commit of what it did. A token never stands in one.

use everstep_core::codec::{Corrupt, Reader, Writer};
use everstep_core::{Digest, Generation, Operation, Settlement, Timestamp};

/// Attempts kept for one operation. Further ones take the place of the last, and are counted.
pub(crate) const KEPT: u32 = 64;
const HASH_CHARACTERS: usize = 12;

/// The way in by which something came. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Our callback routes.
    Callbacks = 1,
    /// AWS Lambda's API.
    Lambda = 2,
    /// A push of an A2A agent.
    A2a = 3,
    /// The decision of an approval.
    Approval = 4,
    /// The command line.
    Command = 5,
    /// What drives an agent.
    Agent = 6,
    /// AWS Step Functions' API.
    States = 7,
    /// A dead letter that was sent again.
    Replay = 8,
}

impl Via {
    const ALL: [Self; 8] = [
        Self::Callbacks,
        Self::Lambda,
        Self::A2a,
        Self::Approval,
        Self::Command,
        Self::Agent,
        Self::States,
        Self::Replay,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Callbacks => "callbacks",
            Self::Lambda => "lambda",
            Self::A2a => "a2a",
            Self::Approval => "approval",
            Self::Command => "command",
            Self::Agent => "agent",
            Self::States => "states",
            Self::Replay => "replay",
        }
    }
}

/// Where something from outside came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub via: Via,
    /// The address it came from.
    pub peer: Option<String>,
    /// Who it was, as far as the door knows.
    pub who: Option<String>,
    /// See [`Source::token_hash`]; put in where it is missing and there is a token.
    pub token_hash: Option<String>,
    /// How much it brought.
    pub bytes: u64,
}

impl Source {
    #[must_use]
    pub const fn new(via: Via) -> Self {
        Self {
            via,
            peer: None,
            who: None,
            token_hash: None,
            bytes: 0,
        }
    }

    /// What is kept of a token: the first 12 hexadecimal digits of its SHA-256.
    #[must_use]
    pub fn token_hash(token: &str) -> String {
        let mut hash = Digest::of(token.as_bytes()).hex();
        hash.truncate(HASH_CHARACTERS);
        hash
    }

    pub(crate) fn encode(&self, to: &mut Writer) {
        to.u8(self.via as u8);
        for text in [&self.peer, &self.who, &self.token_hash] {
            to.option(text.as_ref(), |to, text| to.str(text));
        }
        to.u64(self.bytes);
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        let number = from.u8()?;
        let via = Via::ALL.into_iter().find(|via| *via as u8 == number);
        Ok(Self {
            via: via.ok_or(Corrupt::tag("way in", number))?,
            peer: from.option(Reader::str)?,
            who: from.option(Reader::str)?,
            token_hash: from.option(Reader::str)?,
            bytes: from.u64()?,
        })
    }
}

/// What was tried. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Succeed = 1,
    Fail = 2,
    Heartbeat = 3,
    /// To leave a note, for example of progress.
    Note = 4,
}

impl Verb {
    const ALL: [Self; 4] = [Self::Succeed, Self::Fail, Self::Heartbeat, Self::Note];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeed => "succeed",
            Self::Fail => "fail",
            Self::Heartbeat => "heartbeat",
            Self::Note => "note",
        }
    }
}

/// One try, or several that follow each other and differ in nothing but their time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub operation: Operation,
    pub generation: Generation,
    /// How many tries the operation has had up to this one, from 1. A gap tells how many were not kept.
    pub number: u64,
    pub verb: Verb,
    /// What came of it.
    pub outcome: Settlement,
    pub source: Source,
    /// When it was made for the first time, and for the last.
    pub first: Timestamp,
    pub last: Timestamp,
    pub times: u64,
    /// Of what it brought, so that a repetition is known.
    pub digest: Option<Digest>,
}

impl Attempt {
    /// Whether `later` is the same thing again.
    pub(crate) fn is_repeated_by(&self, later: &Self) -> bool {
        self.generation == later.generation
            && self.verb == later.verb
            && self.outcome == later.outcome
            && self.source == later.source
            && self.digest == later.digest
    }

    pub(crate) fn encode(&self) -> bytes::Bytes {
        let mut to = Writer::versioned();
        to.u32(self.generation.0);
        to.u64(self.number);
        to.u8(self.verb as u8);
        to.u8(self.outcome.number());
        self.source.encode(&mut to);
        to.u64(self.first.0);
        to.u64(self.last.0);
        to.u64(self.times);
        to.option(self.digest.as_ref(), |to, digest| to.raw(&digest.0));
        to.finish()
    }

    pub(crate) fn decode(operation: Operation, bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut from = Reader::versioned(bytes)?;
        let generation = Generation(from.u32()?);
        let number = from.u64()?;
        let tag = from.u8()?;
        let verb = Verb::ALL.into_iter().find(|verb| *verb as u8 == tag);
        Ok(Self {
            operation,
            generation,
            number,
            verb: verb.ok_or(Corrupt::tag("verb", tag))?,
            outcome: Settlement::from_number(from.u8()?)?,
            source: Source::decode(&mut from)?,
            first: Timestamp(from.u64()?),
            last: Timestamp(from.u64()?),
            times: from.u64()?,
            digest: from.option(|from| Ok(Digest(from.raw()?)))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt() -> Attempt {
        Attempt {
            operation: Operation(3),
            generation: Generation(1),
            number: 7,
            verb: Verb::Fail,
            outcome: Settlement::Conflict,
            source: Source {
                via: Via::A2a,
                peer: Some("192.0.2.1:7".to_owned()),
                who: None,
                token_hash: Some(Source::token_hash("secret")),
                bytes: 12,
            },
            first: Timestamp(1),
            last: Timestamp(5),
            times: 2,
            digest: Some(Digest([4; 32])),
        }
    }

    #[test]
    fn an_attempt_reads_back_and_a_part_of_one_does_not() {
        let written = attempt().encode();
        assert_eq!(Attempt::decode(Operation(3), &written), Ok(attempt()));
        for len in 0..written.len() {
            assert!(Attempt::decode(Operation(3), &written[..len]).is_err());
        }
    }

    #[test]
    fn a_token_is_not_in_what_is_kept_of_it() {
        let hash = Source::token_hash("secret");
        assert_eq!(hash, "2bb80d537b1d", "sha256 of `secret` begins so");
    }

    #[test]
    fn every_number_stands_for_one_way_and_one_verb() {
        for via in Via::ALL {
            let mut to = Writer::new();
            Source::new(via).encode(&mut to);
            let bytes = to.finish();
            let read = Source::decode(&mut Reader::new(&bytes));
            assert_eq!(read, Ok(Source::new(via)));
        }
        for verb in Verb::ALL {
            let written = Attempt { verb, ..attempt() };
            let read = Attempt::decode(Operation(3), &written.encode());
            assert_eq!(read, Ok(written));
        }
    }
}
