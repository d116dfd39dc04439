//! What an execution knows of its start, beside its input.

use bytes::Bytes;
use everstep_core::Digest;
use everstep_core::codec::{Corrupt, Reader, Writer};

/// What an execution promises. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Standard = 1,
    Express = 2,
}

/// What is logged. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    All = 1,
    Error = 2,
    Fatal = 3,
}

/// Where and what an execution logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    pub level: LogLevel,
    /// Whether input and output are logged.
    pub include_execution_data: bool,
    /// ARNs of log groups.
    pub groups: Vec<String>,
}

/// What is known of a start, in `Start::settings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Of the definition's text.
    pub definition: Digest,
    /// Without version or alias.
    pub state_machine_arn: String,
    pub version_arn: Option<String>,
    pub alias_arn: Option<String>,
    pub execution_arn: String,
    pub role_arn: String,
    pub kind: Kind,
    /// Whether somebody waits for the end of an Express execution.
    pub sync: bool,
    pub logging: Option<Logging>,
    /// X-Ray's trace header.
    pub trace: Option<String>,
}

impl Settings {
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut to = Writer::versioned();
        self.write(&mut to);
        to.finish()
    }

    /// # Errors
    /// [`Corrupt`] when the bytes are not settings, or a later build's.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut from = Reader::versioned(bytes)?;
        let settings = Self::read(&mut from)?;
        if from.is_empty() {
            Ok(settings)
        } else {
            Err(Corrupt::Malformed { what: "settings" })
        }
    }

    pub(crate) fn write(&self, to: &mut Writer) {
        to.raw(&self.definition.0);
        to.str(&self.state_machine_arn);
        to.option(self.version_arn.as_ref(), |to, arn| to.str(arn));
        to.option(self.alias_arn.as_ref(), |to, arn| to.str(arn));
        to.str(&self.execution_arn);
        to.str(&self.role_arn);
        to.u8(self.kind as u8);
        to.bool(self.sync);
        to.option(self.logging.as_ref(), |to, logging| {
            to.u8(logging.level as u8);
            to.bool(logging.include_execution_data);
            to.list(&logging.groups, |to, group| to.str(group));
        });
        to.option(self.trace.as_ref(), |to, trace| to.str(trace));
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            definition: Digest(from.raw()?),
            state_machine_arn: from.str()?,
            version_arn: from.option(Reader::str)?,
            alias_arn: from.option(Reader::str)?,
            execution_arn: from.str()?,
            role_arn: from.str()?,
            kind: match from.u8()? {
                1 => Kind::Standard,
                2 => Kind::Express,
                tag => return Err(Corrupt::tag("kind of state machine", tag)),
            },
            sync: from.bool()?,
            logging: from.option(|from| {
                Ok(Logging {
                    level: match from.u8()? {
                        1 => LogLevel::All,
                        2 => LogLevel::Error,
                        3 => LogLevel::Fatal,
                        tag => return Err(Corrupt::tag("log level", tag)),
                    },
                    include_execution_data: from.bool()?,
                    groups: from.list(Reader::str)?,
                })
            })?,
            trace: from.option(Reader::str)?,
        })
    }
}
