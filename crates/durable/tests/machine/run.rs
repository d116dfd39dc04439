//! One execution under test. Every turn's batch is written, read and replayed, and has to give the same state (P7).

use std::borrow::Cow;
use std::collections::BTreeMap;

use everstep_core::{
    Answer, Batch, Cell, Definition, Entry, EventId, ExecutionId, Input, KernelEvent, Operation,
    Parent, Payload, Shard, Start, Timestamp,
};
use everstep_durable::{
    Durable, Event, FunctionArn, Identity, InvocationRetry, Limits, Mode, Reply, Request, Settings,
    wire,
};
use serde_json::Value;

pub struct Run {
    pub cell: Cell<Durable>,
    replica: Cell<Durable>,
    pub now: Timestamp,
}

impl Run {
    pub fn new(
        mode: Mode,
        execution_timeout_s: Option<u32>,
        limits: Limits,
        input: &'static str,
    ) -> (Self, Vec<String>) {
        Self::child(settings(mode, execution_timeout_s, limits), input, None)
    }

    /// An execution that another one waits for.
    pub fn child(
        settings: Settings,
        input: &'static str,
        parent: Option<Parent>,
    ) -> (Self, Vec<String>) {
        let id = ExecutionId::new(1_000, 7, Shard(3));
        let mut run = Self {
            cell: Cell::new(id),
            replica: Cell::new(id),
            now: Timestamp(1_000),
        };
        let arn = |part: &str| part.to_owned();
        let definition = Definition {
            machine: 1,
            name: arn("f"),
            version: arn("1"),
        };
        let input = Some(Payload::from(input));
        let start = Start {
            definition,
            name: arn("n"),
            input,
            settings: settings.encode(),
            retention_ms: 1,
            parent,
            attributes: BTreeMap::new(),
            fork: None,
        };
        let (answer, shown) = run.turn(Input::Start(start));
        assert_eq!(answer, Answer::Done);
        (run, shown)
    }

    /// Takes one input; the lines say what it led to.
    pub fn turn(&mut self, input: Input<Request>) -> (Answer<Reply>, Vec<String>) {
        let (answer, batch) = self.cell.turn(self.now, 42, &BTreeMap::new(), input);
        let mut shown = Vec::new();
        if let Some(batch) = batch {
            let read = Batch::decode(batch.sequence, &batch.encode()).unwrap();
            assert_eq!(read, batch, "P7: what is journaled is what happened");
            self.replica.replay(&read);
            assert_eq!(
                self.replica.state(),
                self.cell.state(),
                "P7: the journal gives the same state"
            );
            assert_eq!(self.replica.execution(), self.cell.execution(), "P7");
            shown = self.show(&batch);
        }
        (answer, shown)
    }

    fn show(&self, batch: &Batch<Event>) -> Vec<String> {
        let numbers: Vec<EventId> = batch.public().map(|(id, _)| id).collect();
        let mut numbers = numbers.into_iter();
        let mut lines = Vec::new();
        for entry in &batch.entries {
            match entry {
                Entry::Machine(event) if everstep_core::Event::is_public(event) => {
                    lines.push(self.event(numbers.next().unwrap(), batch.at, event));
                }
                Entry::Kernel(KernelEvent::TaskStarted(task)) => {
                    lines.push(format!(
                        "task {}.{} {}",
                        task.operation, task.generation, task.target.address
                    ));
                }
                Entry::Kernel(KernelEvent::TimerSet(timer)) => {
                    lines.push(format!("timer {} due {}", timer.operation, timer.due))
                }
                Entry::Kernel(KernelEvent::Closed { status }) => {
                    lines.push(format!("closed {status}"))
                }
                Entry::Machine(_) | Entry::Kernel(_) => {}
            }
        }
        lines
    }

    fn event(&self, id: EventId, at: Timestamp, event: &Event) -> String {
        let identity = |operation: Operation| -> Option<Identity> {
            self.cell
                .state()
                .operation(operation)
                .map(|s| s.identity.clone())
        };
        let show = wire::Show {
            include_data: true,
            identity: &identity,
            callback_id: &|operation, generation| match generation.0 {
                0 => format!("callback-{operation}"),
                generation => format!("callback-{operation}-{generation}"),
            },
            payload: &|payload| match payload {
                Payload::Inline(bytes) => Cow::Owned(String::from_utf8(bytes.to_vec()).unwrap()),
                Payload::Blob { .. } => panic!("no blobs here"),
            },
        };
        let mut value = wire::event(id, at, event, &show).unwrap();
        let object = value.as_object_mut().unwrap();
        let kind = object.remove("EventType").unwrap();
        object.remove("EventId");
        object.remove("EventTimestamp");
        format!(
            "{id} {} {}",
            kind.as_str().unwrap(),
            Value::Object(object.clone())
        )
    }
}

pub fn settings(mode: Mode, execution_timeout_s: Option<u32>, limits: Limits) -> Settings {
    let arn = |part: &str| part.to_owned();
    let mut retry = if mode == Mode::Plain {
        InvocationRetry::PLAIN
    } else {
        InvocationRetry::DURABLE
    };
    retry.backoff.jitter_percent = 0;
    retry.delayed_max = 2;
    Settings {
        is_agent: false,
        mode,
        function: FunctionArn {
            partition: arn("aws"),
            region: arn("us-west-2"),
            account: arn("000000000000"),
            name: arn("f"),
            version: arn("1"),
        },
        revision: arn("r"),
        function_timeout_s: 60,
        execution_timeout_s,
        retention_days: 14,
        retry,
        limits,
        trace_header: None,
        tenant_id: None,
        end: None,
    }
}
