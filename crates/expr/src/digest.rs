//! The digests of `States.Hash` and `$hash`.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// The digest in hexadecimal, or nothing if the algorithm is unknown.
pub(crate) fn hexadecimal(data: &[u8], algorithm: &str) -> Option<String> {
    Some(match algorithm {
        "MD5" => text(&Md5::digest(data)),
        "SHA-1" => text(&Sha1::digest(data)),
        "SHA-256" => text(&Sha256::digest(data)),
        "SHA-384" => text(&Sha384::digest(data)),
        "SHA-512" => text(&Sha512::digest(data)),
        _ => return None,
    })
}

fn text(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
