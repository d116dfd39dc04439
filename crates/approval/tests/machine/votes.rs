//! Who decides, and when it is decided.

use std::collections::BTreeMap;

use everstep_approval::{Decision, Refusal, Reply, Request, Verdict, Via};
use everstep_core::{Answer, Input, Status, Timestamp};
use serde_json::json;

use crate::rig::{Rig, cast, digest, id, settings};

#[test]
fn the_first_quorum_decides_and_later_votes_are_recorded() {
    let mut rig = Rig::new(&settings());
    let mut vote = cast("ann", Verdict::Approve);
    vote.comment = Some("Go on".to_owned());
    assert_eq!(
        rig.vote(vote.clone()),
        Reply::Recorded(Some(Decision::Approved))
    );
    assert_eq!(rig.status(), Status::Succeeded);
    assert_eq!(
        rig.vote(vote),
        Reply::Duplicate(Some(Decision::Approved)),
        "an identical repeat"
    );
    let refusal = rig.refused(cast("bob", Verdict::Reject));
    assert!(
        matches!(&refusal, Refusal::Over { decision: Decision::Approved, by, .. } if by.as_deref() == Some("ann")),
        "{refusal:?}"
    );
    assert_eq!(
        rig.events(),
        [
            "ApprovalRequested",
            "ApprovalVoted",
            "ApprovalDecided",
            "ApprovalVotedLate"
        ]
    );
    assert_eq!(
        rig.result(),
        json!({
            "approved": true, "decision": "APPROVED", "feedback": "Go on", "reason": null, "approved_by": "ann",
            "approved_at": "2026-11-21T10:10:10.500Z", "form": null, "digest": digest().hex(), "approval_id": id().to_string(), "round": 1,
            "decisions": [{ "by": "ann", "decision": "APPROVE", "comment": "Go on", "at": "2026-11-21T10:10:10.500Z", "via": "api" }],
        })
    );
}

#[test]
fn so_many_as_the_quorum_have_to_approve_and_each_person_counts_once() {
    let mut settings = settings();
    settings.quorum = 2;
    let mut rig = Rig::new(&settings);
    assert_eq!(
        rig.vote(cast("ann", Verdict::Approve)),
        Reply::Recorded(None)
    );
    let mut again = cast("ann", Verdict::Approve);
    again.comment = Some("really".to_owned());
    assert_eq!(rig.vote(again), Reply::Recorded(None));
    assert_eq!(rig.status(), Status::Running);
    assert_eq!(
        rig.vote(cast("bob", Verdict::Approve)),
        Reply::Recorded(Some(Decision::Approved))
    );
    assert_eq!(rig.result()["approved_by"], "ann, bob");
}

#[test]
fn a_mind_is_changed_so_often_and_no_more() {
    let mut settings = settings();
    (settings.quorum, settings.quorum_against) = (2, 2);
    let mut rig = Rig::new(&settings);
    // Not replayed after each: a thousand times a thousand events take seconds.
    let mut vote = |verdict: Verdict| {
        let request = Request::Vote {
            cast: cast("ann", verdict),
            groups: Vec::new(),
            digest: digest().hex(),
        };
        let (now, input) = (Timestamp(rig.now), Input::Request(request));
        match rig.cell.turn(now, 7, &BTreeMap::new(), input).0 {
            Answer::Own(reply) => reply,
            other => panic!("{other:?}"),
        }
    };
    let verdicts = [Verdict::Approve, Verdict::Reject];
    for verdict in verdicts.into_iter().cycle().take(1_000) {
        assert_eq!(vote(verdict), Reply::Recorded(None));
    }
    assert!(matches!(
        vote(Verdict::Approve),
        Reply::Refused(Refusal::TooMany { what: "votes", .. })
    ));
}

#[test]
fn people_may_change_their_mind_until_it_is_decided() {
    let mut settings = settings();
    (settings.quorum, settings.quorum_against) = (2, 2);
    let mut rig = Rig::new(&settings);
    rig.vote(cast("ann", Verdict::Reject));
    rig.vote(cast("ann", Verdict::Approve));
    assert_eq!(
        rig.vote(cast("bob", Verdict::Approve)),
        Reply::Recorded(Some(Decision::Approved))
    );
}

#[test]
fn a_rejection_has_a_reason_and_a_request_for_changes_its_feedback() {
    for (verdict, comment, decision, member, text) in [
        (
            Verdict::Reject,
            Some("too dear"),
            "REJECTED",
            "reason",
            "too dear",
        ),
        (
            Verdict::Reject,
            None,
            "REJECTED",
            "reason",
            "No reason provided",
        ),
        (
            Verdict::RequestChanges,
            Some("shorter"),
            "CHANGES_REQUESTED",
            "feedback",
            "shorter",
        ),
    ] {
        let mut rig = Rig::new(&settings());
        let mut vote = cast("ann", verdict);
        vote.comment = comment.map(str::to_owned);
        rig.vote(vote);
        let result = rig.result();
        assert_eq!(result["approved"], false);
        assert_eq!(result["decision"], decision);
        assert_eq!(result[member], text);
        assert_eq!(rig.status(), Status::Succeeded);
    }
}

#[test]
fn a_vote_about_something_else_is_refused() {
    let mut rig = Rig::new(&settings());
    let reply = rig.ask(Request::Vote {
        cast: cast("ann", Verdict::Approve),
        groups: Vec::new(),
        digest: "00".repeat(32),
    });
    assert!(matches!(reply, Reply::Refused(Refusal::Stale { .. })));
    assert_eq!(rig.status(), Status::Running);
    assert_eq!(rig.events(), ["ApprovalRequested"]);
}

#[test]
fn only_those_who_are_asked_decide_and_nobody_their_own_request() {
    let mut settings = settings();
    let mut rig = Rig::new(&settings);
    assert!(matches!(
        rig.refused(cast("eve", Verdict::Approve)),
        Refusal::NotAsked { .. }
    ));
    let member = Request::Vote {
        cast: cast("dora", Verdict::Approve),
        groups: vec!["board".to_owned()],
        digest: digest().hex(),
    };
    assert_eq!(
        rig.ask(member),
        Reply::Recorded(Some(Decision::Approved)),
        "a member of the group"
    );

    settings.approvers.clear();
    let mut rig = Rig::new(&settings);
    assert!(matches!(
        rig.refused(cast("Carl", Verdict::Approve)),
        Refusal::OwnRequest { .. }
    ));
    assert_eq!(
        rig.vote(cast("eve", Verdict::Approve)),
        Reply::Recorded(Some(Decision::Approved)),
        "everybody is asked"
    );

    settings.self_approval = true;
    let mut rig = Rig::new(&settings);
    assert_eq!(
        rig.vote(cast("carl", Verdict::Approve)),
        Reply::Recorded(Some(Decision::Approved))
    );
}

#[test]
fn the_form_of_the_approval_is_part_of_the_result() {
    let mut rig = Rig::new(&settings());
    let mut vote = cast("ann", Verdict::Approve);
    vote.form = Some(r#"{"budget": 12}"#.into());
    rig.vote(vote);
    assert_eq!(rig.result()["form"], json!({ "budget": 12 }));
}

#[test]
fn what_nobody_wants_any_more_is_cancelled_and_never_approved() {
    let mut rig = Rig::new(&settings());
    let cancelled = rig.ask(Request::Cancel {
        reason: "not needed".to_owned(),
        by: Some("carl".to_owned()),
        via: Via::Cli,
    });
    assert_eq!(cancelled, Reply::Recorded(Some(Decision::Cancelled)));
    assert_eq!(rig.status(), Status::Cancelled);
    let result = rig.result();
    assert_eq!(
        (
            &result["approved"],
            &result["reason"],
            &result["approved_by"]
        ),
        (&json!(false), &json!("not needed"), &json!("carl"))
    );

    let mut rig = Rig::new(&settings());
    rig.stop("the operator's wish");
    assert_eq!(rig.status(), Status::Stopped);
    assert_eq!(rig.result()["reason"], "the operator's wish");
    assert!(matches!(
        rig.refused(cast("ann", Verdict::Approve)),
        Refusal::Over {
            decision: Decision::Cancelled,
            ..
        }
    ));
}

#[test]
fn late_votes_are_counted_and_not_kept_for_ever() {
    let mut rig = Rig::new(&settings());
    rig.vote(cast("ann", Verdict::Approve));
    for number in 0..150 {
        let mut vote = cast("bob", Verdict::Reject);
        vote.comment = Some(number.to_string());
        assert!(matches!(rig.refused(vote), Refusal::Over { .. }));
    }
    assert_eq!(rig.described().state.late, 100);
}
