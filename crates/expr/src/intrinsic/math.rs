//! Numbers.

use super::call::Arguments;
use super::{Failure, Reason};
use crate::expression::Scope;
use crate::json::Value;
use crate::work::Work;

/// Both are rounded, halves up, and they and their sum are integers of 32 bits.
pub(super) fn add(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    _: &mut Work,
) -> Result<Value, Failure> {
    let [a, b] = arguments.take("2")?;
    let sum = rounded(arguments, 1, a)? + rounded(arguments, 2, b)?;
    let sum = i32::try_from(sum).map_err(|_| arguments.failure(Reason::Range(sum.to_string())))?;
    Ok(i64::from(sum).into())
}

fn rounded(arguments: &Arguments<'_>, place: usize, value: &Value) -> Result<i64, Failure> {
    let number = arguments.number(place, value)?;
    let whole = match number.as_i64() {
        Some(whole) => whole,
        None => {
            let float = number.as_f64();
            let below = float.floor();
            let up = if float - below >= 0.5 { 1.0 } else { 0.0 };
            arguments.whole(number, below + up)?
        }
    };
    match i32::try_from(whole) {
        Ok(whole) => Ok(i64::from(whole)),
        Err(_) => Err(arguments.failure(Reason::Range(number.to_string()))),
    }
}

/// A whole number from the first up to, not including, the second; the same one for the same seed.
pub(super) fn random(
    arguments: &Arguments<'_>,
    scope: &mut dyn Scope,
    _: &mut Work,
) -> Result<Value, Failure> {
    let (start, end, seed) = match arguments.values() {
        [start, end] => (start, end, None),
        [start, end, seed] => (start, end, Some(seed)),
        _ => return Err(arguments.count("2 or 3")),
    };
    let start = arguments.truncated(1, start)?;
    let end = arguments.truncated(2, end)?;
    let bits = match seed {
        Some(seed) => scattered(arguments.truncated(3, seed)?),
        None => scope.chance(),
    };
    let span = u64::try_from(i128::from(end) - i128::from(start)).unwrap_or(0);
    if span == 0 {
        return Err(arguments.failure(Reason::Range(end.to_string())));
    }
    // The upper half of the product is below the span.
    let offset = (u128::from(bits) * u128::from(span)) >> 64;
    let value = i128::from(start) + i128::try_from(offset).unwrap_or(0);
    i64::try_from(value)
        .map(Value::from)
        .map_err(|_| arguments.failure(Reason::Range(value.to_string())))
}

/// Bits that look random and depend on the seed alone (SplitMix64).
fn scattered(seed: i64) -> u64 {
    let mut bits = seed.cast_unsigned().wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
