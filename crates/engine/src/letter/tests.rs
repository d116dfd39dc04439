use everstep_core::{Failure, Shard};

use super::*;
use crate::Via;

fn letter(state: LetterState) -> Letter {
    Letter {
        id: LetterId::new(5, 6, Shard(7)),
        topic: topic::NOTIFY.to_owned(),
        state,
        execution: Some(ExecutionId::new(1, 2, Shard(3))),
        operation: Some(Operation(4)),
        created: Timestamp(5),
        source: Some(Source::new(Via::Lambda)),
        body: Bytes::from_static(b"{}"),
        payload: Some(Payload::from("text")),
        keeper: None,
    }
}

#[test]
fn a_letter_reads_back_and_a_part_of_one_does_not() {
    let waiting = LetterState::Waiting {
        due: Timestamp(9),
        tries: 3,
        error: Some("refused".to_owned()),
    };
    let dead = LetterState::Dead {
        since: Timestamp(9),
        tries: 20,
        reason: "gone".to_owned(),
    };
    for state in [waiting, dead] {
        let letter = letter(state);
        let written = letter.encode();
        assert_eq!(Letter::decode(letter.id, &written), Ok(letter.clone()));
        for len in 0..written.len() {
            assert!(Letter::decode(letter.id, &written[..len]).is_err());
        }
    }
}

#[test]
fn a_filter_names_a_topic_or_a_beginning_of_topics() {
    let mut late = letter(LetterState::Dead {
        since: Timestamp(0),
        tries: 0,
        reason: Failure::default().message.unwrap_or_default(),
    });
    late.topic = topic::CALLBACK_LATE.to_owned();
    for (topic, matches) in [
        ("callback.late", true),
        ("callback.", true),
        ("callback", false),
        ("notify", false),
    ] {
        let filter = LetterFilter {
            topic: Some(topic.to_owned()),
            ..LetterFilter::default()
        };
        assert_eq!(filter.matches(&late), matches, "{topic}");
    }
    let other = LetterFilter {
        execution: Some(ExecutionId::new(9, 9, Shard(9))),
        ..LetterFilter::default()
    };
    assert!(!other.matches(&late));
}
