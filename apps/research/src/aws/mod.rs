//! The services of AWS behind this crate's traits, by the official SDK crates.
//!
//! Which table, bucket, topic and bus is a matter of the settings; credentials, region and addresses come from AWS's usual variables.

mod callbacks;
mod fault;
mod item;
mod records;
mod s3;
mod sinks;

pub use callbacks::CallbackTable;
pub use records::RecordTable;
pub use s3::S3Artifacts;
pub use sinks::{EventBus, Topic, sinks};
