//! The turn against a small model: a machine that does what its requests say.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::codec::{Corrupt, Reader};
use crate::{
    Cause, Definition, Payload, Recovery, Shard, Start, Status, Target, TargetKind, TaskPayload,
    Timer,
};

/// A machine that writes down what it is told and does what it is asked.
struct Diary;

#[derive(Clone, Debug, PartialEq)]
enum Line {
    Told(String),
    Drew(u64),
}

#[derive(Clone, Debug)]
enum Ask {
    Open(u32, u32),
    Timer(u32, u64, Option<u64>),
    Task(u32, u32),
    Draw,
    /// Write this many lines, as many a turn as its budget allows.
    Write(usize),
    Close,
    Nothing,
}

impl crate::Event for Line {
    fn is_public(&self) -> bool {
        matches!(self, Self::Told(_))
    }

    fn encode(&self, to: &mut Writer) {
        match self {
            Self::Told(text) => {
                to.u8(1);
                to.str(text);
            }
            Self::Drew(chance) => {
                to.u8(2);
                to.u64(*chance);
            }
        }
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        match from.u8()? {
            1 => Ok(Self::Told(from.str()?)),
            2 => Ok(Self::Drew(from.u64()?)),
            tag => Err(Corrupt::tag("line", tag)),
        }
    }
}

impl Machine for Diary {
    type State = Vec<(Line, Stamp)>;
    type Event = Line;
    type Request = Ask;
    type Reply = ();
    type Late = ();
    type Surroundings = ();

    fn handle(turn: &mut Turn<'_, Self>, command: Command<Ask>) -> Reply<()> {
        let told = match &command {
            Command::Request(_) => None,
            Command::TimerDue { operation, .. } => Some(format!("timer {operation}")),
            Command::Settled {
                operation,
                generation,
                ..
            } => Some(format!("settled {operation}.{generation}")),
            other => Some(
                format!("{other:?}")
                    .split([' ', '('])
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            ),
        };
        if let Some(text) = told {
            turn.emit(Line::Told(text));
        }
        match command {
            Command::Request(ask) => {
                if turn.execution().status().is_closed() {
                    return Reply::Own(());
                }
                match ask {
                    Ask::Open(operation, generation) => {
                        turn.open(Operation(operation), Generation(generation))
                    }
                    Ask::Timer(operation, delay, heartbeat_ms) => {
                        let due = turn.now().after_ms(delay);
                        turn.set_timer(Timer {
                            operation: Operation(operation),
                            kind: TimerKind(0),
                            due,
                            heartbeat_ms,
                        });
                    }
                    Ask::Task(operation, generation) => {
                        turn.start_task(task(operation, generation))
                    }
                    Ask::Draw => {
                        let chance = turn.chance();
                        turn.emit(Line::Drew(chance));
                    }
                    Ask::Write(lines) => write(turn, lines),
                    Ask::Close => turn.close(Status::Succeeded),
                    Ask::Nothing => {}
                }
                Reply::Own(())
            }
            Command::GoOn => {
                let written = drawn(turn.state());
                write(turn, LINES.saturating_sub(written));
                Reply::Done
            }
            _ => Reply::Done,
        }
    }

    fn apply(state: &mut Self::State, event: &Line, stamp: Stamp) {
        state.push((event.clone(), stamp));
    }

    fn late(_: &Execution, _: &Self::State, (): &(), _: &Task) -> Option<()> {
        None
    }

    fn result(state: &Self::State) -> Option<Payload> {
        Some(Payload::from(format!("{} lines", state.len())))
    }

    fn failure(_: &Self::State) -> Failure {
        Failure::default()
    }

    fn view(_: &Execution, _: &Self::State) -> View {
        View::default()
    }
}

/// What the tests let a diary write in all.
const LINES: usize = 2_500;

fn write(turn: &mut Turn<'_, Diary>, lines: usize) {
    for _ in 0..lines {
        if turn.is_spent() {
            return turn.go_on();
        }
        turn.emit(Line::Drew(0));
    }
}

fn drawn(state: &[(Line, Stamp)]) -> usize {
    let drawn = state
        .iter()
        .filter(|(line, _)| matches!(line, Line::Drew(_)));
    drawn.count()
}

fn task(operation: u32, generation: u32) -> Task {
    Task {
        operation: Operation(operation),
        generation: Generation(generation),
        target: Target {
            kind: TargetKind::Queue,
            address: "q".to_owned(),
        },
        payload: TaskPayload::Late,
        timeout_ms: Some(5),
        heartbeat_ms: None,
        recovery: Recovery::Lost,
    }
}

fn start() -> Start {
    Start {
        definition: Definition {
            machine: 9,
            name: "diary".to_owned(),
            version: "1".to_owned(),
        },
        name: "one".to_owned(),
        input: Some(Payload::from("{}")),
        settings: bytes::Bytes::new(),
        retention_ms: 1_000,
        parent: None,
        attributes: std::collections::BTreeMap::from([("team".to_owned(), "red".to_owned())]),
        fork: None,
    }
}

fn id() -> ExecutionId {
    ExecutionId::new(1, 2, Shard(3))
}

struct Run {
    cell: Cell<Diary>,
    journal: Vec<Batch<Line>>,
    beats: BTreeMap<Operation, Timestamp>,
}

impl Run {
    fn new() -> Self {
        let mut run = Self {
            cell: Cell::new(id()),
            journal: Vec::new(),
            beats: BTreeMap::new(),
        };
        run.step(100, Input::Start(start()));
        run
    }

    fn step(&mut self, now: u64, input: Input<Ask>) -> Answer<()> {
        let (answer, batch) = self
            .cell
            .turn(Timestamp(now), u128::from(now), &self.beats, input);
        self.journal.extend(batch);
        answer
    }

    fn settle(
        &mut self,
        now: u64,
        operation: u32,
        generation: u32,
        text: &'static str,
    ) -> Answer<()> {
        let outcome = Outcome::Succeeded(Some(Payload::from(text)));
        self.step(
            now,
            Input::Settle {
                operation: Operation(operation),
                generation: Generation(generation),
                outcome,
            },
        )
    }

    fn told(&self) -> Vec<String> {
        let told = self.cell.state().iter().filter_map(|(line, _)| match line {
            Line::Told(text) => Some(text.clone()),
            Line::Drew(_) => None,
        });
        told.collect()
    }
}

fn inputs() -> impl Strategy<Value = Vec<(u64, Input<Ask>)>> {
    let operation = 0u32..4;
    let input = prop_oneof![
        (operation.clone(), 0u32..3).prop_map(|(o, g)| Input::Request(Ask::Open(o, g))),
        (operation.clone(), 1u64..50, prop::option::of(1u64..20))
            .prop_map(|(o, d, h)| Input::Request(Ask::Timer(o, d, h))),
        (operation.clone(), 0u32..3).prop_map(|(o, g)| Input::Request(Ask::Task(o, g))),
        Just(Input::Request(Ask::Draw)),
        Just(Input::Request(Ask::Nothing)),
        Just(Input::Wake),
        (operation.clone(), 0u32..3, any::<bool>()).prop_map(|(o, g, a)| Input::Settle {
            operation: Operation(o),
            generation: Generation(g),
            outcome: Outcome::Succeeded(Some(Payload::from(if a { "a" } else { "b" }))),
        }),
        (operation, 0u32..3).prop_map(|(o, g)| Input::TaskLost {
            operation: Operation(o),
            generation: Generation(g)
        }),
        Just(Input::Stop { failure: None }),
        Just(Input::Request(Ask::Close)),
    ];
    // Times jump back as well: what a clock does must not reach an execution.
    prop::collection::vec((0u64..400, input), 0..60)
}

proptest! {
    // P7: the same journal gives the same state, through the codec.
    #[test]
    fn replay_rebuilds_the_cell(inputs in inputs()) {
        let mut run = Run::new();
        for (now, input) in inputs {
            run.step(now, input);
        }
        let mut rebuilt = Cell::<Diary>::new(id());
        for batch in &run.journal {
            let decoded = Batch::decode(batch.sequence, &batch.encode()).unwrap();
            prop_assert_eq!(&decoded, batch);
            rebuilt.replay(&decoded);
        }
        prop_assert_eq!(rebuilt.execution(), run.cell.execution());
        prop_assert_eq!(rebuilt.state(), run.cell.state());
    }

    #[test]
    fn time_never_goes_back_and_public_events_count_without_gaps(inputs in inputs()) {
        let mut run = Run::new();
        for (now, input) in inputs {
            run.step(now, input);
        }
        let times: Vec<u64> = run.journal.iter().map(|batch| batch.at.0).collect();
        prop_assert!(times.is_sorted());
        let ids: Vec<u32> = run.journal.iter().flat_map(|batch| batch.public().map(|(id, _)| id.0)).collect();
        prop_assert_eq!(ids, (1..run.cell.execution().next_event().0).collect::<Vec<_>>());
        let sequences: Vec<u32> = run.journal.iter().map(|batch| batch.sequence.0).collect();
        prop_assert_eq!(sequences, (0..run.journal.len() as u32).collect::<Vec<_>>());
    }

    // P2: whatever comes and goes, a generation is settled once, and later settles hear what the first one was.
    #[test]
    fn the_first_settle_wins(inputs in inputs(), first: bool, second: bool) {
        let mut run = Run::new();
        for (now, input) in inputs {
            run.step(now, input);
        }
        let open = run.cell.execution().open_generation(Operation(1));
        let text = |a| if a { "a" } else { "b" };
        if let Some(generation) = open {
            let operation = 1;
            let timers_due = 1_000;
            prop_assert_eq!(run.settle(timers_due, operation, generation.0, text(first)), Answer::Settled(Settlement::Applied));
            let again = if first == second { Settlement::Duplicate } else { Settlement::Conflict };
            prop_assert_eq!(run.settle(timers_due, operation, generation.0, text(second)), Answer::Settled(again));
        }
        let settled = run.told().iter().filter(|line| line.starts_with("settled 1.")).count();
        let distinct: std::collections::BTreeSet<String> = run.told().into_iter().filter(|line| line.starts_with("settled 1.")).collect();
        prop_assert!(settled >= distinct.len());
    }

    #[test]
    fn no_journal_bytes_make_replay_panic(bytes: Vec<u8>) {
        let mut with_format = vec![crate::codec::FORMAT];
        with_format.extend(bytes);
        let _ = Batch::<Line>::decode(Sequence(0), &with_format);
    }
}

use crate::Sequence;

#[test]
fn due_timers_fire_before_the_command_in_order_and_in_the_same_batch() {
    let mut run = Run::new();
    run.step(100, Input::Request(Ask::Timer(3, 20, None)));
    run.step(100, Input::Request(Ask::Timer(1, 30, None)));
    run.step(100, Input::Request(Ask::Timer(2, 20, None)));
    run.step(100, Input::Request(Ask::Open(5, 0)));
    let batches = run.journal.len();
    run.settle(130, 5, 0, "x");
    assert_eq!(
        run.told()[1..],
        ["timer 2", "timer 3", "timer 1", "settled 5.0"]
    );
    assert_eq!(run.journal.len(), batches + 1);
}

#[test]
fn a_heartbeat_moves_its_timer_and_no_other() {
    let mut run = Run::new();
    run.step(100, Input::Request(Ask::Timer(1, 10, Some(10))));
    run.step(100, Input::Request(Ask::Timer(2, 10, None)));
    run.beats.insert(Operation(1), Timestamp(108));
    assert_eq!(run.cell.next_due(&run.beats), Some(Timestamp(110)));
    run.step(115, Input::Wake);
    assert_eq!(run.told()[1..], ["timer 2"]);
    assert_eq!(run.cell.next_due(&run.beats), Some(Timestamp(118)));
    run.step(118, Input::Wake);
    assert_eq!(run.told()[1..], ["timer 2", "timer 1"]);
}

#[test]
fn closing_takes_everything_back_and_later_settles_hear_of_it() {
    let mut run = Run::new();
    run.step(100, Input::Request(Ask::Open(1, 0)));
    run.step(100, Input::Request(Ask::Task(1, 0)));
    run.step(100, Input::Request(Ask::Timer(1, 10, None)));
    run.step(101, Input::Request(Ask::Close));
    assert_eq!(
        run.settle(102, 1, 0, "late"),
        Answer::Settled(Settlement::Closed)
    );
    assert_eq!(
        run.cell.execution().tasks().count() + run.cell.execution().timers().count(),
        0
    );
    assert_eq!(
        run.step(103, Input::Stop { failure: None }),
        Answer::AlreadyClosed
    );
    assert_eq!(run.cell.execution().closed(), Some(Timestamp(101)));
}

#[test]
fn an_older_generation_is_superseded_and_a_later_one_unknown() {
    let mut run = Run::new();
    run.step(100, Input::Request(Ask::Open(1, 2)));
    assert_eq!(
        run.settle(100, 1, 1, "x"),
        Answer::Settled(Settlement::Superseded)
    );
    assert_eq!(
        run.settle(100, 1, 3, "x"),
        Answer::Settled(Settlement::Unknown)
    );
    assert_eq!(
        run.settle(100, 9, 0, "x"),
        Answer::Settled(Settlement::Unknown)
    );
}

#[test]
fn a_lost_task_is_told_once() {
    let mut run = Run::new();
    run.step(100, Input::Request(Ask::Task(1, 4)));
    let lost = || Input::TaskLost {
        operation: Operation(1),
        generation: Generation(4),
    };
    assert_eq!(run.step(100, lost()), Answer::Done);
    assert_eq!(
        run.step(100, lost()),
        Answer::Settled(Settlement::Superseded)
    );
}

#[test]
fn a_quarantined_execution_says_why_and_takes_no_more() {
    let mut run = Run::new();
    run.step(100, Input::Request(Ask::Open(1, 0)));
    run.step(
        100,
        Input::Quarantine {
            reason: "three crashes".to_owned(),
        },
    );
    assert_eq!(run.cell.execution().status(), Status::Quarantined);
    assert_eq!(
        run.settle(101, 1, 0, "x"),
        Answer::Settled(Settlement::Closed)
    );
    let last = run.journal.last().unwrap();
    assert!(
        last.entries
            .contains(&Entry::Kernel(KernelEvent::Quarantined {
                reason: "three crashes".to_owned()
            }))
    );
}

#[test]
fn quarantine_does_not_run_the_machine() {
    let mut run = Run::new();
    run.step(100, Input::Request(Ask::Timer(1, 5, None)));
    let told = run.cell.state().len();
    let reason = "a due timer panics".to_owned();
    run.step(200, Input::Quarantine { reason });
    assert_eq!(run.cell.state().len(), told);
    assert_eq!(run.cell.execution().timers().count(), 0);
}

#[test]
fn a_turn_that_records_nothing_leaves_no_trace() {
    let mut run = Run::new();
    let before = run.cell.execution().clone();
    assert_eq!(run.step(900, Input::Request(Ask::Nothing)), Answer::Own(()));
    assert_eq!(run.cell.execution(), &before);
}

#[test]
fn a_task_keeps_its_idempotency_key_and_a_retry_gets_another() {
    assert_eq!(
        task(3, 1).idempotency_key(id()),
        task(3, 1).idempotency_key(id())
    );
    assert_ne!(
        task(3, 1).idempotency_key(id()),
        task(3, 2).idempotency_key(id())
    );
}

#[test]
fn a_turn_ends_at_its_budget_and_goes_on_in_the_next_one() {
    let mut run = Run::new();
    run.step(100, Input::Request(Ask::Write(LINES)));
    let first = drawn(run.cell.state());
    assert_eq!(first, 1_000);
    // The rest waits for its own turns, whatever else comes first, and each of them is a batch.
    assert_eq!(run.cell.next_due(&BTreeMap::new()), Some(Timestamp(100)));
    run.step(100, Input::Request(Ask::Timer(1, 0, None)));
    assert!(drawn(run.cell.state()) < 2_000);
    run.step(100, Input::Wake);
    run.step(100, Input::Wake);
    assert_eq!(drawn(run.cell.state()), LINES);
    assert_eq!(run.cell.next_due(&BTreeMap::new()), None);
    let told = run
        .cell
        .state()
        .iter()
        .filter(|(line, _)| *line == Line::Told("timer 1".to_owned()));
    assert_eq!(told.count(), 1);
}

#[test]
fn a_task_is_claimed_once() {
    let mut run = Run::new();
    run.step(100, Input::Request(Ask::Task(4, 0)));
    let claim = |by: &str| Input::Claim {
        operation: Operation(4),
        generation: Generation(0),
        by: by.to_owned(),
    };
    assert_eq!(run.step(110, claim("ann")), Answer::Done);
    assert_eq!(run.cell.execution().task(Operation(4)), None);
    let late = run.step(120, claim("bob"));
    assert_eq!(late, Answer::Settled(Settlement::Superseded));
    assert_eq!(run.journal.last().unwrap().cause, Cause::Claimed);
}
