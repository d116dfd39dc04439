//! Attributes of an execution: short words of the user's own that it is found by. Given with its start, never changed.

use std::collections::BTreeMap;

use hyper::header::HeaderName;

/// The header that Invoke takes them in, as a query string: `customer=42&team=red`.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-everstep-attributes");

const COUNT_MAX: usize = 32;
const KEY_BYTES_MAX: usize = 64;
const VALUE_BYTES_MAX: usize = 256;

/// Says what is wrong with attributes, if anything is.
pub(crate) fn check(attributes: &BTreeMap<String, String>) -> Result<(), String> {
    if attributes.len() > COUNT_MAX {
        return Err(format!("An execution has at most {COUNT_MAX} attributes"));
    }
    for (key, value) in attributes {
        let fits = (1..=KEY_BYTES_MAX).contains(&key.len())
            && key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b));
        if !fits {
            return Err(format!(
                "An attribute's key has 1 to {KEY_BYTES_MAX} letters, digits and -_.:/ and is not {key:?}"
            ));
        }
        let fits =
            (1..=VALUE_BYTES_MAX).contains(&value.len()) && !value.chars().any(char::is_control);
        if !fits {
            return Err(format!(
                "The value of attribute {key} has 1 to {VALUE_BYTES_MAX} bytes without control characters"
            ));
        }
    }
    Ok(())
}

/// Reads the header's form.
pub(crate) fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let pairs = form_urlencoded::parse(text.as_bytes());
    let attributes = pairs
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    check(&attributes)?;
    Ok(attributes)
}
