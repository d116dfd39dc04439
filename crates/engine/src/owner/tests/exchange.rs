//! A parent and its child, with the process ended at every step between them: the child runs, the parent is told, each once.

use everstep_core::{Answer, Outcome, SHARDS, Shard, StartKey, Status};
use everstep_durable::{Invocation, Mode, Output};
use everstep_store::{Direction, ListFilter};

use super::rig::{Rig, chained};
use crate::exchange::{Content, Message};
use crate::input::Input;
use crate::registry::{HistoryEvent, public_events};
use crate::{Late, Options, WorkPayload};

/// How the process ends at its fatal step.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// What was about to be written is lost.
    BeforeSync,
    /// It is written, and nobody was told.
    AfterSync,
    /// The sync and all that followed is done; nothing else.
    AfterRelease,
}

/// Runs parent and child until nothing is left to do; the process ends at step `fatal`.
struct Play {
    rig: Rig,
    step: usize,
    fatal: usize,
    end: End,
    died: bool,
}

impl Play {
    fn new(fatal: usize, end: End) -> Self {
        let shards = (0..SHARDS).map(Shard).collect();
        Self {
            rig: Rig::with_shards(Options::default(), shards),
            step: 0,
            fatal,
            end,
            died: false,
        }
    }

    /// One commit; true when the process has ended instead of going on.
    fn commit(&mut self) -> bool {
        let fatal = self.step == self.fatal;
        self.step += 1;
        if !fatal || self.end == End::AfterRelease {
            self.rig.commit();
        }
        if !fatal {
            return false;
        }
        self.died = true;
        let rig = std::mem::replace(&mut self.rig, Rig::new());
        self.rig = match self.end {
            End::AfterSync => rig.crash_after_sync(),
            End::BeforeSync | End::AfterRelease => rig.crash(),
        };
        // What was under way died with the process.
        self.rig.sent.clear();
        self.rig.exchanged.clear();
        true
    }

    fn run(&mut self) {
        drop(self.rig.start("parent"));
        if self.commit() {
            // A start that was not acknowledged is made again by its caller.
            drop(self.rig.start("parent"));
        }
        self.commit();
        for _ in 0..40 {
            if !self.rig.exchanged.is_empty() {
                let message = self.rig.exchanged.remove(0);
                self.carry(message);
            } else if !self.rig.sent.is_empty() {
                let work = self.rig.sent.remove(0);
                let WorkPayload::Late(late) = work.payload else {
                    panic!("a payload of no machine")
                };
                let Late::Durable(invocation) = *late else {
                    panic!("not an invocation");
                };
                self.invoke(work.execution, &invocation);
            } else if !self.commit() && self.rig.sent.is_empty() && self.rig.exchanged.is_empty() {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    fn invoke(&mut self, id: everstep_core::ExecutionId, invocation: &Invocation) {
        let (position, generation) = (invocation.position, invocation.generation);
        let known = invocation
            .operations
            .iter()
            .find(|operation| &*operation.identity.id == "c");
        let output = match known {
            _ if invocation.function.name == "other" => Output::Succeeded {
                result: Some("\"of the child\"".into()),
            },
            None => {
                let update = chained("c", Mode::Durable);
                self.rig.checkpoint(id, position, vec![update]);
                if self.commit() {
                    return;
                }
                Output::Pending
            }
            Some(operation) if operation.status.is_closed() => Output::Succeeded { result: None },
            Some(_) => Output::Pending,
        };
        self.rig.finish(id, generation, output);
        self.commit();
    }

    fn carry(&mut self, message: Message) {
        let (id, operation, generation) = (message.from, message.operation, message.generation);
        match message.content {
            Content::Start(child, start) => {
                let key = StartKey::new(&start.definition.name, &start.name);
                drop(self.rig.ask(|reply| Input::Start {
                    id: child,
                    key,
                    digest: [0; 32],
                    start: *start,
                    reply,
                }));
            }
            Content::Ended {
                parent, outcome, ..
            } => {
                assert_eq!(outcome, Outcome::Succeeded(Some("\"of the child\"".into())));
                let settle = everstep_core::Input::Settle {
                    operation: parent.operation,
                    generation: parent.generation,
                    outcome,
                };
                drop(self.rig.turn(parent.execution, settle));
            }
            other => panic!("nobody says this here: {other:?}"),
        }
        if self.commit() {
            return;
        }
        let accepted = everstep_core::Input::Accepted {
            operation,
            generation,
        };
        drop(self.rig.turn(id, accepted));
        self.commit();
    }

    /// What stands in the store: both executions ended, the outcome shown once, and nothing out.
    fn check(&self, context: &str) {
        let store = &self.rig.store;
        let rows = store
            .list(&ListFilter::default(), None, 10)
            .expect("a list")
            .rows;
        assert_eq!(rows.len(), 2, "{context}: one parent, one child");
        assert!(
            rows.iter().all(|row| row.status == Status::Succeeded),
            "{context}: {rows:?}"
        );
        for shard in (0..SHARDS).map(Shard) {
            let out = store.tasks(shard, None, 10).expect("rows");
            assert!(out.is_empty(), "{context}: {out:?}");
        }
        let parent = rows.iter().find(|row| row.name == "parent").expect("a row");
        let batches = store
            .journal(
                parent.id,
                everstep_core::Sequence(0),
                Direction::Forward,
                100,
            )
            .expect("a journal");
        let told = batches
            .iter()
            .flat_map(|row| {
                public_events(parent.machine, row.sequence, &row.batch)
                    .expect("a batch")
                    .1
            })
            .filter(|(_, event)| {
                matches!(
                    event,
                    HistoryEvent::Durable(everstep_durable::Event::ChainedInvokeSucceeded { .. })
                )
            });
        assert_eq!(told.count(), 1, "{context}: told once");
    }
}

// P1, P2, P8.
#[test]
fn a_parent_is_told_of_its_child_once_wherever_the_process_ends() {
    for end in [End::BeforeSync, End::AfterSync, End::AfterRelease] {
        let mut fatal = 0;
        loop {
            let mut play = Play::new(fatal, end);
            play.run();
            play.check(&format!("{end:?} at step {fatal}"));
            if !play.died {
                break;
            }
            fatal += 1;
        }
        assert!(fatal > 8, "the steps between them were not all there");
    }
}

#[test]
fn a_plain_function_that_was_out_is_called_again_with_the_same_request() {
    let mut rig = Rig::new();
    let id = rig.started("one");
    rig.suspend_on(id, vec![chained("c", Mode::Plain)]);
    rig.commit();
    let first = rig.invocation(id).expect("a call").request_id.clone();
    let mut rig = rig.crash();
    rig.sent.clear();
    rig.commit();
    let again = rig.invocation(id).expect("the call again");
    assert_eq!((again.mode, &again.request_id), (Mode::Plain, &first));
    rig.settled(id, 1, "1");
    assert_eq!(rig.invocation(id).expect("its caller").mode, Mode::Durable);
}

#[test]
fn a_parent_is_told_when_its_child_is_stopped_or_taken_out() {
    let mut play = Play::new(usize::MAX, End::BeforeSync);
    drop(play.rig.start("parent"));
    play.rig.commit();
    let work = play.rig.sent.remove(0);
    let WorkPayload::Late(late) = work.payload else {
        panic!("a payload of no machine")
    };
    let Late::Durable(invocation) = *late else {
        panic!("not an invocation");
    };
    play.invoke(work.execution, &invocation);
    let start = play.rig.exchanged.remove(0);
    let Content::Start(child, _) = &start.content else {
        panic!("no start")
    };
    let child = *child;
    play.carry(start);
    let mut asked = play.rig.turn(
        child,
        everstep_core::Input::Quarantine {
            reason: "tested".to_owned(),
        },
    );
    play.rig.commit();
    assert!(matches!(asked.try_recv(), Ok(Ok(Answer::Done))));
    let ended = play.rig.exchanged.remove(0);
    let Content::Ended {
        parent, outcome, ..
    } = ended.content
    else {
        panic!("no end")
    };
    assert_eq!(parent.execution, work.execution);
    assert!(
        matches!(outcome, Outcome::Failed(failure) if failure.kind.as_deref() == Some("Everstep.Quarantined"))
    );
}
