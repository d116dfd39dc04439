//! Values of options that are checked before anything starts.

use reqwest::Url;

/// A region, as it stands in ARNs: lower-case letters, digits and hyphens.
///
/// # Errors
/// What is wrong with it.
pub fn region(text: &str) -> Result<String, String> {
    let fits = |letter: u8| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if !text.is_empty() && text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    Err("a region has lower-case letters, digits and hyphens: us-east-1".to_owned())
}

/// What links begin with: an address with nothing behind its path.
///
/// # Errors
/// What is wrong with it.
pub fn public_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err("it begins with https:// or http://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it stands in every link: it can't hold a name or a password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("paths are put behind it: it ends before ? and #".to_owned());
    }
    Ok(text.to_owned())
}
