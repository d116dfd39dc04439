//! What time does: it reminds, asks others, and rejects.

use everstep_approval::{Approver, Decision, Escalation, Expiry, Reply, Settings, Verdict};
use everstep_core::{
    Generation, Input, Operation, Outcome, Payload, Status, TargetKind, Timestamp,
};

use crate::rig::{BEGIN, HOUR, Rig, cast, settings, user};

#[test]
fn nothing_is_approved_by_time() {
    let mut rig = Rig::new(&settings());
    rig.pass(24 * HOUR - 1);
    assert_eq!(rig.status(), Status::Running);
    rig.pass(1);
    assert_eq!(rig.status(), Status::TimedOut);
    let result = rig.result();
    assert_eq!(result["approved"], false);
    assert_eq!(result["decision"], "EXPIRED");
    assert_eq!(result["reason"], "Approval timed out");
    assert_eq!(rig.events(), ["ApprovalRequested", "ApprovalExpired"]);
}

#[test]
fn a_decision_after_the_time_is_too_late_even_before_the_timer_was_seen() {
    let mut rig = Rig::new(&settings());
    rig.now += 25 * HOUR;
    assert!(matches!(
        rig.vote(cast("ann", Verdict::Approve)),
        Reply::Refused(everstep_approval::Refusal::Over {
            decision: Decision::Expired,
            ..
        })
    ));
    assert_eq!(
        rig.events(),
        ["ApprovalRequested", "ApprovalExpired", "ApprovalVotedLate"]
    );
}

#[test]
fn reminders_come_one_after_the_other_and_end_with_the_decision() {
    let mut settings = settings();
    settings.reminders_ms = vec![HOUR, 3 * HOUR, 5 * HOUR];
    let mut rig = Rig::new(&settings);
    rig.pass(HOUR);
    rig.pass(HOUR);
    rig.pass(HOUR);
    assert_eq!(rig.described().state.reminded, 2);
    rig.vote(cast("bob", Verdict::Approve));
    rig.pass(10 * HOUR);
    assert_eq!(rig.described().state.reminded, 2);
    assert_eq!(rig.cell.execution().timers().count(), 0);
}

#[test]
fn a_decision_that_settles_nothing_is_read_and_goes_when_nobody_waits() {
    let mut settings = settings();
    settings.waiting = Some("token".to_owned());
    settings.settles = false;
    assert_eq!(Settings::decode(&settings.encode()), Ok(settings.clone()));
    let tasks = |rig: &Rig| -> Vec<TargetKind> {
        let tasks = rig.cell.execution().tasks();
        tasks.map(|task| task.target.kind).collect()
    };
    let mut rig = Rig::new(&settings);
    assert_eq!(tasks(&rig), [TargetKind::Watch]);
    rig.vote(cast("ann", Verdict::Approve));
    assert_eq!(rig.result()["decision"], "APPROVED");
    assert_eq!(tasks(&rig), []);
    let mut rig = Rig::new(&settings);
    let gone = Outcome::Succeeded(Some(Payload::from("\"conflict\"")));
    rig.turn(Input::Settle {
        operation: Operation(3),
        generation: Generation(0),
        outcome: gone,
    });
    assert_eq!(rig.status(), Status::Cancelled);
    let reason = rig.result()["reason"].clone();
    assert_eq!(reason, "Whoever asked has gone on, or has ended");
}

#[test]
fn others_are_asked_too_when_nobody_decides() {
    let mut settings = settings();
    settings.escalation = Some(Escalation {
        to: vec![user("chief"), Approver::Group("owners".to_owned())],
        after_ms: Some(2 * HOUR),
    });
    let mut rig = Rig::new(&settings);
    rig.refused(cast("chief", Verdict::Approve));
    rig.pass(2 * HOUR);
    assert_eq!(rig.described().state.seats.len(), 5);
    assert_eq!(rig.described().state.due, settings.due);
    assert_eq!(
        rig.vote(cast("chief", Verdict::Approve)),
        Reply::Recorded(Some(Decision::Approved))
    );
}

#[test]
fn an_expiry_that_escalates_gives_the_same_time_again_and_then_rejects() {
    let mut settings = settings();
    settings.on_expiry = Expiry::Escalate;
    settings.escalation = Some(Escalation {
        to: vec![user("chief")],
        after_ms: None,
    });
    let mut rig = Rig::new(&settings);
    rig.pass(24 * HOUR);
    assert_eq!(rig.status(), Status::Running);
    assert_eq!(
        rig.described().state.due,
        Timestamp(BEGIN + 48 * HOUR),
        "as long as the first ones had"
    );
    rig.pass(24 * HOUR);
    assert_eq!(rig.result()["decision"], "EXPIRED");
    assert_eq!(
        rig.events(),
        ["ApprovalRequested", "ApprovalEscalated", "ApprovalExpired"]
    );
}

#[test]
fn whoever_was_asked_early_has_the_same_time_again_as_well_and_once() {
    let mut settings = settings();
    settings.on_expiry = Expiry::Escalate;
    settings.escalation = Some(Escalation {
        to: vec![user("chief")],
        after_ms: Some(2 * HOUR),
    });
    let mut rig = Rig::new(&settings);
    rig.pass(2 * HOUR);
    let early = rig.described().state.escalated;
    rig.pass(22 * HOUR);
    assert_eq!(rig.status(), Status::Running);
    let state = rig.described().state;
    assert_eq!(state.due, Timestamp(BEGIN + 48 * HOUR));
    assert_eq!((state.escalated, state.seats.len()), (early, 4));
    rig.pass(24 * HOUR);
    assert_eq!(rig.result()["decision"], "EXPIRED");
    assert_eq!(
        rig.events(),
        [
            "ApprovalRequested",
            "ApprovalEscalated",
            "ApprovalEscalated",
            "ApprovalExpired"
        ]
    );
}

#[test]
fn the_view_shows_what_is_waited_for_and_who_voted() {
    let mut settings = settings();
    settings.quorum = 2;
    let mut rig = Rig::new(&settings);
    rig.vote(cast("ann", Verdict::Approve));
    let view = rig.cell.view();
    let shown: Vec<_> = view
        .operations
        .iter()
        .map(|operation| (operation.kind, operation.name.as_deref(), operation.due))
        .collect();
    assert_eq!(
        shown,
        [
            ("CALLBACK", Some("Publish?"), Some(settings.due)),
            ("STEP", Some("APPROVE by ann"), None)
        ]
    );
}
