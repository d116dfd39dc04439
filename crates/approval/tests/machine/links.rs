//! Links decide once.

use everstep_approval::{Approver, Decision, Refusal, Remark, Reply, Request, Verdict, Via};
use everstep_core::Timestamp;

use crate::rig::{HOUR, Rig, cast, person, settings, user};

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

/// What somebody can do by a link beside voting.
fn others(rig: &mut Rig, link: u32) -> [Reply; 2] {
    let remark = Remark {
        by: "ann".to_owned(),
        text: "Why?".to_owned(),
        asks: true,
        via: Via::Link,
        peer: None,
    };
    let said = rig.ask(Request::Comment {
        remark,
        link: Some(link),
    });
    let handed = rig.ask(Request::Delegate {
        by: person("ann"),
        from: None,
        to: user("mallory"),
        reassigns: false,
        comment: None,
        via: Via::Link,
        peer: None,
        link: Some(link),
    });
    [said, handed]
}

#[test]
fn a_dead_link_neither_asks_nor_hands_on() {
    let dead = || Reply::Refused(Refusal::DeadLink);
    let mut settings = settings();
    settings.quorum = 3;
    // Expired.
    let mut rig = Rig::new(&settings);
    make(&mut rig, "ann", "root");
    rig.pass(HOUR);
    assert_eq!(others(&mut rig, 1), [dead(), dead()]);
    // Used.
    make(&mut rig, "ann", "root");
    rig.vote(by_link("ann", 2));
    assert_eq!(others(&mut rig, 2), [dead(), dead()]);
    // Somebody else's, and none.
    make(&mut rig, "bob", "root");
    assert_eq!(others(&mut rig, 3), [dead(), dead()]);
    assert_eq!(others(&mut rig, 9), [dead(), dead()]);
    // Revoked.
    let mut rig = Rig::new(&settings);
    make(&mut rig, "ann", "root");
    rig.hand_on("root", Some("ann"), "dora", true);
    assert_eq!(others(&mut rig, 1), [dead(), dead()]);
    let events = rig.events();
    assert_eq!(
        events,
        ["ApprovalRequested", "ApprovalLinkMade", "ApprovalDelegated"]
    );
    // A good one does both.
    let mut rig = Rig::new(&settings);
    make(&mut rig, "ann", "root");
    let done = || Reply::Recorded(None);
    assert_eq!(others(&mut rig, 1), [done(), done()]);
}

#[test]
fn links_of_a_group_die_with_its_place() {
    let mut settings = settings();
    settings.quorum = 3;
    let mut rig = Rig::new(&settings);
    let mut fred = person("fred");
    fred.groups.push("board".to_owned());
    let expires = Timestamp(rig.now + HOUR);
    rig.ask(Request::MakeLink {
        approver: fred,
        expires,
        by: "root".to_owned(),
    });
    make(&mut rig, "ann", "root");
    let reply = rig.ask(Request::Delegate {
        by: person("root"),
        from: Some(Approver::Group("board".to_owned())),
        to: user("dora"),
        reassigns: true,
        comment: None,
        via: Via::Api,
        peer: None,
        link: None,
    });
    assert_eq!(reply, Reply::Recorded(None));
    assert_eq!(rig.refused(by_link("fred", 1)), Refusal::DeadLink);
    assert_eq!(
        rig.vote(by_link("ann", 2)),
        Reply::Recorded(None),
        "she is asked by name"
    );
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
