//! A checkpoint in a long execution says and journals as much as in a short one.

use std::collections::BTreeMap;

use everstep_core::{Answer, Generation, Input, Payload};
use everstep_durable::{
    Action, Identity, Limits, Mode, OperationKind, Position, Reply, Request, Update, UpdateOptions,
};

use crate::run::Run;

#[test]
fn the_ten_thousandth_step_costs_what_the_first_does() {
    let (mut run, _) = Run::new(Mode::Durable, None, Limits::default(), "null");
    let mut position = Position {
        generation: Generation(1),
        sequence: 1,
    };
    let mut first = None;
    for number in 0..10_000 {
        let identity = Identity {
            id: format!("step-{number:05}").into(),
            parent: None,
            name: None,
            sub_kind: None,
        };
        let update = |action| Update {
            identity: identity.clone(),
            kind: OperationKind::Step,
            action,
            payload: (action == Action::Succeed).then(|| Payload::from("1")),
            error: None,
            options: UpdateOptions::default(),
        };
        let request = Request::Checkpoint {
            position,
            client_token: Some(format!("token-{number:05}")),
            updates: vec![update(Action::Start), update(Action::Succeed)],
        };
        let (answer, batch) = run
            .cell
            .turn(run.now, 1, &BTreeMap::new(), Input::Request(request));
        let Answer::Own(Reply::Checkpoint {
            next: Some(next),
            operations,
            next_marker: None,
        }) = answer
        else {
            panic!("{answer:?}")
        };
        assert_eq!(operations.len(), 1);
        position = next;
        let bytes = batch.unwrap().encode().len();
        let first = *first.get_or_insert(bytes);
        // Numbers grow from one byte to two.
        assert!(
            bytes <= first + 10,
            "{bytes} bytes after {number} steps, {first} at first"
        );
    }
}
