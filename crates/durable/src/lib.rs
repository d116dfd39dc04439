//! Machine 1: AWS Lambda durable functions, pure.
//!
//! An execution is invoked, checkpoints what it did, suspends, and is invoked again when what it waited for has happened. This crate holds
//! the operations and their rules, the history events, the retry rules of invocations, and how all of them look on the wire.
//!
//! It does not know: HTTP, tokens' signatures, processes, disks, clocks, chance, the other machines.
//!
//! Invariants
//! - A batch of updates is taken whole or not at all.
//! - One invocation at a time; each checkpoint token is good once, and later ones are greater.
//! - The cost of a checkpoint does not depend on how many operations the execution has.
//! - The same journal gives the same state and the same answers, byte for byte.
//!
//! Read next: `model` (the words), `request` (what can be asked), `event` (what happens), `checkpoint` (the rules).

mod answer;
mod apply;
mod arm;
mod checkpoint;
mod codec;
mod destination;
mod event;
pub mod fork;
mod invocation;
mod machine;
mod model;
mod operations;
mod output;
mod pause;
mod redrive;
mod request;
mod settings;
mod state;
mod view;
pub mod wire;

pub use event::{Event, InvocationError, StepRetry};
pub use machine::{Durable, Late};
pub use model::{
    Action, ChainedCall, ChainedInvokeOptions, ChainedTarget, Details, Divergence,
    ExecutionSnapshot, FunctionArn, Identity, InvokeTarget, Mode, OperationKind, OperationSnapshot,
    Update, UpdateOptions,
};
pub use operations::chained_invoke::children;
pub use pause::Pause;
pub use request::{
    Destinations, ErrorClass, Invocation, InvocationRetry, Limits, Output, Position, Refusal,
    Reply, Request, Settings,
};
pub use state::State;
