//! Work for agents that live elsewhere: one contract, several dialects.
//!
//! An [`Agent`] is an address and a way of speaking. A [`Client`] hands it a [`Task`], asks how far that is, answers its questions and
//! cancels it; what an agent says, in whichever dialect, is a [`Said`].
//!
//! - `client`: the contract; `agent`, `task`: its words.
//! - `a2a`: A2A 1.0 over JSON-RPC and HTTP+JSON, A2A 0.3; `legacy`, `agentcore`, `webhook`, `process`: the other dialects.
//! - `card`: how an agent says which of them it speaks.
//! - `guard`, `http`: where calls may go, and how much of an answer is read.
//!
//! Not its business: when a call is made again, how long a task may take, where its result is kept. Nothing here is durable: whoever
//! calls keeps the [`TaskRef`], and before it sends a task a second time it asks [`Client::find`].

#![forbid(unsafe_code)]

mod a2a;
mod agent;
mod agentcore;
mod card;
mod client;
mod error;
mod guard;
mod http;
mod legacy;
mod process;
mod task;
mod webhook;

pub use agent::{Address, Agent, Arn, Completion, Credentials, Dialect, NotADialect};
pub use card::{Key, NotAKey};
pub use client::{Client, ClientOptions, Found, Listener, Profile, Updates};
pub use error::{Error, Kind};
pub use guard::{Addresses, Guard, Guarded, Names, Network, NotANetwork, SystemNames};
pub use http::Body;
pub use task::{File, Link, Output, Progress, Push, Question, Reply, Said, State, Task, TaskRef};
pub use webhook::{NotASecret, Signer};

fn base64(bytes: impl AsRef<[u8]>) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}
