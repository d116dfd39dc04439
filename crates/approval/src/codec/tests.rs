use bytes::Bytes;
use everstep_core::codec::{Reader, Writer};
use everstep_core::{Digest, ExecutionId, Payload, Shard, Timestamp};
use proptest::prelude::*;

use crate::event::{Cast, Decision, Event, Remark, Verdict, Via};
use crate::settings::{Approver, Escalation, Expiry, Settings};

fn approver() -> impl Strategy<Value = Approver> {
    prop_oneof![
        "[a-z]{1,9}".prop_map(Approver::User),
        "[a-z]{1,9}".prop_map(Approver::Group),
    ]
}

fn via() -> impl Strategy<Value = Via> {
    (0..Via::ALL.len()).prop_map(|index| Via::ALL[index])
}

fn text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(".{0,12}")
}

prop_compose! {
    fn settings()(
        title in ".{0,20}", digest in any::<[u8; 32]>(), requester in text(), approvers in proptest::collection::vec(approver(), 0..4),
        quorum in 1_u32..9, flags in any::<[bool; 5]>(), due in any::<u64>(), reminders_ms in proptest::collection::vec(any::<u64>(), 0..4),
        to in proptest::collection::vec(approver(), 0..3), after_ms in proptest::option::of(any::<u64>()),
        waiting in text(), previous in proptest::option::of(any::<u64>()), round in 1_u32..9,
        summary in ".{0,20}", links_ms in proptest::option::of(any::<u64>()),
    ) -> Settings {
        let [self_approval, delegation, escalates, has_form, settles] = flags;
        Settings {
            title, digest: Digest(digest), starter: requester.clone(), requester, approvers, quorum, quorum_against: 1, self_approval, delegation,
            due: Timestamp(due), on_expiry: if escalates { Expiry::Escalate } else { Expiry::Reject }, reminders_ms,
            escalation: escalates.then_some(Escalation { to, after_ms }), waiting, settles, round,
            previous: previous.map(|at| ExecutionId::new(at, 7, Shard(3))), pages: "http://a/".to_owned(), has_form,
            workflow: (!summary.is_empty()).then(|| summary.clone()), summary, links_ms,
        }
    }
}

prop_compose! {
    fn cast()(
        by in ".{1,9}", verdict in 0_usize..3, comment in text(), form in proptest::option::of(any::<Vec<u8>>()), via in via(), peer in text(),
        link in proptest::option::of(any::<u32>()),
    ) -> Cast {
        Cast { by, verdict: Verdict::ALL[verdict], comment, form: form.map(Bytes::from), via, peer, link }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let requested =
        (settings(), proptest::option::of(any::<Vec<u8>>())).prop_map(|(settings, content)| {
            Event::Requested {
                id: "id".to_owned(),
                settings: Box::new(settings),
                content: content.map(|bytes| Payload::Inline(bytes.into())),
            }
        });
    let commented = (".{0,9}", ".{0,9}", any::<bool>(), via(), text()).prop_map(
        |(by, text, asks, via, peer)| {
            Event::Commented(Remark {
                by,
                text,
                asks,
                via,
                peer,
            })
        },
    );
    let delegated = (
        proptest::option::of(approver()),
        approver(),
        text(),
        via(),
        text(),
    )
        .prop_map(|(from, to, comment, via, peer)| Event::Delegated {
            from,
            to,
            by: "ann".to_owned(),
            comment,
            via,
            peer,
        });
    let linked = (any::<u32>(), any::<u64>()).prop_map(|(number, expires)| Event::LinkMade {
        number,
        approver: "bob".to_owned(),
        expires: Timestamp(expires),
        by: "ann".to_owned(),
    });
    let escalated =
        (proptest::collection::vec(approver(), 0..3), any::<u64>()).prop_map(|(to, due)| {
            Event::Escalated {
                to,
                due: Timestamp(due),
            }
        });
    let cancelled = (".{0,9}", text(), via()).prop_map(|(reason, by, via)| Event::Cancelled {
        reason,
        by,
        via,
    });
    prop_oneof![
        requested,
        cast().prop_map(Event::Voted),
        cast().prop_map(Event::VotedLate),
        commented,
        delegated,
        linked,
        any::<u32>().prop_map(|count| Event::Reminded { count }),
        escalated,
        (0..Decision::ALL.len()).prop_map(|index| Event::Decided {
            decision: Decision::ALL[index]
        }),
        Just(Event::Expired),
        cancelled,
    ]
}

proptest! {
    #[test]
    fn events_are_read_as_they_were_written(event in event()) {
        let mut to = Writer::new();
        super::encode(&event, &mut to);
        let bytes = to.finish();
        let mut from = Reader::new(&bytes);
        prop_assert_eq!(super::decode(&mut from), Ok(event));
        prop_assert!(from.is_empty());
    }

    #[test]
    fn no_bytes_are_too_strange_to_be_refused(bytes: Vec<u8>) {
        let _ = super::decode(&mut Reader::new(&bytes));
        let _ = Settings::decode(&bytes);
    }

    #[test]
    fn settings_are_read_as_they_were_written(settings in settings()) {
        prop_assert_eq!(Settings::decode(&settings.encode()), Ok(settings));
    }
}

/// What stands on disks: a change here breaks stores.
#[test]
fn the_numbers_of_events_are_fixed() {
    let encoded = |event: &Event| {
        let mut to = Writer::new();
        super::encode(event, &mut to);
        to.finish()
    };
    assert_eq!(encoded(&Event::Expired)[..], [10]);
    assert_eq!(
        encoded(&Event::Decided {
            decision: Decision::Cancelled
        })[..],
        [9, 5]
    );
    let voted = encoded(&Event::Voted(Cast {
        by: "a".to_owned(),
        verdict: Verdict::RequestChanges,
        comment: None,
        form: None,
        via: Via::Link,
        peer: None,
        link: Some(7),
    }));
    assert_eq!(voted[..], [2, 1, b'a', 3, 0, 0, 4, 0, 1, 7]);
}

/// Settings without what later versions have.
fn before(version: u8) -> Writer {
    let mut to = Writer::new();
    to.u8(version);
    to.str("Publish?");
    to.raw(&[7; 32]);
    // Nobody asks, everybody may decide.
    for _ in 0..2 {
        to.bool(false);
    }
    to.list(&[] as &[u8], |_, _| {});
    to.u32(2);
    to.u32(1);
    to.bool(false);
    to.bool(true);
    to.u64(9);
    to.u8(1);
    to.list(&[] as &[u64], |to, ms| to.u64(*ms));
    to.bool(false);
    to.option(Some(&"AQED"), |to, token| to.str(token));
    to.u32(1);
    to.bool(false);
    to.str("http://a/");
    to.bool(false);
    to
}

/// Settings of version 1 have the token of whoever waits where those of now have its address.
#[test]
fn settings_of_before_are_still_read() {
    let first = Settings::decode(&before(1).finish()).expect("version 1");
    assert_eq!((first.quorum, first.waiting.as_deref()), (2, Some("AQED")));
    let mut second = before(2);
    second.str("Three sources agree.");
    second.option(Some(&"w-1"), |to, name| to.str(name));
    second.option(Some(&3_600_000), |to, ms| to.u64(*ms));
    let second = Settings::decode(&second.finish()).expect("version 2");
    assert_eq!(second.summary, "Three sources agree.");
    assert_eq!(
        (second.workflow.as_deref(), second.links_ms),
        (Some("w-1"), Some(3_600_000))
    );
    for read in [first, second] {
        assert!(read.settles, "there was nothing else");
        assert_eq!(read.encode()[0], 3, "what is written now says so");
    }
}
