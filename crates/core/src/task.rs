//! Units of work for someone outside.

use crate::codec::{Corrupt, Reader, Writer};
use crate::{ExecutionId, Generation, Operation, Payload};

/// What sort of receiver a task has. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// Code run by the function host or by an endpoint with its shape.
    Function = 1,
    /// Another execution, to be started.
    Execution = 2,
    /// A queue that workers claim from.
    Queue = 3,
    /// An agent of the catalogue.
    Agent = 4,
    /// A plain HTTP endpoint.
    Http = 5,
    /// The execution that waits for this one's end: it is told of it.
    Parent = 6,
    /// A function or an address that hears of the end of an asynchronous call.
    Destination = 7,
    /// A service that a state machine calls: its address is the resource.
    Service = 8,
    /// A log that hears what an execution did.
    Log = 9,
    /// An operation of another execution, which is settled. The address is that of its token; tasks of before have the token itself.
    Token = 10,
    /// An operation of another execution, which is asked to tell of its end. Addressed in the same way.
    Watch = 11,
    /// The one who has asked for that.
    Watcher = 12,
}

impl TargetKind {
    const ALL: [Self; 12] = [
        Self::Function,
        Self::Execution,
        Self::Queue,
        Self::Agent,
        Self::Http,
        Self::Parent,
        Self::Destination,
        Self::Service,
        Self::Log,
        Self::Token,
        Self::Watch,
        Self::Watcher,
    ];
}

/// The receiver of a task: its sort and its address, for example a qualified function ARN or a queue's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    pub kind: TargetKind,
    pub address: String,
}

/// What happens to a task that was in flight when its server ended. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Send it again under the same idempotency key.
    Repeat = 1,
    /// Ask the receiver for it; send it again only if it is unknown there. So are child executions started.
    LookUp = 2,
    /// Tell the machine that it is lost, before anything new runs.
    Lost = 3,
}

/// What the receiver gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskPayload {
    Stored(Payload),
    /// Built by the machine when the task is dispatched.
    Late,
}

/// One unit of work: a row written by the commit that decides it and deleted by the one that ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub operation: Operation,
    pub generation: Generation,
    pub target: Target,
    pub payload: TaskPayload,
    /// From dispatch to answer.
    pub timeout_ms: Option<u64>,
    pub heartbeat_ms: Option<u64>,
    pub recovery: Recovery,
}

impl Task {
    /// The key under which the receiver can recognise a repetition: a re-issue after a crash keeps it, a decided retry has a new one.
    #[must_use]
    pub fn idempotency_key(&self, execution: ExecutionId) -> String {
        format!("{execution}/{}/{}", self.operation, self.generation)
    }

    pub fn encode(&self, to: &mut Writer) {
        to.u32(self.operation.0);
        to.u32(self.generation.0);
        to.u8(self.target.kind as u8);
        to.str(&self.target.address);
        let stored = match &self.payload {
            TaskPayload::Stored(payload) => Some(payload),
            TaskPayload::Late => None,
        };
        to.option(stored, |to, payload| payload.encode(to));
        to.option(self.timeout_ms.as_ref(), |to, ms| to.u64(*ms));
        to.option(self.heartbeat_ms.as_ref(), |to, ms| to.u64(*ms));
        to.u8(self.recovery as u8);
    }

    /// # Errors
    /// [`Corrupt`] when the bytes are not a task.
    pub fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        let operation = Operation(from.u32()?);
        let generation = Generation(from.u32()?);
        let number = from.u8()?;
        let kind = TargetKind::ALL
            .into_iter()
            .find(|kind| *kind as u8 == number)
            .ok_or(Corrupt::tag("target", number))?;
        let target = Target {
            kind,
            address: from.str()?,
        };
        let payload = from
            .option(Payload::decode)?
            .map_or(TaskPayload::Late, TaskPayload::Stored);
        let timeout_ms = from.option(Reader::u64)?;
        let heartbeat_ms = from.option(Reader::u64)?;
        let recovery = match from.u8()? {
            1 => Recovery::Repeat,
            2 => Recovery::LookUp,
            3 => Recovery::Lost,
            tag => return Err(Corrupt::tag("recovery policy", tag)),
        };
        Ok(Self {
            operation,
            generation,
            target,
            payload,
            timeout_ms,
            heartbeat_ms,
            recovery,
        })
    }
}
