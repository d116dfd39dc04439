//! The owner as a function: inputs in, groups out, no thread and no clock.

mod crashes;
mod deletions;
mod exchange;
mod faults;
mod properties;
mod queues;
mod rig;
mod rows;
