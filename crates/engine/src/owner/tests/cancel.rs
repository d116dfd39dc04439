//! A cancelled execution and what it has started: who is told, in which commit, and who is left alone.

use everstep_core::{ExecutionId, Status};
use everstep_durable::Mode;
use everstep_store::Direction;

use super::rig::{Rig, chained, wait};
use crate::cancel::{Body, CANCELLED, Child, failure};
use crate::input::{Cancelling, Input};
use crate::letter::{Letter, topic};

fn asked(cascades: bool) -> Box<Cancelling> {
    Box::new(Cancelling {
        failure: failure(Some("enough")),
        reason: Some("enough".to_owned()),
        cascades,
    })
}

fn cancel(rig: &mut Rig, id: ExecutionId, cascades: bool) {
    let answer = rig.answer(|reply| Input::Cancel {
        execution: id,
        asked: asked(cascades),
        reply,
    });
    answer.expect("an answer");
}

/// What is to be told to children.
fn told(rig: &Rig) -> Vec<Body> {
    let rows = rig.store.letters(false, None, Direction::Forward, 100);
    let letters = rows.expect("rows").into_iter();
    let letters = letters.map(|row| Letter::decode(row.id, &row.letter).expect("a letter"));
    letters
        .filter(|letter| letter.topic == topic::EXECUTION_CANCEL)
        .map(|letter| serde_json::from_slice(&letter.body).expect("a body"))
        .collect()
}

/// An execution that waits for a durable child, a plain function and a time; and the child's id.
fn waiting(rig: &mut Rig) -> (ExecutionId, ExecutionId) {
    let id = rig.started("parent");
    let updates = vec![
        chained("durable", Mode::Durable),
        chained("plain", Mode::Plain),
        wait("time", 60),
    ];
    rig.suspend_on(id, updates);
    rig.commit();
    let started = rig
        .exchanged
        .iter()
        .find_map(|message| match &message.content {
            crate::exchange::Content::Start(child, _) => Some(*child),
            _ => None,
        });
    (id, started.expect("a child's start"))
}

#[test]
fn children_are_told_in_the_commit_of_the_end() {
    let mut rig = Rig::new();
    let (id, child) = waiting(&mut rig);
    cancel(&mut rig, id, true);
    let told = told(&rig);
    assert_eq!(
        told.len(),
        1,
        "only what is an execution of its own: {told:?}"
    );
    assert_eq!(told[0].child, Child::Execution(child.to_string()));
    assert_eq!(told[0].parent, format!("parent ({id})"));
    assert_eq!(told[0].reason.as_deref(), Some("enough"));
    let row = rig.snapshot(id).expect("a snapshot");
    assert_eq!(row.row.status, Status::Stopped);
    let error = row.view.operations[0].failure.clone().expect("a failure");
    assert_eq!(error.kind.as_deref(), Some(CANCELLED));
    assert_eq!(error.message.as_deref(), Some("enough"));
}

#[test]
fn a_crash_before_the_commit_leaves_nobody_told_and_nobody_ended() {
    let mut rig = Rig::new();
    let (id, _) = waiting(&mut rig);
    drop(rig.ask(|reply| Input::Cancel {
        execution: id,
        asked: asked(true),
        reply,
    }));
    let mut rig = rig.crash();
    assert!(told(&rig).is_empty());
    assert_eq!(rig.status(id), Status::Running);
    cancel(&mut rig, id, true);
    assert_eq!(told(&rig).len(), 1);
}

#[test]
fn without_a_cascade_children_go_on() {
    let mut rig = Rig::new();
    let (id, _) = waiting(&mut rig);
    cancel(&mut rig, id, false);
    assert_eq!(rig.status(id), Status::Stopped);
    assert!(told(&rig).is_empty());
}

#[test]
fn children_of_one_that_was_stopped_alone_are_reached_afterwards() {
    let mut rig = Rig::new();
    let (id, _) = waiting(&mut rig);
    drop(rig.stop(id));
    rig.commit();
    assert!(told(&rig).is_empty());
    cancel(&mut rig, id, true);
    assert_eq!(told(&rig).len(), 1);
}

#[test]
fn who_has_ended_otherwise_has_nobody_told() {
    let mut rig = Rig::new();
    let id = rig.started("parent");
    let generation = rig
        .invocation(id)
        .expect("an invocation")
        .position
        .generation;
    let output = everstep_durable::Output::Succeeded { result: None };
    rig.finish(id, generation, output);
    rig.commit();
    cancel(&mut rig, id, true);
    assert_eq!(rig.status(id), Status::Succeeded);
    assert!(told(&rig).is_empty());
}
