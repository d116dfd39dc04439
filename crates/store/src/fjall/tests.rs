use bytes::Bytes;
use everstep_core::{
    ExecutionId, Generation, Operation, Sequence, Shard, StartKey, Status, TimerKind, Timestamp,
};
use proptest::prelude::*;

use super::row::{Family, seal, unseal};
use super::{catalogue, execution, expire, journal, start, task, timer};
use crate::{Error, ExecutionRow, JournalRow, Reopened, StartRow, TaskRow, TimerRow};

fn any_id() -> impl Strategy<Value = ExecutionId> {
    any::<[u8; 16]>().prop_map(ExecutionId::from_bytes)
}

fn any_row() -> impl Strategy<Value = ExecutionRow> {
    let status = prop::sample::select(Status::ALL.to_vec());
    (
        any_id(),
        "\\PC{0,20}",
        "\\PC{0,5}",
        any::<u8>(),
        "\\PC{0,20}",
        status,
        any::<u64>(),
        any::<Option<u64>>(),
        prop::collection::btree_map("\\PC{1,9}", "\\PC{0,9}", 0..3),
        any::<Option<(u32, u64)>>(),
    )
        .prop_map(
            |(
                id,
                definition,
                version,
                machine,
                name,
                status,
                started,
                closed,
                attributes,
                reopened,
            )| {
                ExecutionRow {
                    id,
                    definition,
                    version,
                    machine,
                    name,
                    status,
                    started: Timestamp(started),
                    closed: closed.map(Timestamp),
                    attributes,
                    reopened: reopened.map(|(count, last)| Reopened {
                        count,
                        last: Timestamp(last),
                    }),
                }
            },
        )
}

fn any_timer() -> impl Strategy<Value = TimerRow> {
    (
        any::<u64>(),
        any_id(),
        any::<u32>(),
        any::<u8>(),
        any::<Option<u64>>(),
    )
        .prop_map(|(due, execution, operation, kind, heartbeat_ms)| TimerRow {
            due: Timestamp(due),
            execution,
            operation: Operation(operation),
            kind: TimerKind(kind),
            heartbeat_ms,
        })
}

proptest! {
    #[test]
    fn state_rows_come_back(row in any_row()) {
        prop_assert_eq!(execution::decode(row.id, &execution::value(&row)).unwrap(), row);
    }

    #[test]
    fn journal_rows_come_back(execution in any_id(), sequence: u32, batch: Vec<u8>) {
        let row = JournalRow { execution, sequence: Sequence(sequence), batch: Bytes::from(batch) };
        let key = journal::key(row.execution, row.sequence);
        prop_assert_eq!(journal::decode(&key, &journal::value(&row)).unwrap(), row);
    }

    #[test]
    fn timers_come_back_and_keys_sort_as_they_fire(shard: u16, row in any_timer(), other in any_timer()) {
        let (shard, key) = (Shard(shard), timer::key_of(Shard(shard), &row));
        prop_assert_eq!(timer::decode(&key, &timer::value(shard, &row)).unwrap(), row);
        let (row, other_row) = (TimerRow { heartbeat_ms: None, ..row }, TimerRow { heartbeat_ms: None, ..other });
        prop_assert_eq!(key.cmp(&timer::key_of(shard, &other)), row.cmp(&other_row));
    }

    #[test]
    fn tasks_come_back(shard: u16, execution in any_id(), operation: u32, generation: u32, bytes: Vec<u8>) {
        let row = TaskRow { execution, operation: Operation(operation), generation: Generation(generation), task: Bytes::from(bytes) };
        let key = task::key(Shard(shard), row.execution, row.operation);
        prop_assert_eq!(task::decode(&key, &task::value(Shard(shard), &row)).unwrap(), row);
    }

    #[test]
    fn names_come_back(key: [u8; 16], execution in any_id(), digest: [u8; 32]) {
        let row = StartRow { key: StartKey(key), execution, digest };
        prop_assert_eq!(start::decode(row.key, &start::value(&row)).unwrap(), row);
    }

    #[test]
    fn expiries_come_back(shard: u16, at: u64, execution in any_id()) {
        let key = expire::key(Shard(shard), Timestamp(at), execution);
        prop_assert_eq!(expire::decode(&key, &expire::value(&key)).unwrap(), (Timestamp(at), execution));
    }

    #[test]
    fn catalogue_entries_come_back(key in "\\PC{1,20}", revision: u64, entry: Vec<u8>) {
        let value = catalogue::value(&key, revision, &entry);
        prop_assert_eq!(catalogue::decode(&key, &value).unwrap(), (revision, Bytes::from(entry)));
    }

    #[test]
    fn list_keys_sort_newest_first_and_come_back(a in any_row(), b in any_row()) {
        let b = ExecutionRow {
            definition: a.definition.clone(),
            status: a.status,
            attributes: a.attributes.clone(),
            ..b
        };
        for (a_key, b_key) in super::list::keys(&a.list_key()).iter().zip(&super::list::keys(&b.list_key())) {
            prop_assert_eq!(a_key.cmp(b_key), (b.started, b.id).cmp(&(a.started, a.id)));
            let position = super::list::decode(a_key, &super::list::value(a_key)).unwrap();
            prop_assert_eq!((position.started, position.id), (a.started, a.id));
        }
    }

    #[test]
    fn no_changed_byte_goes_unseen(key: Vec<u8>, body: Vec<u8>, at: prop::sample::Index, by in 1..=255_u8) {
        let mut value = seal(Family::Journal, &key, &body);
        prop_assert_eq!(unseal(Family::Journal, &key, &value, || "it").unwrap(), body.as_slice());
        prop_assert!(unseal(Family::Task, &key, &value, || "it").is_err(), "a row of another family");
        let at = at.index(value.len());
        value[at] ^= by;
        let answer = unseal(Family::Journal, &key, &value, || "it");
        prop_assert!(matches!(answer, Err(Error::Damaged { .. })), "{:?}", answer);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(key: Vec<u8>, value: Vec<u8>) {
        for (family, decode) in [
            (Family::Journal, (|key, value| journal::decode(key, value).map(drop)) as fn(&[u8], &[u8]) -> Result<(), Error>),
            (Family::Timer, |key, value| timer::decode(key, value).map(drop)),
            (Family::Task, |key, value| task::decode(key, value).map(drop)),
            (Family::Expire, |key, value| expire::decode(key, value).map(drop)),
            (Family::List, |key, value| super::list::decode(key, value).map(drop)),
        ] {
            let _ = decode(&key, &value);
            let _ = decode(&key, &seal(family, &key, &value));
        }
    }
}
