//! Links decide once.

use everstep_approval::{Decision, Refusal, Reply, Request, Verdict, Via};
use everstep_core::Timestamp;

use crate::rig::{HOUR, Rig, cast, person, settings};

fn make(rig: &mut Rig, approver: &str, by: &str) -> Reply {
    let expires = Timestamp(rig.now + HOUR);
    rig.ask(Request::MakeLink {
        approver: person(approver),
        expires,
        by: by.to_owned(),
    })
}

fn by_link(by: &str, link: u32) -> everstep_approval::Cast {
    let mut cast = cast(by, Verdict::Approve);
    (cast.via, cast.link) = (Via::Link, Some(link));
    cast
}

#[test]
fn a_link_is_good_for_one_decision_of_its_approver() {
    let mut settings = settings();
    settings.quorum = 2;
    let mut rig = Rig::new(&settings);
    assert_eq!(make(&mut rig, "ann", "root"), Reply::Link { number: 1 });
    assert_eq!(rig.refused(by_link("bob", 1)), Refusal::DeadLink);
    assert_eq!(rig.refused(by_link("ann", 2)), Refusal::DeadLink);
    assert_eq!(rig.vote(by_link("ann", 1)), Reply::Recorded(None));
    assert_eq!(rig.vote(by_link("ann", 1)), Reply::Duplicate(None));
    let mut other = by_link("ann", 1);
    other.verdict = Verdict::Reject;
    assert_eq!(rig.refused(other), Refusal::DeadLink);
}

#[test]
fn a_link_dies_with_its_time_its_place_and_the_decision() {
    let mut rig = Rig::new(&settings());
    make(&mut rig, "ann", "root");
    rig.pass(HOUR);
    assert_eq!(rig.refused(by_link("ann", 1)), Refusal::DeadLink);

    make(&mut rig, "ann", "root");
    rig.hand_on("root", Some("ann"), "dora", true);
    assert_eq!(rig.refused(by_link("ann", 2)), Refusal::DeadLink);

    make(&mut rig, "dora", "root");
    rig.vote(cast("bob", Verdict::Approve));
    assert!(matches!(
        rig.refused(by_link("dora", 3)),
        Refusal::Over {
            decision: Decision::Approved,
            ..
        }
    ));
}

#[test]
fn nobody_makes_a_link_for_others_than_those_who_are_asked_or_to_what_they_asked_for() {
    let mut rig = Rig::new(&settings());
    assert!(matches!(
        make(&mut rig, "eve", "root"),
        Reply::Refused(Refusal::NotAsked { .. })
    ));
    assert!(matches!(
        make(&mut rig, "ann", "carl"),
        Reply::Refused(Refusal::OwnRequest { .. })
    ));
    assert_eq!(rig.events(), ["ApprovalRequested"]);
}
