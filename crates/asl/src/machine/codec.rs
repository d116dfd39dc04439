//! The persisted form of events. The numbers are stable and never reused; internal events begin at 128.

mod read;
mod write;

pub(crate) use read::decode;
pub(crate) use write::encode;
