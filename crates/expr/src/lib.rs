//! What the Amazon States Language evaluates.
//!
//! Pure: chance arrives through [`expression::Scope`], and the same arguments give the same value on every machine.

mod cursor;
mod digest;
pub mod expression;
pub mod intrinsic;
pub mod json;
pub mod jsonata;
pub mod path;
pub mod template;
mod work;
