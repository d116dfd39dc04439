//! A2A: what all of its versions and bindings have in common.
//!
//! - `jsonrpc`, `rest`: version 1.0; `v03`: version 0.3.
//! - `rpc`: the envelope of JSON-RPC; `shape`: what is sent; `reading`, `value`: what is understood of an answer.
//! - `events`: the stream of a task; `exact`: JSON whose data keep their digits.

pub(crate) mod events;
pub(crate) mod exact;
pub(crate) mod jsonrpc;
pub(crate) mod reading;
pub(crate) mod rest;
pub(crate) mod rpc;
pub(crate) mod shape;
pub(crate) mod v03;
pub(crate) mod value;

/// The most of an id or of an agent's words that is kept: both are written down.
pub(crate) const ID_CHARS_MAX: usize = 1024;
pub(crate) const WORDS_CHARS_MAX: usize = 4096;
