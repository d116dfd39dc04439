//! Pages of lists that lie in the catalogue. A page's token is signed and names the list and the last entry handed out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::Call;
use super::constraints::Constraints;
use super::errors::Error;

const DEFAULT: usize = 100;
pub(super) const MAX: i64 = 1000;
const TAG_BYTES: usize = 16;

/// What every list is asked with.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PageIn {
    pub max_results: Option<i64>,
    pub next_token: Option<String>,
}

/// What lists of a state machine's versions and aliases are asked with.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct MachinePageIn {
    state_machine_arn: Option<String>,
    #[serde(flatten)]
    pub page: PageIn,
}

impl MachinePageIn {
    /// As [`PageIn::below`].
    ///
    /// # Errors
    /// As [`PageIn::below`].
    pub(super) fn arn(&self) -> Result<&str, Error> {
        self.page
            .below("stateMachineArn", self.state_machine_arn.as_ref())
    }
}

impl PageIn {
    pub(super) fn check(&self, constraints: &mut Constraints) {
        self.check_up_to(constraints, 1024);
    }

    /// Checks what a list is asked with that belongs to something; gives its ARN.
    ///
    /// # Errors
    /// Everything that breaks the service's model.
    pub(super) fn below<'a>(&self, name: &str, arn: Option<&'a String>) -> Result<&'a str, Error> {
        let mut constraints = Constraints::default();
        constraints.required(name, arn).text(name, arn, 1, 256);
        self.check(&mut constraints);
        constraints.done()?;
        Ok(arn.map_or("", String::as_str))
    }

    pub(super) fn check_up_to(&self, constraints: &mut Constraints, token_max: usize) {
        constraints
            .number("maxResults", self.max_results, 0, MAX)
            .text("nextToken", self.next_token.as_ref(), 1, token_max);
    }

    /// How many are wanted; 0 is as good as nothing said.
    pub(super) fn limit(&self) -> usize {
        let said = self.max_results.and_then(|max| usize::try_from(max).ok());
        said.filter(|max| *max > 0).unwrap_or(DEFAULT)
    }

    /// The place that the token names in this list.
    ///
    /// # Errors
    /// [`Error::InvalidToken`].
    pub(super) fn place(&self, call: &Call<'_>, list: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(token) = &self.next_token else {
            return Ok(None);
        };
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| Error::InvalidToken)?;
        let Some((key, rest)) = bytes.split_first() else {
            return Err(Error::InvalidToken);
        };
        let (tag, place) = rest
            .split_at_checked(TAG_BYTES)
            .ok_or(Error::InvalidToken)?;
        match seal(call, *key, list, place) {
            Some(right) if subtle::ConstantTimeEq::ct_eq(tag, &right[..]).into() => {
                Ok(Some(place.to_vec()))
            }
            _ => Err(Error::InvalidToken),
        }
    }
}

/// The token of a place in a list.
pub(super) fn token(call: &Call<'_>, list: &str, place: &[u8]) -> Option<String> {
    let key = call.handle().keyring().current();
    let tag = seal(call, key, list, place)?;
    let mut bytes = vec![key];
    bytes.extend(tag);
    bytes.extend(place);
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

fn seal(call: &Call<'_>, key: u8, list: &str, place: &[u8]) -> Option<[u8; TAG_BYTES]> {
    let mut message = format!("page\0{list}\0").into_bytes();
    message.extend(place);
    let tag = call.handle().keyring().tag(key, &message)?;
    tag.first_chunk().copied()
}

/// The entries of one page, in the order of their keys, and the token of the next one.
///
/// # Errors
/// [`Error::InvalidToken`].
pub(super) fn page<T>(
    call: &Call<'_>,
    list: &str,
    asked: &PageIn,
    mut entries: BTreeMap<Vec<u8>, T>,
) -> Result<(Vec<T>, Option<String>), Error> {
    if let Some(place) = asked.place(call, list)? {
        entries = entries.split_off(&place);
        entries.remove(&place);
    }
    let limit = asked.limit();
    let last = entries
        .keys()
        .nth(limit.saturating_sub(1))
        .filter(|_| entries.len() > limit)
        .cloned();
    let next = last.and_then(|last| token(call, list, &last));
    Ok((entries.into_values().take(limit).collect(), next))
}
