//! The owner as a function: inputs in, groups out, no thread and no clock.

mod attempts;
mod callback_crashes;
mod cancel;
mod crashes;
mod deletions;
mod exchange;
mod faults;
mod letters;
mod properties;
mod queues;
pub(crate) mod rig;
mod rows;
