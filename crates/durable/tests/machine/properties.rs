//! Any sequence of legal and illegal calls.

use everstep_core::{
    Answer, Failure, Generation, Input, Operation, OperationStatus, Outcome, Payload, Task,
    Timestamp,
};
use everstep_durable::{
    Action, ErrorClass, Identity, Late, Limits, Mode, OperationKind, OperationSnapshot, Output,
    Position, Reply, Request, Update, UpdateOptions,
};
use proptest::prelude::*;

use crate::run::Run;

#[derive(Clone, Debug)]
enum Call {
    Checkpoint {
        stale: bool,
        client: bool,
        updates: Vec<Update>,
    },
    Finish {
        stale: bool,
        output: Output,
    },
    Settle {
        operation: u32,
        good: bool,
    },
    Pass {
        ms: u64,
    },
}

fn update() -> impl Strategy<Value = Update> {
    let kind = prop::sample::select(OperationKind::ALL.to_vec());
    let action = prop::sample::select(Action::ALL.to_vec());
    let parent = prop::option::weighted(0.3, 0..4_u8);
    (
        0..6_u8,
        kind,
        action,
        parent,
        any::<bool>(),
        any::<bool>(),
        0..4_u32,
    )
        .prop_map(
            |(id, kind, action, parent, payload, replay, seconds)| Update {
                identity: Identity {
                    id: format!("op{id}").into(),
                    parent: parent.map(|id| format!("op{id}").into()),
                    name: None,
                    sub_kind: None,
                },
                kind,
                action,
                payload: (payload && action != Action::Fail).then(|| Payload::from("1")),
                error: (action == Action::Fail).then(|| Failure::new("E", "e")),
                options: UpdateOptions {
                    replay_children: replay,
                    next_attempt_delay_s: Some(seconds),
                    wait_s: Some(seconds),
                    callback_timeout_s: Some(seconds),
                    callback_heartbeat_s: Some(seconds),
                    chained_invoke: (kind == OperationKind::ChainedInvoke)
                        .then(crate::script::child),
                },
            },
        )
}

fn call() -> impl Strategy<Value = Call> {
    let output = prop_oneof![
        4 => Just(Output::Pending),
        2 => Just(Output::Error { failure: Failure::new("X", "x"), class: ErrorClass::Runtime }),
        1 => Just(Output::Error { failure: Failure::new("X", "x"), class: ErrorClass::Handler }),
    ];
    prop_oneof![
        8 => (prop::bool::weighted(0.2), any::<bool>(), prop::collection::vec(update(), 0..3))
            .prop_map(|(stale, client, updates)| Call::Checkpoint { stale, client, updates }),
        2 => (prop::bool::weighted(0.2), output).prop_map(|(stale, output)| Call::Finish { stale, output }),
        2 => (0..8_u32, any::<bool>()).prop_map(|(operation, good)| Call::Settle { operation, good }),
        3 => (0..3_000_u64).prop_map(|ms| Call::Pass { ms }),
    ]
}

/// The token of the invocation in flight: what the function would hold.
#[derive(Default)]
struct Function {
    token: Position,
    seen: Vec<Position>,
}

impl Function {
    fn refresh(&mut self, run: &Run) {
        if let Some(Late::Invocation(invocation)) = run
            .cell
            .execution()
            .task(Operation(0))
            .and_then(|task| run.cell.late(task))
        {
            self.token = invocation.position;
        }
    }
}

fn succeeded_steps(run: &Run) -> Vec<OperationSnapshot> {
    let all = (0..32).filter_map(|number| run.cell.state().operation(Operation(number)));
    all.filter(|s| s.kind() == OperationKind::Step && s.status == OperationStatus::Succeeded)
        .cloned()
        .collect()
}

fn take(run: &mut Run, function: &mut Function, call: Call) {
    let old = Position {
        sequence: function.token.sequence.saturating_sub(1),
        ..function.token
    };
    match call {
        Call::Pass { ms } => {
            run.now = Timestamp(run.now.0 + ms);
            run.turn(Input::Wake);
        }
        Call::Settle { operation, good } => {
            let outcome = if good {
                Outcome::Succeeded(None)
            } else {
                Outcome::Failed(Failure::default())
            };
            run.turn(Input::Settle {
                operation: Operation(operation),
                generation: Generation(0),
                outcome,
            });
        }
        Call::Finish { stale, output } => {
            let generation = if stale {
                Generation(function.token.generation.0 + 1)
            } else {
                function.token.generation
            };
            let (answer, _) = run.turn(Input::Request(Request::Finish { generation, output }));
            assert!(!stale || matches!(answer, Answer::Own(Reply::Refused(_))));
        }
        Call::Checkpoint {
            stale,
            client,
            updates,
        } => {
            let position = if stale { old } else { function.token };
            let client_token = client.then(|| format!("c{}", position.sequence));
            let request = Request::Checkpoint {
                position,
                client_token,
                updates,
            };
            let (answer, _) = run.turn(Input::Request(request.clone()));
            let Answer::Own(Reply::Checkpoint { next, .. }) = &answer else {
                return;
            };
            if !stale && let Some(next) = next {
                assert!(
                    function.seen.iter().all(|seen| seen < next),
                    "P4: tokens are strictly monotone"
                );
                function.seen.push(*next);
            }
            if client {
                let (again, events) = run.turn(Input::Request(request));
                assert_eq!(again, answer, "the same call has the same answer");
                assert!(events.is_empty());
            } else {
                assert!(!stale, "P4: a stale token is refused");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    // P2, P4, P7, P11.
    #[test]
    fn whatever_is_called_the_promises_hold(calls in prop::collection::vec(call(), 1..40)) {
        let (mut run, _) = Run::new(Mode::Durable, Some(60), Limits::default(), "null");
        let mut function = Function::default();
        let mut done: Vec<OperationSnapshot> = Vec::new();
        for call in calls {
            function.refresh(&run);
            take(&mut run, &mut function, call);
            for step in &done {
                prop_assert_eq!(run.cell.state().operation(step.operation), Some(step), "P2: a recorded result stays");
            }
            done = succeeded_steps(&run);
            let open = |task: &Task| task.operation == Operation(0) || run.cell.execution().open_generation(task.operation).is_some();
            prop_assert!(run.cell.execution().tasks().all(open), "what is out is waited for");
            let waits = |id: Operation| run.cell.state().operation(id).is_some_and(|s| s.status == OperationStatus::Started);
            prop_assert!(run.cell.execution().tasks().all(|task| waits(task.operation)), "a task ends with its operation");
        }
    }

    // P11: no answer of a function is too strange.
    #[test]
    fn any_bytes_are_an_answer(bytes: Vec<u8>) {
        let _ = Output::parse(&bytes);
    }
}
