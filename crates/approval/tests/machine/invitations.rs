//! Everybody who is asked by name is told alone, where that is asked for.

use everstep_approval::{Approver, Escalation, INVITED, Verdict};
use serde_json::Value;

use crate::rig::{HOUR, Rig, cast, settings, user};

fn with_links() -> everstep_approval::Settings {
    let mut settings = settings();
    settings.links_ms = Some(12 * HOUR);
    settings.quorum = 2;
    settings
}

fn invited(rig: &Rig) -> Vec<(String, u64, String)> {
    let told = rig.told(INVITED);
    let told = told.iter().map(|body| {
        let text = |place: &str| {
            body.pointer(place)
                .and_then(Value::as_str)
                .unwrap()
                .to_owned()
        };
        let number = body.pointer("/link/number").and_then(Value::as_u64);
        (text("/approver"), number.unwrap(), text("/occasion"))
    });
    told.collect()
}

fn one(name: &str, number: u64, occasion: &str) -> (String, u64, String) {
    (name.to_owned(), number, format!("approval.{occasion}"))
}

#[test]
fn nobody_gets_a_link_unless_it_is_asked_for() {
    let rig = Rig::new(&settings());
    assert!(invited(&rig).is_empty());
    assert_eq!(rig.events(), ["ApprovalRequested"]);
}

#[test]
fn each_name_has_a_link_of_its_own_and_what_is_told_to_all_has_none() {
    let rig = Rig::new(&with_links());
    // The group has no address, and whoever asked would not decide.
    assert_eq!(
        invited(&rig),
        [one("ann", 1, "requested"), one("bob", 2, "requested")]
    );
    let told = rig.told(INVITED);
    let told = &told[0];
    assert_eq!(told["workflow_id"], "w-1");
    assert_eq!(told["summary"], "Three sources agree.");
    assert_eq!(told["link"]["under"], "http://127.0.0.1/approvals/link/");
    for notice in rig.told("approval.requested") {
        assert!(notice.get("link").is_none(), "{notice}");
    }
}

#[test]
fn a_reminder_repeats_the_link_while_it_is_good() {
    let mut settings = with_links();
    settings.reminders_ms = vec![HOUR, 13 * HOUR];
    let mut rig = Rig::new(&settings);
    rig.vote(cast("bob", Verdict::Approve));
    rig.pass(HOUR);
    rig.pass(12 * HOUR);
    let again = invited(&rig).split_off(2);
    assert_eq!(
        again,
        [one("ann", 1, "reminded"), one("ann", 3, "reminded")]
    );
    let ends = rig.described().state.links[&3].expires;
    assert_eq!(ends, settings.due, "it does not outlive the approval");
}

#[test]
fn whoever_gets_a_place_later_is_invited_alone() {
    let mut settings = with_links();
    settings.escalation = Some(Escalation {
        to: vec![user("eve"), Approver::Group("chiefs".to_owned())],
        after_ms: Some(2 * HOUR),
    });
    let mut rig = Rig::new(&settings);
    rig.hand_on("ann", None, "dora", false);
    rig.pass(2 * HOUR);
    let later = invited(&rig).split_off(2);
    assert_eq!(
        later,
        [one("dora", 3, "delegated"), one("eve", 4, "escalated")]
    );
    assert_eq!(
        rig.described().state.links[&1].state,
        everstep_approval::LinkState::Revoked
    );
}
