//! Places that are handed on, and what people write.

use everstep_approval::{
    Approver, Decision, Escalation, Refusal, Remark, Reply, Request, Verdict, Via,
};
use everstep_core::Timestamp;

use crate::rig::{HOUR, Rig, cast, digest, person, settings, user};

#[test]
fn a_place_that_was_handed_on_is_the_other_ones() {
    let mut rig = Rig::new(&settings());
    assert_eq!(
        rig.hand_on("ann", None, "dora", false),
        Reply::Recorded(None)
    );
    assert!(matches!(
        rig.refused(cast("ann", Verdict::Approve)),
        Refusal::NotAsked { .. }
    ));
    assert_eq!(
        rig.vote(cast("dora", Verdict::Approve)),
        Reply::Recorded(Some(Decision::Approved))
    );
}

#[test]
fn only_whoever_may_hands_places_on() {
    let mut settings = settings();
    settings.quorum = 2;
    let mut rig = Rig::new(&settings);
    let refused = |reply| match reply {
        Reply::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    };
    assert!(matches!(
        refused(rig.hand_on("eve", None, "dora", false)),
        Refusal::NoSeat { .. }
    ));
    assert!(matches!(
        refused(rig.hand_on("eve", Some("ann"), "dora", false)),
        Refusal::NotAsked { .. }
    ));
    assert!(matches!(
        refused(rig.hand_on("ann", None, "bob", false)),
        Refusal::Asked { .. }
    ));
    rig.vote(cast("ann", Verdict::Approve));
    assert!(matches!(
        refused(rig.hand_on("ann", None, "dora", false)),
        Refusal::Voted { .. }
    ));
    assert_eq!(
        rig.hand_on("root", Some("bob"), "dora", true),
        Reply::Recorded(None),
        "an administrator reassigns"
    );
    settings.delegation = false;
    let mut rig = Rig::new(&settings);
    assert_eq!(
        refused(rig.hand_on("ann", None, "dora", false)),
        Refusal::NoDelegation
    );
    assert_eq!(
        rig.hand_on("root", Some("ann"), "dora", true),
        Reply::Recorded(None)
    );
}

#[test]
fn a_member_of_a_group_brings_somebody_in_beside_it() {
    let mut rig = Rig::new(&settings());
    let mut by = person("fred");
    by.groups.push("board".to_owned());
    let reply = rig.ask(Request::Delegate {
        by,
        from: None,
        to: user("dora"),
        reassigns: false,
        comment: Some("she knows".to_owned()),
        via: Via::Api,
        peer: None,
        link: None,
    });
    assert_eq!(reply, Reply::Recorded(None));
    assert_eq!(rig.described().state.seats.len(), 4);
}

#[test]
fn whoever_brings_somebody_in_has_given_their_vote_away() {
    let mut settings = settings();
    settings.quorum = 2;
    settings.approvers = vec![Approver::Group("board".to_owned())];
    let mut rig = Rig::new(&settings);
    let mut fred = person("fred");
    fred.groups.push("board".to_owned());
    let brings = |to: &str| Request::Delegate {
        by: fred.clone(),
        from: None,
        to: user(to),
        reassigns: false,
        comment: None,
        via: Via::Api,
        peer: None,
        link: None,
    };
    let votes = |by: &str| Request::Vote {
        cast: cast(by, Verdict::Approve),
        groups: vec!["board".to_owned()],
        digest: digest().hex(),
    };
    rig.ask(Request::MakeLink {
        approver: fred.clone(),
        expires: Timestamp(rig.now + HOUR),
        by: "root".to_owned(),
    });
    assert_eq!(rig.ask(brings("dora")), Reply::Recorded(None));
    assert_eq!(
        rig.vote(cast("dora", Verdict::Approve)),
        Reply::Recorded(None)
    );
    assert!(matches!(
        rig.ask(votes("fred")),
        Reply::Refused(Refusal::NotAsked { .. })
    ));
    let mut by_link = cast("fred", Verdict::Approve);
    (by_link.via, by_link.link) = (Via::Link, Some(1));
    assert_eq!(rig.refused(by_link), Refusal::DeadLink);
    assert!(matches!(
        rig.ask(brings("eve")),
        Reply::Refused(Refusal::NoSeat { .. })
    ));
    assert_eq!(
        rig.ask(votes("gwen")),
        Reply::Recorded(Some(Decision::Approved)),
        "another member has a vote of her own"
    );
}

#[test]
fn everybody_may_still_decide_when_somebody_is_asked_by_name_as_well() {
    let mut settings = settings();
    settings.approvers.clear();
    settings.quorum = 2;
    settings.escalation = Some(Escalation {
        to: vec![user("chief")],
        after_ms: Some(HOUR),
    });
    let mut rig = Rig::new(&settings);
    rig.pass(HOUR);
    let state = rig.described().state;
    assert_eq!(state.seats.len(), 1);
    assert!(state.attributes().contains_key("approval.everybody"));
    assert!(state.attributes().contains_key("approval.approver.chief"));
    assert!(matches!(
        rig.hand_on("eve", None, "dora", false),
        Reply::Refused(Refusal::NoSeat { .. })
    ));
    assert_eq!(
        rig.vote(cast("eve", Verdict::Approve)),
        Reply::Recorded(None)
    );
    assert_eq!(
        rig.vote(cast("chief", Verdict::Approve)),
        Reply::Recorded(Some(Decision::Approved))
    );
}

#[test]
fn questions_stand_in_the_audit_and_decide_nothing() {
    let mut rig = Rig::new(&settings());
    for asks in [false, true] {
        let remark = Remark {
            by: "ann".to_owned(),
            text: "How much?".to_owned(),
            asks,
            via: Via::Page,
            peer: None,
        };
        assert_eq!(
            rig.ask(Request::Comment { remark, link: None }),
            Reply::Recorded(None)
        );
    }
    assert_eq!(
        rig.events(),
        [
            "ApprovalRequested",
            "ApprovalCommented",
            "ApprovalInformationRequested"
        ]
    );
    assert_eq!(rig.described().state.status(), "PENDING");
}

#[test]
fn it_is_found_by_how_it_stands_and_by_who_is_asked() {
    let mut rig = Rig::new(&settings());
    let attributes = rig.described().state.attributes();
    assert_eq!(attributes["approval.status"], "PENDING");
    assert!(attributes.contains_key("approval.approver.ann"));
    assert!(attributes.contains_key("approval.group.board"));
    rig.hand_on("ann", None, "dora", false);
    let attributes = rig.described().state.attributes();
    assert!(!attributes.contains_key("approval.approver.ann"));
    assert!(attributes.contains_key("approval.approver.dora"));
    rig.vote(cast("dora", Verdict::Reject));
    assert_eq!(
        rig.described().state.attributes()["approval.status"],
        "REJECTED"
    );
}
