//! The persisted forms.

use std::sync::Arc;

use everstep_core::codec::{Reader, Writer};
use everstep_core::{Digest, Event as _, EventId, Generation, Operation, Sequence, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::definition::StateId;

fn text() -> impl Strategy<Value = Arc<str>> {
    "[a-zäöü\"{}\\\\ ]{0,12}".prop_map(Arc::from)
}

fn document() -> impl Strategy<Value = Document> {
    (0u32..9, 0u32..3, text())
        .prop_map(|(id, sequence, text)| Document::new(DocumentId(id), Sequence(sequence), text))
}

fn body() -> impl Strategy<Value = Body> {
    (document(), any::<bool>()).prop_map(|(document, first)| {
        if first {
            Body::first(document)
        } else {
            Body::again(document)
        }
    })
}

fn place() -> impl Strategy<Value = Place> {
    (0u32.., any::<u32>(), any::<bool>()).prop_map(|(frame, previous, is_hidden)| Place {
        frame: FrameId(frame),
        previous: EventId(previous),
        is_hidden,
    })
}

fn failure() -> impl Strategy<Value = ErrorOutput> {
    (proptest::option::of(text()), proptest::option::of(text()))
        .prop_map(|(error, cause)| ErrorOutput { error, cause })
}

fn kind() -> impl Strategy<Value = StateKind> {
    proptest::sample::select(StateKind::ALL.to_vec())
}

fn worker() -> impl Strategy<Value = Worker> {
    prop_oneof![
        Just(Worker::Function),
        Just(Worker::Activity),
        (text(), text()).prop_map(|(service, action)| Worker::Service { service, action }),
    ]
}

fn attempt() -> impl Strategy<Value = Arc<Attempt>> {
    (
        any::<u32>(),
        any::<u32>(),
        worker(),
        text(),
        any::<Option<u64>>(),
        proptest::option::of(text()),
    )
        .prop_map(
            |(operation, generation, worker, resource, timeout_s, credentials)| {
                Arc::new(Attempt {
                    operation: Operation(operation),
                    generation: Generation(generation),
                    region: resource.clone(),
                    resource,
                    worker,
                    timeout_s,
                    heartbeat_s: timeout_s.map(|seconds| seconds / 2),
                    token: credentials.is_some().then_some(Operation(operation)),
                    credentials,
                })
            },
        )
}

fn settings() -> impl Strategy<Value = Settings> {
    (any::<[u8; 32]>(), any::<[bool; 5]>(), "[a-z:]{0,9}").prop_map(
        |(digest, [a, b, c, d, e], arn)| Settings {
            definition: Digest(digest),
            state_machine_arn: arn.clone(),
            version_arn: a.then(|| arn.clone()),
            alias_arn: b.then(|| arn.clone()),
            execution_arn: arn.clone(),
            role_arn: arn.clone(),
            kind: if c { Kind::Standard } else { Kind::Express },
            sync: d,
            logging: e.then(|| Logging {
                level: if a {
                    LogLevel::All
                } else if b {
                    LogLevel::Error
                } else {
                    LogLevel::Fatal
                },
                include_execution_data: c,
                groups: vec![arn.clone()],
            }),
            trace: c.then(|| arn.clone()),
        },
    )
}

fn of_execution() -> impl Strategy<Value = Event> {
    let previous = || any::<u32>().prop_map(EventId);
    prop_oneof![
        (text(), body(), settings()).prop_map(|(name, input, settings)| Event::ExecutionStarted {
            name,
            input,
            settings: Arc::new(settings)
        }),
        (previous(), body())
            .prop_map(|(previous, output)| Event::ExecutionSucceeded { previous, output }),
        (previous(), failure())
            .prop_map(|(previous, failure)| Event::ExecutionFailed { previous, failure }),
        failure().prop_map(|failure| Event::ExecutionAborted { failure }),
        Just(Event::ExecutionTimedOut),
        (previous(), any::<u32>())
            .prop_map(|(previous, count)| Event::ExecutionRedriven { previous, count }),
    ]
}

fn of_state() -> impl Strategy<Value = Event> {
    let assigned = proptest::collection::vec((text(), body()), 0..3);
    prop_oneof![
        (place(), kind(), text(), body()).prop_map(|(place, kind, name, input)| {
            Event::StateEntered {
                place,
                kind,
                state: StateId(place.frame.0),
                name,
                input,
            }
        }),
        (
            place(),
            kind(),
            text(),
            body(),
            assigned,
            proptest::option::of(any::<u32>())
        )
            .prop_map(|(place, kind, name, output, assigned, next)| {
                Event::StateExited {
                    place,
                    kind,
                    name,
                    output,
                    assigned,
                    next: next.map(StateId),
                }
            }),
        (place(), kind()).prop_map(|(place, kind)| Event::StateAborted { place, kind }),
        (place(), kind()).prop_map(|(place, kind)| Event::StateSucceeded { place, kind }),
        (place(), kind()).prop_map(|(place, kind)| Event::StateFailed { place, kind }),
        (place(), failure(), proptest::option::of(text()), text()).prop_map(
            |(place, failure, location, state)| Event::EvaluationFailed {
                place,
                failure,
                location,
                state
            }
        ),
        (place(), any::<u32>(), any::<u32>(), body()).prop_map(
            |(place, branches, first, input)| Event::ParallelStateStarted {
                place,
                branches,
                first: FrameId(first),
                input,
            }
        ),
    ]
}

fn of_map() -> impl Strategy<Value = Event> {
    let iteration = || (place(), text(), any::<u32>());
    prop_oneof![
        (iteration(), any::<(u32, bool, u32)>(), body()).prop_map(
            |((place, _, length), (concurrency, is_distributed, tolerated), items)| {
                let rules = MapRules {
                    concurrency,
                    is_distributed,
                    tolerated,
                };
                Event::MapStateStarted {
                    place,
                    length,
                    rules,
                    items,
                }
            }
        ),
        (iteration(), any::<u32>(), body()).prop_map(|((place, name, index), frame, input)| {
            Event::MapIterationStarted {
                place,
                name,
                index,
                frame: FrameId(frame),
                input,
            }
        }),
        iteration().prop_map(|(place, name, index)| Event::MapIterationSucceeded {
            place,
            name,
            index
        }),
        (iteration(), failure()).prop_map(|((place, name, index), failure)| {
            Event::MapIterationFailed {
                place,
                name,
                index,
                failure,
            }
        }),
        iteration().prop_map(|(place, name, index)| Event::MapIterationAborted {
            place,
            name,
            index
        }),
        iteration().prop_map(|(place, arn, _)| Event::MapRunStarted { place, arn }),
        place().prop_map(|place| Event::MapRunSucceeded { place }),
        (place(), failure()).prop_map(|(place, failure)| Event::MapRunFailed { place, failure }),
        place().prop_map(|place| Event::MapRunAborted { place }),
        iteration().prop_map(|(place, arn, count)| Event::MapRunRedriven { place, arn, count }),
    ]
}

fn of_task() -> impl Strategy<Value = Event> {
    let stage = proptest::sample::select(vec![
        Stage::Schedule,
        Stage::Start,
        Stage::Submit,
        Stage::Run,
    ]);
    prop_oneof![
        (place(), attempt(), body()).prop_map(|(place, attempt, input)| Event::Scheduled {
            place,
            attempt,
            input
        }),
        (place(), worker(), proptest::option::of(text()))
            .prop_map(|(place, worker, by)| Event::Started { place, worker, by }),
        (place(), worker(), body()).prop_map(|(place, worker, output)| Event::Submitted {
            place,
            worker,
            output
        }),
        (place(), worker(), body()).prop_map(|(place, worker, output)| Event::Succeeded {
            place,
            worker,
            output
        }),
        (place(), worker(), stage, failure()).prop_map(|(place, worker, stage, failure)| {
            Event::Failed {
                place,
                worker,
                stage,
                failure,
            }
        }),
        (place(), worker(), failure(), any::<bool>()).prop_map(
            |(place, worker, failure, is_heartbeat)| Event::TimedOut {
                place,
                worker,
                failure,
                is_heartbeat,
            }
        ),
    ]
}

fn internal() -> impl Strategy<Value = Event> {
    (any::<[u32; 3]>(), any::<u64>(), failure(), 0u8..7).prop_map(
        |([a, b, c], time, failure, which)| {
            let (frame, operation) = (FrameId(a), Operation(b));
            match which {
                0 => Event::WaitStarted {
                    frame,
                    operation,
                    until: Timestamp(time),
                },
                1 => Event::RetryDecided {
                    frame,
                    operation,
                    retrier: c,
                    delay_ms: time,
                    failure,
                },
                2 => Event::Woken { frame },
                4 => Event::BranchAborted { frame },
                5 => Event::StopDecided {
                    operation,
                    arn: "arn".into(),
                },
                3 => Event::BranchFailed { frame, failure },
                _ => Event::Logged {
                    operation,
                    first: EventId(a),
                    last: EventId(c),
                    done: vec![operation],
                },
            }
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![of_execution(), of_state(), of_map(), of_task(), internal()]
}

proptest! {
    #[test]
    fn an_event_is_read_as_it_was_written(event in event()) {
        let mut to = Writer::new();
        event.encode(&mut to);
        let bytes = to.finish();
        let mut from = Reader::new(&bytes);
        let read = Event::decode(&mut from).expect("written by us");
        prop_assert!(from.is_empty());
        prop_assert_eq!(&read, &event);
        prop_assert_eq!(read.is_public(), event.is_public());
        prop_assert_eq!(read.previous(), event.previous());
        if !event.is_public() && event.place().is_none() {
            prop_assert_eq!(event.history_type(), None);
        }
    }

    #[test]
    fn a_damaged_event_is_refused_and_does_no_harm(event in event(), cut in any::<prop::sample::Index>(), flip in any::<(prop::sample::Index, u8)>()) {
        let mut to = Writer::new();
        event.encode(&mut to);
        let mut bytes = to.finish().to_vec();
        let at = flip.0.index(bytes.len());
        bytes[at] ^= flip.1;
        let _: Result<Event, _> = Event::decode(&mut Reader::new(&bytes));
        bytes.truncate(cut.index(bytes.len()));
        let _: Result<Event, _> = Event::decode(&mut Reader::new(&bytes));
    }

    #[test]
    fn what_is_missing_after_reading_is_what_was_stored_before(event in event()) {
        let mut to = Writer::new();
        event.encode(&mut to);
        let mut read = Event::decode(&mut Reader::new(&to.finish())).expect("written by us");
        let brought = event.documents().count();
        prop_assert_eq!(read.documents().count(), brought);
        read.resolve(|sequence, id| Some(Document::new(id, sequence, "{}".into())));
        prop_assert_eq!(read.unresolved().count(), 0);
        prop_assert_eq!(&read, &event);
    }

    #[test]
    fn settings_are_read_as_they_were_written(settings in settings()) {
        prop_assert_eq!(Settings::decode(&settings.encode()).expect("written by us"), settings);
    }
}

#[test]
fn a_text_is_parsed_when_it_is_asked_for() {
    let document = Document::new(DocumentId(1), Sequence(0), "{\"a\": 1.0}".into());
    assert_eq!(document.value().to_text(), "{\"a\":1.0}");
    assert_eq!(&**document.text(), "{\"a\": 1.0}");
    assert!(
        Document::new(DocumentId(2), Sequence(0), "{".into())
            .parsed()
            .is_err()
    );
}
