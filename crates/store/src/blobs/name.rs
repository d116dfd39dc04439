//! From buckets and keys to places in the folder, and back.
//!
//! Each part of a key becomes a folder, the last one a file. What is not a letter, digit, dot, hyphen or underscore is written `+XX`, and
//! the file's name begins with `=`, so that the keys `a` and `a/b` can both exist and no key leads out of its bucket.

use object_store::path::Path as Location;

use super::Error;

/// Longest bucket name.
pub const BUCKET_BYTES_MAX: usize = 63;
/// Longest key.
pub const KEY_BYTES_MAX: usize = 1_024;
/// File systems take names of 255 bytes, and an unfinished file has a suffix.
const PART_BYTES_MAX: usize = 240;

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

pub fn bucket(bucket: &str) -> Result<Location, Error> {
    let reason = match bucket.as_bytes() {
        [] => "a bucket has a name",
        bytes if bytes.len() > BUCKET_BYTES_MAX => "a bucket's name has at most 63 characters",
        bytes if !bytes.iter().copied().all(is_plain) => {
            "a bucket's name consists of letters, digits, dots, hyphens and underscores"
        }
        [first, ..] if !first.is_ascii_alphanumeric() => {
            "a bucket's name begins with a letter or digit"
        }
        _ => return Ok(Location::from(bucket)),
    };
    Err(Error::InvalidName { reason })
}

/// What is wrong with a bucket's name, if anything is.
#[must_use]
pub fn bucket_fault(name: &str) -> Option<&'static str> {
    match bucket(name) {
        Err(Error::InvalidName { reason }) => Some(reason),
        _ => None,
    }
}

/// The folder that holds all keys with this prefix.
pub fn below(bucket: &Location, prefix: &str) -> Location {
    let folders = prefix.rsplit_once('/').map_or("", |(folders, _)| folders);
    let mut place = bucket.to_string();
    for part in folders.split('/').filter(|part| !part.is_empty()) {
        place.push('/');
        place.push_str(&escape(part));
    }
    // A prefix that no key has leads to the bucket, where it is not found either.
    Location::parse(place).unwrap_or_else(|_| bucket.clone())
}

pub fn artifact(bucket_name: &str, key: &str) -> Result<Location, Error> {
    let bucket = bucket(bucket_name)?;
    let refuse = |reason| Err(Error::InvalidName { reason });
    if key.is_empty() {
        return refuse("a key is not empty");
    }
    if key.len() > KEY_BYTES_MAX {
        return refuse("a key has at most 1,024 bytes");
    }
    if key.chars().any(char::is_control) {
        return refuse("a key has no control characters");
    }
    let mut place = bucket.to_string();
    let last = key.split('/').count();
    for (number, part) in (1..).zip(key.split('/')) {
        match part {
            "" => return refuse("a key has no empty parts and does not begin or end with a slash"),
            "." | ".." => return refuse("a key has no parts that are . or .."),
            _ => {}
        }
        let escaped = escape(part);
        if escaped.len() > PART_BYTES_MAX {
            return refuse(
                "a part of a key has at most 240 bytes, where unusual characters count three",
            );
        }
        place.push('/');
        if number == last {
            place.push('=');
        }
        place.push_str(&escaped);
    }
    Location::parse(place).or(refuse("a key can't be turned into a file's name"))
}

fn escape(part: &str) -> String {
    let mut escaped = String::with_capacity(part.len());
    for byte in part.bytes() {
        if is_plain(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("+{byte:02X}"));
        }
    }
    escaped
}

/// The key of a place in this bucket; `None` for what no key leads to.
pub fn key(bucket: &Location, place: &Location) -> Option<String> {
    let inside = place
        .as_ref()
        .strip_prefix(bucket.as_ref())?
        .strip_prefix('/')?;
    let (folders, file) = inside
        .rsplit_once('/')
        .map_or((None, inside), |(folders, file)| (Some(folders), file));
    let mut key = Vec::with_capacity(inside.len());
    for part in folders.into_iter().flat_map(|folders| folders.split('/')) {
        unescape(part, &mut key)?;
        key.push(b'/');
    }
    unescape(file.strip_prefix('=')?, &mut key)?;
    String::from_utf8(key).ok()
}

fn unescape(part: &str, to: &mut Vec<u8>) -> Option<()> {
    let mut pieces = part.split('+');
    to.extend_from_slice(pieces.next()?.as_bytes());
    for piece in pieces {
        to.push(u8::from_str_radix(piece.get(..2)?, 16).ok()?);
        to.extend_from_slice(piece.get(2..)?.as_bytes());
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_leads_to_a_place_and_back(parts in prop::collection::vec("[^/\\p{Cc}]{1,12}", 1..5)) {
            prop_assume!(parts.iter().all(|part| part != "." && part != ".."));
            let given = parts.join("/");
            let place = artifact("b", &given).unwrap();
            prop_assert_eq!(key(&bucket("b").unwrap(), &place), Some(given));
        }

        #[test]
        fn a_prefix_leads_to_a_folder_above_its_keys(parts in prop::collection::vec("[^/\\p{Cc}]{1,5}", 1..4), cut in 0_usize..20) {
            prop_assume!(parts.iter().all(|part| part != "." && part != ".."));
            let key: String = parts.join("/");
            let prefix: String = key.chars().take(cut).collect();
            let (place, folder) = (artifact("b", &key).unwrap(), below(&bucket("b").unwrap(), &prefix));
            prop_assert!(place.prefix_matches(&folder));
        }

        #[test]
        fn no_key_leads_out_of_its_bucket(given in "\\PC{0,40}|[./]{0,9}|(\\.\\./)*etc/passwd") {
            if let Ok(place) = artifact("b", &given) {
                prop_assert!(place.as_ref().starts_with("b/"));
                prop_assert!(!place.as_ref().split('/').any(|part| part == ".." || part.is_empty()));
            }
        }
    }
}
