//! Texts: splitting them, and unique ones.

use super::Failure;
use super::call::Arguments;
use crate::expression::Scope;
use crate::json::Value;
use crate::work::Work;

/// Every character of the second argument splits the first, and empty parts are left out.
pub(super) fn split(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    work: &mut Work,
) -> Result<Value, Failure> {
    let [text, splitters] = arguments.take("2")?;
    let text = arguments.text(1, text)?;
    arguments.charge_text(text.len(), work)?;
    let splitters: Vec<char> = arguments.text(2, splitters)?.chars().collect();
    let parts = text
        .split(splitters.as_slice())
        .filter(|part| !part.is_empty());
    Ok(Vec::from_iter(parts.map(Value::from)).into())
}

/// A UUID of version 4. Arguments are ignored, as the service does.
pub(super) fn uuid(
    _: &Arguments<'_>,
    scope: &mut dyn Scope,
    _: &mut Work,
) -> Result<Value, Failure> {
    let (high, low) = (scope.chance(), scope.chance());
    let high = high & !0xF000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    let (first, second, third) = (high >> 32, high >> 16 & 0xFFFF, high & 0xFFFF);
    let (fourth, fifth) = (low >> 48, low & 0xFFFF_FFFF_FFFF);
    Ok(format!("{first:08x}-{second:04x}-{third:04x}-{fourth:04x}-{fifth:012x}").into())
}
