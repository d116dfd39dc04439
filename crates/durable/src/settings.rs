//! What the machine knows of the function and of a start, in its persisted form.

use everstep_core::Backoff;
use everstep_core::codec::{Corrupt, Reader, Writer};

use crate::model::{FunctionArn, Mode};
use crate::request::{Destinations, InvocationRetry, Limits, Settings};

/// A mode of its own, so that settings without destinations stay what they were.
const PLAIN_WITH_DESTINATIONS: u8 = 3;
/// As those of plain functions.
const AGENT: u8 = 4;
const AGENT_WITH_DESTINATIONS: u8 = 5;

impl Settings {
    /// The form that [`everstep_core::Start::settings`] carries.
    #[must_use]
    pub fn encode(&self) -> bytes::Bytes {
        let mut to = Writer::versioned();
        self.write(&mut to);
        to.finish()
    }

    /// # Errors
    /// [`Corrupt`] when the bytes are not settings of this machine.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut from = Reader::versioned(bytes)?;
        let settings = Self::read(&mut from)?;
        if from.is_empty() {
            Ok(settings)
        } else {
            Err(Corrupt::Malformed {
                what: "durable settings",
            })
        }
    }

    pub(crate) fn write(&self, to: &mut Writer) {
        to.u8(match (&self.end, self.is_agent) {
            (Some(_), true) => AGENT_WITH_DESTINATIONS,
            (Some(_), false) => PLAIN_WITH_DESTINATIONS,
            (None, true) => AGENT,
            (None, false) => self.mode as u8,
        });
        for part in [
            &self.function.partition,
            &self.function.region,
            &self.function.account,
            &self.function.name,
            &self.function.version,
        ] {
            to.str(part);
        }
        to.str(&self.revision);
        to.u32(self.function_timeout_s);
        to.option(self.execution_timeout_s.as_ref(), |to, s| to.u32(*s));
        to.u16(self.retention_days);
        to.u32(self.retry.immediate_max);
        to.u32(self.retry.delayed_max);
        to.u64(self.retry.backoff.first_ms);
        to.u32(self.retry.backoff.factor_percent);
        to.u64(self.retry.backoff.max_ms);
        to.u32(self.retry.backoff.jitter_percent);
        to.u32(self.limits.operations_max);
        to.u64(self.limits.bytes_max);
        to.u32(self.limits.payload_bytes_max);
        to.u32(self.limits.error_bytes_max);
        to.u32(self.limits.result_bytes_max);
        to.u32(self.limits.page_bytes_max);
        to.option(self.trace_header.as_ref(), |to, text| to.str(text));
        to.option(self.tenant_id.as_ref(), |to, text| to.str(text));
        if let Some(end) = &self.end {
            for part in [&end.on_success, &end.on_failure, &end.dead_letter] {
                to.option(part.as_ref(), |to, text| to.str(text));
            }
            to.option(end.age_max_s.as_ref(), |to, s| to.u32(*s));
        }
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        let tag = from.u8()?;
        Ok(Self {
            mode: match tag {
                1 => Mode::Durable,
                2 | PLAIN_WITH_DESTINATIONS | AGENT | AGENT_WITH_DESTINATIONS => Mode::Plain,
                tag => return Err(Corrupt::tag("execution mode", tag)),
            },
            function: FunctionArn {
                partition: from.str()?,
                region: from.str()?,
                account: from.str()?,
                name: from.str()?,
                version: from.str()?,
            },
            revision: from.str()?,
            function_timeout_s: from.u32()?,
            execution_timeout_s: from.option(Reader::u32)?,
            retention_days: from.u16()?,
            retry: InvocationRetry {
                immediate_max: from.u32()?,
                delayed_max: from.u32()?,
                backoff: Backoff {
                    first_ms: from.u64()?,
                    factor_percent: from.u32()?,
                    max_ms: from.u64()?,
                    jitter_percent: from.u32()?,
                },
            },
            limits: Limits {
                operations_max: from.u32()?,
                bytes_max: from.u64()?,
                payload_bytes_max: from.u32()?,
                error_bytes_max: from.u32()?,
                result_bytes_max: from.u32()?,
                page_bytes_max: from.u32()?,
            },
            trace_header: from.option(Reader::str)?,
            tenant_id: from.option(Reader::str)?,
            is_agent: matches!(tag, AGENT | AGENT_WITH_DESTINATIONS),
            end: matches!(tag, PLAIN_WITH_DESTINATIONS | AGENT_WITH_DESTINATIONS)
                .then(|| read_destinations(from))
                .transpose()?,
        })
    }
}

fn read_destinations(from: &mut Reader<'_>) -> Result<Destinations, Corrupt> {
    Ok(Destinations {
        on_success: from.option(Reader::str)?,
        on_failure: from.option(Reader::str)?,
        dead_letter: from.option(Reader::str)?,
        age_max_s: from.option(Reader::u32)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_every_sort_read_back() {
        let arn = FunctionArn {
            partition: "aws".to_owned(),
            region: "r".to_owned(),
            account: "1".to_owned(),
            name: "f".to_owned(),
            version: "2".to_owned(),
        };
        let end = Some(Destinations {
            on_failure: Some("there".to_owned()),
            ..Destinations::default()
        });
        let plain = Settings::new(arn.clone(), "r".to_owned(), 3, None);
        let agent = Settings::of_agent(arn.clone(), "r".to_owned(), 28_800);
        let all = [
            Settings::new(arn, "r".to_owned(), 3, Some((Some(4), 5))),
            Settings {
                end: end.clone(),
                ..plain.clone()
            },
            plain,
            Settings {
                end,
                ..agent.clone()
            },
            agent,
        ];
        for settings in all {
            assert_eq!(Settings::decode(&settings.encode()), Ok(settings));
        }
    }
}
