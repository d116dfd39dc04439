use std::collections::BTreeMap;

use super::*;
use crate::{
    Answer, Batch, Cell, Command, Definition, Entry, Event, Execution, Failure, Input, Reply,
    Shard, Stamp, Start, Status, View,
};

/// A machine that does one thing for each request and remembers nothing.
#[derive(Debug)]
struct Clerk;

#[derive(Clone, Debug, PartialEq)]
struct Never;

impl Event for Never {
    fn is_public(&self) -> bool {
        false
    }

    fn encode(&self, _: &mut Writer) {}

    fn decode(_: &mut Reader<'_>) -> Result<Self, Corrupt> {
        Ok(Self)
    }
}

enum Ask {
    Open(u32, u32),
    Shut(u32),
    Task(u32, u32),
    EndTask(u32),
    Watch(u32, &'static str),
    Post(&'static str),
    Close,
}

impl Machine for Clerk {
    type State = ();
    type Event = Never;
    type Request = Ask;
    type Reply = ();
    type Late = ();
    type Surroundings = ();

    fn handle(turn: &mut Turn<'_, Self>, command: Command<Ask>) -> Reply<()> {
        let Command::Request(ask) = command else {
            return Reply::Done;
        };
        match ask {
            Ask::Open(operation, generation) => {
                turn.open(Operation(operation), Generation(generation));
            }
            Ask::Shut(operation) => turn.shut(Operation(operation), Settlement::TimedOut),
            Ask::Task(operation, generation) => turn.start_task(Task {
                generation: Generation(generation),
                target: Target {
                    kind: TargetKind::Agent,
                    address: "researcher".to_owned(),
                },
                ..Task::settling(
                    Operation(operation),
                    String::new(),
                    &Outcome::Succeeded(None),
                )
            }),
            Ask::EndTask(operation) => turn.end_task(Operation(operation)),
            Ask::Watch(operation, token) => {
                turn.watch(Operation(operation), Generation(0), token.to_owned());
            }
            Ask::Post(topic) => turn.post(topic, Bytes::from_static(b"{}")),
            Ask::Close => turn.close(Status::Succeeded),
        }
        Reply::Own(())
    }

    fn apply(_: &mut (), _: &Never, _: Stamp) {}

    fn late(_: &Execution, _: &(), _: &(), _: &Task) -> Option<()> {
        None
    }

    fn result(_: &()) -> Option<Payload> {
        None
    }

    fn failure(_: &()) -> Failure {
        Failure::default()
    }

    fn view(_: &Execution, _: &()) -> View {
        View {
            operations: Vec::new(),
        }
    }
}

struct Life {
    cell: Cell<Clerk>,
    journal: Vec<Batch<Never>>,
    now: u64,
}

impl Life {
    fn new() -> Self {
        let mut life = Self {
            cell: Cell::new(id(1)),
            journal: Vec::new(),
            now: 0,
        };
        life.turn(Input::Start(Start {
            definition: Definition {
                machine: 9,
                name: "d".to_owned(),
                version: "1".to_owned(),
            },
            name: "n".to_owned(),
            input: None,
            settings: Bytes::new(),
            retention_ms: 1,
            parent: None,
            attributes: BTreeMap::new(),
            fork: None,
        }));
        life
    }

    fn turn(&mut self, input: Input<Ask>) -> Answer<()> {
        self.now += 1;
        let turn = self
            .cell
            .turn(Timestamp(self.now), 0, &BTreeMap::new(), input);
        let (answer, batch) = turn;
        if let Some(batch) = batch {
            let read = Batch::decode(batch.sequence, &batch.encode());
            assert_eq!(read.as_ref(), Ok(&batch), "what is written reads back");
            self.journal.push(batch);
        }
        let mut again = Cell::<Clerk>::new(id(1));
        for batch in &self.journal {
            again.replay(batch);
        }
        assert_eq!(again.execution(), self.cell.execution());
        answer
    }

    fn ask(&mut self, ask: Ask) {
        assert_eq!(self.turn(Input::Request(ask)), Answer::Own(()));
    }

    fn note(&mut self, operation: u32, generation: u32, note: &'static str) -> Settlement {
        let answer = self.turn(Input::Note {
            operation: Operation(operation),
            generation: Generation(generation),
            note: Bytes::from_static(note.as_bytes()),
        });
        let Answer::Settled(settlement) = answer else {
            panic!("not a settlement: {answer:?}");
        };
        settlement
    }

    fn noted(&self, operation: u32) -> Option<&[u8]> {
        let note = self.cell.execution().note(Operation(operation));
        note.map(|note| &note.bytes[..])
    }

    fn watch(&mut self, operation: u32, watcher: u64) -> Settlement {
        let answer = self.turn(Input::Watch {
            operation: Operation(operation),
            generation: Generation(0),
            watcher: parent(watcher),
        });
        let Answer::Settled(settlement) = answer else {
            panic!("not a settlement: {answer:?}");
        };
        settlement
    }

    /// Whom the tasks that are out tell of what.
    fn told(&self) -> Vec<(Parent, Settlement)> {
        let tasks = self.cell.execution().tasks();
        let tellers = tasks.filter(|task| task.target.kind == TargetKind::Watcher);
        tellers
            .map(|task| match &task.payload {
                TaskPayload::Stored(Payload::Inline(payload)) => {
                    Task::decode_watcher(payload).expect("a watcher")
                }
                other => panic!("not a watcher: {other:?}"),
            })
            .collect()
    }
}

fn id(number: u64) -> ExecutionId {
    ExecutionId::new(1, number, Shard(1))
}

fn parent(number: u64) -> Parent {
    Parent {
        execution: id(number),
        operation: Operation(3),
        generation: Generation(2),
    }
}

#[test]
fn a_note_stands_as_long_as_its_gate_or_its_task() {
    let mut life = Life::new();
    assert_eq!(life.note(1, 0, "early"), Settlement::Unknown);
    life.ask(Ask::Open(1, 0));
    assert_eq!(life.note(1, 0, "first"), Settlement::Applied);
    assert_eq!(life.note(1, 1, "of a later one"), Settlement::Unknown);
    assert_eq!(life.noted(1), Some(&b"first"[..]));
    life.ask(Ask::Open(1, 1));
    assert_eq!(life.noted(1), None, "it was another generation's");
    assert_eq!(life.note(1, 0, "late"), Settlement::Superseded);
    assert_eq!(life.note(1, 1, "second"), Settlement::Applied);
    life.ask(Ask::Shut(1));
    assert_eq!(life.noted(1), None);
    assert_eq!(life.note(1, 1, "late"), Settlement::TimedOut);

    life.ask(Ask::Task(2, 4));
    assert_eq!(life.note(2, 4, "at a task"), Settlement::Applied);
    life.ask(Ask::Open(2, 4));
    life.ask(Ask::EndTask(2));
    assert_eq!(life.noted(2), Some(&b"at a task"[..]), "its gate is open");
    life.ask(Ask::Shut(2));
    assert_eq!(life.noted(2), None);
}

#[test]
fn the_same_note_again_is_not_written() {
    let mut life = Life::new();
    life.ask(Ask::Open(1, 0));
    for note in ["a", "a", "a", "b"] {
        assert_eq!(life.note(1, 0, note), Settlement::Applied);
    }
    assert_eq!(life.journal.len(), 2 + 2);
}

#[test]
fn a_watcher_is_told_once_how_the_gate_has_closed() {
    let mut life = Life::new();
    life.ask(Ask::Open(1, 0));
    for watcher in [7, 8, 7] {
        assert_eq!(life.watch(1, watcher), Settlement::Applied);
    }
    assert_eq!(life.told(), []);
    life.turn(Input::Settle {
        operation: Operation(1),
        generation: Generation(0),
        outcome: Outcome::Succeeded(None),
    });
    let mut told = life.told();
    told.sort_by_key(|(watcher, _)| watcher.execution);
    assert_eq!(
        told,
        [7, 8].map(|watcher| (parent(watcher), Settlement::Conflict))
    );
    assert_eq!(life.watch(1, 9), Settlement::Conflict, "it has closed");
}

#[test]
fn a_watcher_is_told_whatever_closes_the_gate() {
    for (ask, expected) in [
        (Ask::Shut(1), Settlement::TimedOut),
        (Ask::Open(1, 1), Settlement::Superseded),
        (Ask::Close, Settlement::Closed),
    ] {
        let mut life = Life::new();
        life.ask(Ask::Open(1, 0));
        life.watch(1, 7);
        life.ask(ask);
        assert_eq!(life.told(), [(parent(7), expected)]);
        if !life.cell.execution().status().is_closed() {
            life.ask(Ask::Close);
        }
        assert_eq!(
            life.told(),
            [(parent(7), expected)],
            "the end of the execution takes nothing of it away"
        );
    }
}

#[test]
fn what_is_watched_is_asked_for_by_a_task() {
    let mut life = Life::new();
    life.ask(Ask::Watch(5, "token"));
    let execution = life.cell.execution();
    let task = execution.task(Operation(5)).expect("a task");
    assert_eq!(task.target.kind, TargetKind::Watch);
    assert_eq!(task.target.address, "token");
    assert_eq!(execution.open_generation(Operation(5)), Some(Generation(0)));
}

#[test]
fn a_post_is_in_the_journal() {
    let mut life = Life::new();
    life.ask(Ask::Post("approval.requested"));
    let last = life.journal.last().expect("a batch");
    assert!(matches!(
        last.entries.as_slice(),
        [Entry::Kernel(KernelEvent::Posted { topic, .. })] if topic == "approval.requested"
    ));
}

#[test]
fn the_outcome_of_a_settling_task_reads_back() {
    for outcome in [
        Outcome::Succeeded(None),
        Outcome::Succeeded(Some("1".into())),
        Outcome::Failed(Failure::new("a", "b")),
        Outcome::TimedOut(Failure::default()),
        Outcome::Stopped(Failure::new("c", "d")),
    ] {
        let task = Task::settling(Operation(1), "t".to_owned(), &outcome);
        let TaskPayload::Stored(Payload::Inline(bytes)) = &task.payload else {
            panic!("not inline: {task:?}");
        };
        assert_eq!(Task::decode_outcome(bytes), Ok(outcome));
        for len in 0..bytes.len() {
            assert!(Task::decode_outcome(&bytes[..len]).is_err());
        }
    }
}
