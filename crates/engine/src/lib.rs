//! The shell around the machines: it owns executions, feeds them commands, makes what they decide durable, and sends what leaves.
//!
//! Front ends hold a cloneable [`Handle`]; code that reaches the world implements [`Dispatcher`]. Between them stand one loop thread, which steps
//! the owner of the shards, and one commit thread, which makes groups of writes durable and then releases replies and tasks.
//!
//! It does not know: HTTP, wire formats, bytes on disk, how a function is run. One file (`registry`) names the machines.
//!
//! Invariants
//! - No reply, task or read of an execution leaves before the commit that it depends on is durable.
//! - A task is a row before it is sent; after a crash it is sent again by its recovery policy.
//! - Settles and timers are never shed; starts, reads and requests are, in this order.
//! - A failed or unknown commit ends the engine: the next one reads the truth.
//!
//! Read next: `owner` (one input), `run` (the loop), `group` (the commit), `handle` (the way in).

mod attempt;
mod cancel;
pub mod catalogue;
pub mod claim;
mod clock;
mod dispatcher;
mod error;
mod exchange;
mod figures;
mod group;
mod handle;
mod input;
pub mod letter;
mod options;
mod owner;
mod panics;
mod pressure;
mod registry;
mod run;
mod start;
mod storage;
mod sweep;
pub mod trace;

pub use attempt::{Attempt, Source, Verb, Via};
pub use cancel::execution_name;
pub use catalogue::{
    Agent, AgentConfig, Alias, Code, DurableConfig, FunctionConfig, FunctionRecord, Revision,
    Runtime,
};
pub use claim::{ClaimOptions, Reference};
pub use clock::{Clock, ClockMode};
pub use dispatcher::{
    AgentState, AnswerPart, Breaker, Call, Called, Dispatcher, Pending, ServiceAnswer, ServiceCall,
    Work, WorkPayload,
};
pub use error::Error;
pub use figures::{Figures, Latencies, OTHERS, TargetFigures};
pub use handle::{
    ALIAS_ATTRIBUTE, ForkExecution, ForkVersion, Handle, HistoryCursor, HistoryItem, HistoryPage,
    ResolvedMachine, SettleWith, StartExecution, StartMachine, StartMachineError, StartedMachine,
    VERSION_ATTRIBUTE,
};
pub use input::{Claimed, Snapshot, Started, Wait};
pub use letter::{
    Letter, LetterFigures, LetterFilter, LetterOptions, LetterState, NewLetter, Undelivered,
};
pub use options::{Options, Subscription};
pub use registry::{
    APPROVAL, ASL, DURABLE, HistoryEvent, Late, PERSONAL, Reply, Request, StateMachineLimits,
};
pub use start::{Engine, Parts};
pub use storage::Storage;

// What front ends meet in answers: they hold a handle, never the store.
pub use everstep_store::{Cursor, Direction, ExecutionRow, ListFilter, Page, Reopened, blobs};
