//! Machine 2: Amazon States Language, pure.
//!
//! A definition is read and checked as the service checks it, into a model that is made for running.
//!
//! It does not know: HTTP, services, disks, clocks, chance, the other machines.
//!
//! Invariants
//! - No text makes it panic or run long.
//! - A [`Definition`] that exists has no error: transitions lead to states, expressions parse, fields fit their type and language.
//! - The same text gives the same definition, ids included.
//!
//! Read next: `definition` (the model), `parse` (how it is made), `choice` (the rules of Choice states), `machine` (how it runs),
//! `test_state` (one state alone).

pub mod choice;
pub mod definition;
mod diagnostic;
mod document;
mod express;
pub mod machine;
mod parse;
mod references;
pub mod test_state;
mod timestamp;

pub use definition::Definition;
pub use diagnostic::{Code, Diagnostic, Severity, message_for_create};
pub use timestamp::Instant;
