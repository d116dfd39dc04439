//! AWS Signature Version 4 as a service checks it: the request is written canonically, and its signature made again with the secret.

mod canonical;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::http::request::Parts;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::Refusal;
use canonical::Canonical;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// A week: AWS's longest life of a signed address.
const EXPIRES_MAX_S: u64 = 7 * 24 * 3_600;

/// Where a signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Header,
    /// With how long it is good for.
    Query {
        expires_s: u64,
    },
}

/// A signature and what it says about itself; nothing of it is proven yet.
#[derive(Debug)]
pub(super) struct Signed {
    pub access_key_id: String,
    /// `DATE/REGION/SERVICE/aws4_request`
    scope: String,
    /// As it was written: `20260101T000000Z`.
    stamp: String,
    at: Timestamp,
    headers: Vec<String>,
    signature: String,
    session_token: Option<SecretString>,
    /// What the sender says of the body: its SHA-256, or that it is not signed.
    payload: Option<String>,
    place: Place,
}

impl Signed {
    /// The signature of an `Authorization` header.
    pub(super) fn of_header(head: &Parts, text: &str) -> Result<Self, Refusal> {
        let Some(rest) = text.strip_prefix(ALGORITHM) else {
            return Err(Refusal::incomplete(format!(
                "The algorithm has to be {ALGORITHM}"
            )));
        };
        let mut parts = Parameters::default();
        for part in rest.split(',') {
            let (name, value) = part.trim().split_once('=').unwrap_or((part, ""));
            match name.trim() {
                "Credential" => parts.credential = Some(value.to_owned()),
                "SignedHeaders" => parts.headers = Some(value.to_owned()),
                "Signature" => parts.signature = Some(value.to_owned()),
                _ => {}
            }
        }
        parts.stamp = header(head, "x-amz-date")?.map(str::to_owned);
        parts.session_token = header(head, "x-amz-security-token")?.map(str::to_owned);
        if parts.stamp.is_none() {
            parts.stamp = header(head, "date")?.and_then(of_http_date);
        }
        parts.payload = header(head, "x-amz-content-sha256")?.map(str::to_owned);
        let signed = parts.complete("Authorization header", Place::Header)?;
        signed.signs("host")?;
        Ok(signed)
    }

    /// The signature of an address; `None` when the query has none.
    pub(super) fn of_query(head: &Parts) -> Result<Option<Self>, Refusal> {
        let Some(query) = head
            .uri
            .query()
            .filter(|query| query.contains("X-Amz-Signature="))
        else {
            return Ok(None);
        };
        let mut parts = Parameters::default();
        let mut algorithm = String::new();
        let mut expires = String::new();
        for (name, value) in canonical::pairs(query) {
            let place = match name.as_str() {
                "X-Amz-Algorithm" => {
                    algorithm = value;
                    continue;
                }
                "X-Amz-Expires" => {
                    expires = value;
                    continue;
                }
                "X-Amz-Credential" => &mut parts.credential,
                "X-Amz-SignedHeaders" => &mut parts.headers,
                "X-Amz-Signature" => &mut parts.signature,
                "X-Amz-Date" => &mut parts.stamp,
                "X-Amz-Security-Token" => &mut parts.session_token,
                "X-Amz-Content-Sha256" => &mut parts.payload,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(Refusal::incomplete(format!(
                    "{name} stands twice in the query"
                )));
            }
        }
        if algorithm != ALGORITHM {
            return Err(Refusal::incomplete(format!(
                "The algorithm has to be {ALGORITHM}"
            )));
        }
        if parts.payload.is_none() {
            parts.payload = header(head, "x-amz-content-sha256")?.map(str::to_owned);
        }
        let expires_s = expires
            .parse()
            .ok()
            .filter(|seconds| (1..=EXPIRES_MAX_S).contains(seconds))
            .ok_or_else(|| {
                Refusal::incomplete(format!(
                    "X-Amz-Expires has to lie between 1 and {EXPIRES_MAX_S}"
                ))
            })?;
        let signed = parts.complete("query", Place::Query { expires_s })?;
        signed.signs("host")?;
        Ok(Some(signed))
    }

    fn signs(&self, name: &str) -> Result<(), Refusal> {
        if self.headers.iter().any(|header| header == name) {
            return Ok(());
        }
        Err(Refusal::incomplete(format!(
            "'{name}' must be a 'SignedHeader' in the AWS Authorization."
        )))
    }

    pub(super) fn is_payload_unsigned(&self) -> bool {
        self.payload.as_deref() == Some(UNSIGNED)
    }

    /// # Errors
    /// [`Refusal::Skew`], in the words that AWS's SDKs look for.
    pub(super) fn check_time(&self, now: SystemTime, skew: Duration) -> Result<(), Refusal> {
        let now = Timestamp::try_from(now).unwrap_or_default().as_second();
        let at = self.at.as_second();
        let skew = i64::try_from(skew.as_secs()).unwrap_or(i64::MAX);
        let oldest = match self.place {
            Place::Header => skew,
            Place::Query { expires_s } => i64::try_from(expires_s).unwrap_or(i64::MAX),
        };
        let text =
            |seconds: i64| Timestamp::from_second(seconds).map_or_else(|_| String::new(), stamp);
        if now.saturating_sub(at) > oldest {
            return Err(Refusal::Skew(format!(
                "Signature expired: {} is now earlier than {} ({} - {} s.)",
                self.stamp,
                text(now.saturating_sub(oldest)),
                text(now),
                oldest
            )));
        }
        if at.saturating_sub(now) > skew {
            return Err(Refusal::Skew(format!(
                "Signature not yet current: {} is still later than {} ({} + {} s.)",
                self.stamp,
                text(now.saturating_add(skew)),
                text(now),
                skew
            )));
        }
        Ok(())
    }

    /// # Errors
    /// [`Refusal::Unknown`] when the session token is not the key's.
    pub(super) fn check_session(&self, token: Option<&SecretString>) -> Result<(), Refusal> {
        let same = match (&self.session_token, token) {
            (None, None) => true,
            (Some(shown), Some(known)) => {
                let (shown, known) = (shown.expose_secret(), known.expose_secret());
                shown.as_bytes().ct_eq(known.as_bytes()).into()
            }
            (Some(_), None) | (None, Some(_)) => false,
        };
        if same { Ok(()) } else { Err(Refusal::Unknown) }
    }

    /// Makes the signature again. `body` is the SHA-256 of the body in hex, or nothing where the body is not signed.
    ///
    /// # Errors
    /// [`Refusal::Signature`] and [`Refusal::Incomplete`].
    pub(super) fn verify(
        &self,
        head: &Parts,
        body: Option<&str>,
        secret: &str,
    ) -> Result<(), Refusal> {
        let payload = match (body, &self.payload) {
            (Some(found), Some(said)) if !said.eq_ignore_ascii_case(found) => {
                return Err(Refusal::Signature);
            }
            (Some(found), _) => found,
            (None, _) => UNSIGNED,
        };
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        self.verify_target(head, (path, query), payload, secret)
    }

    fn verify_target(
        &self,
        head: &Parts,
        (path, query): (&str, &str),
        payload: &str,
        secret: &str,
    ) -> Result<(), Refusal> {
        let canonical = Canonical {
            method: head.method.as_str(),
            path,
            query,
            signed: &self.headers,
            payload,
        };
        let request = canonical
            .write(|name| {
                head.headers
                    .get_all(name)
                    .iter()
                    .map(|value| value.as_bytes())
                    .collect()
            })
            .ok_or_else(|| Refusal::incomplete("A signed header is not in the request"))?;
        let wanted = self.sign(&request, secret);
        let same: bool = wanted.as_bytes().ct_eq(self.signature.as_bytes()).into();
        if same {
            Ok(())
        } else {
            Err(Refusal::Signature)
        }
    }

    fn sign(&self, canonical: &str, secret: &str) -> String {
        let text = format!(
            "{ALGORITHM}\n{}\n{}\n{}",
            self.stamp,
            self.scope,
            hash(canonical.as_bytes())
        );
        let start = format!("AWS4{secret}").into_bytes();
        let key = self
            .scope
            .split('/')
            .fold(start, |key, part| mac(&key, part.as_bytes()).to_vec());
        hex(&mac(&key, text.as_bytes()))
    }
}

/// What is read from a header or a query.
#[derive(Default)]
struct Parameters {
    credential: Option<String>,
    headers: Option<String>,
    signature: Option<String>,
    stamp: Option<String>,
    session_token: Option<String>,
    payload: Option<String>,
}

impl Parameters {
    fn complete(self, place: &str, at: Place) -> Result<Signed, Refusal> {
        let missing = |name: &str| Refusal::incomplete(format!("The {place} requires '{name}'."));
        let credential = self.credential.ok_or_else(|| missing("Credential"))?;
        let headers = self.headers.ok_or_else(|| missing("SignedHeaders"))?;
        let signature = self.signature.ok_or_else(|| missing("Signature"))?;
        let stamp = self.stamp.ok_or_else(|| missing("X-Amz-Date"))?;
        let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &stamp)
            .ok()
            .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok())
            .map(|time| time.timestamp())
            .ok_or_else(|| Refusal::incomplete("The date has to look like 20260101T000000Z"))?;
        // The key's id may hold slashes; the scope has four parts.
        let mut parts = credential.rsplitn(5, '/');
        let (end, service, region, date, id) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        );
        let (Some(TERMINATOR), Some(service), Some(region), Some(date), Some(id)) =
            (end, service, region, date, id)
        else {
            return Err(Refusal::incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term",
            ));
        };
        if !stamp.starts_with(date) || date.len() != 8 {
            return Err(Refusal::Skew(
                "Date in Credential scope does not match the date of the request".to_owned(),
            ));
        }
        Ok(Signed {
            access_key_id: id.to_owned(),
            scope: format!("{date}/{region}/{service}/{TERMINATOR}"),
            at: time,
            stamp,
            headers: headers.split(';').map(str::to_ascii_lowercase).collect(),
            signature,
            session_token: self.session_token.map(SecretString::from),
            payload: self.payload,
            place: at,
        })
    }
}

/// A header that may stand once.
fn header<'a>(head: &'a Parts, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut all = head.headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(|text| Some(text.trim()))
            .map_err(|_| Refusal::incomplete(format!("{name} is not text"))),
        (Some(_), Some(_)) => Err(Refusal::incomplete(format!("{name} stands twice"))),
    }
}

fn of_http_date(text: &str) -> Option<String> {
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(stamp(date.timestamp()))
}

fn stamp(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// SHA-256 in hex.
pub(super) fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| {
        DIGITS
            .get(usize::from(nibble))
            .map_or('0', |digit| char::from(*digit))
    };
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    mac.update(message);
    mac.finalize().into_bytes().into()
}
