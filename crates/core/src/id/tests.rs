use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn an_id_keeps_its_shard_and_survives_its_text(ms in 0u64..(1 << 48), chance: u64, shard in 0..SHARDS) {
        let id = ExecutionId::new(ms, chance, Shard(shard));
        prop_assert_eq!(id.shard(), Shard(shard));
        prop_assert_eq!(id.to_string().parse::<ExecutionId>(), Ok(id));
    }

    #[test]
    fn any_text_is_an_id_or_refused(text in "\\PC{0,40}") {
        if let Ok(id) = text.parse::<ExecutionId>() {
            prop_assert_eq!(id.to_string(), text.to_lowercase());
        }
    }
}

#[test]
fn the_id_of_a_letter_survives_its_text() {
    let id = crate::LetterId::new(7, 8, Shard(9));
    assert_eq!(id.shard(), Shard(9));
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!(
        "not one".parse::<crate::LetterId>(),
        Err(crate::InvalidLetterId)
    );
}

#[test]
fn a_later_id_sorts_behind_an_earlier_one() {
    assert!(ExecutionId::new(1, u64::MAX, Shard(255)) < ExecutionId::new(2, 0, Shard(0)));
}

#[test]
fn a_shard_beyond_the_last_is_refused() {
    let id = ExecutionId::new(1, 1, Shard(SHARDS));
    assert_eq!(
        id.to_string().parse::<ExecutionId>(),
        Err(InvalidExecutionId)
    );
}
