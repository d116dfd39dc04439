//! Base64 and hashes.

use super::call::Arguments;
use super::{ENCODED_CHARACTERS_MAX, Failure, Reason, json};
use crate::digest;
use crate::expression::Scope;
use crate::json::Value;
use crate::work::Work;
use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

pub(super) fn base64_encode(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    work: &mut Work,
) -> Result<Value, Failure> {
    let [text] = arguments.take("1")?;
    let text = arguments.text(1, text)?;
    check_characters(arguments, text, work)?;
    Ok(STANDARD.encode(text).into())
}

/// As lenient as the service: what is not of the alphabet is skipped, padding ends the text, bytes that are not UTF-8 are replaced.
pub(super) fn base64_decode(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    work: &mut Work,
) -> Result<Value, Failure> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &ALPHABET,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::RequireNone)
            .with_decode_allow_trailing_bits(true),
    );
    let [text] = arguments.take("1")?;
    let text = arguments.text(1, text)?;
    check_characters(arguments, text, work)?;
    let belongs = |c: char| match c {
        '-' => Some('+'),
        '_' => Some('/'),
        '+' | '/' => Some(c),
        _ => c.is_ascii_alphanumeric().then_some(c),
    };
    let mut digits: String = text
        .chars()
        .take_while(|c| *c != '=')
        .filter_map(belongs)
        .collect();
    if digits.len() % 4 == 1 {
        // Six bits are no byte.
        digits.pop();
    }
    // Nothing that the decoder refuses is left.
    let bytes = LENIENT.decode(digits).unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).into_owned().into())
}

/// Of what is not a string, its JSON text is hashed.
pub(super) fn hash(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    work: &mut Work,
) -> Result<Value, Failure> {
    let [data, algorithm] = arguments.take("2")?;
    let algorithm = arguments.text(2, algorithm)?;
    let data = match data.as_str() {
        Some(text) => text.to_owned(),
        None => {
            json::check_text(arguments, data, work)?;
            data.to_text()
        }
    };
    check_characters(arguments, &data, work)?;
    let digest = digest::hexadecimal(data.as_bytes(), algorithm);
    digest
        .map(Value::from)
        .ok_or_else(|| arguments.failure(Reason::Algorithm(algorithm.to_owned())))
}

fn check_characters(arguments: &Arguments<'_>, text: &str, work: &mut Work) -> Result<(), Failure> {
    arguments.charge_text(text.len(), work)?;
    if text.chars().count() > ENCODED_CHARACTERS_MAX {
        return Err(arguments.failure(Reason::Characters(ENCODED_CHARACTERS_MAX)));
    }
    Ok(())
}
