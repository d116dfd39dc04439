//! How fast the embedded store makes small commits durable, in the way the engine does it: clients queue, one writer takes what is queued,
//! commits it as one group and answers.
//!
//! `cargo run --release -p everstep-store --example store_bench -- [FOLDER] [SECONDS] [CLIENTS]`

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use everstep_core::{Epoch, ExecutionId, Operation, SHARDS, Sequence, Shard, TimerKind, Timestamp};
use everstep_store::{Commit, Committed, Fjall, JournalRow, Store, TimerRow, Write};

const JOURNAL_ROW_BYTES: usize = 300;
const ONE_TIMER_PER: u32 = 10;
const GROUP_MAX: usize = 1_024;

type Request = (Shard, Vec<Write>, mpsc::SyncSender<bool>);

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let own = tempfile::tempdir()?;
    let folder = args
        .next()
        .filter(|folder| !folder.is_empty())
        .map_or_else(|| own.path().to_owned(), Into::into);
    let seconds = args.next().and_then(|text| text.parse().ok()).unwrap_or(5);
    let clients = args.next().and_then(|text| text.parse().ok()).unwrap_or(64);
    let store = Fjall::open(&folder).map_err(std::io::Error::other)?;
    let shards: Vec<Shard> = (0..SHARDS).map(Shard).collect();
    let epochs: BTreeMap<Shard, Epoch> = store
        .acquire(&shards)
        .map_err(std::io::Error::other)?
        .into_iter()
        .collect();
    let before = store.syncs();
    let (queue, queued) = mpsc::sync_channel::<Request>(4_096);
    let begun = Instant::now();
    let until = begun + Duration::from_secs(seconds);
    let mut waits: Vec<u32> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..clients)
            .map(|number| {
                let queue = queue.clone();
                scope.spawn(move || client(number, &queue, until))
            })
            .collect();
        drop(queue);
        let (store, epochs) = (&store, &epochs);
        scope.spawn(move || write(store, epochs, &queued));
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap_or_default())
            .collect()
    });
    let took = begun.elapsed();
    waits.sort_unstable();
    let at = |percent: usize| waits.get(waits.len() * percent / 100).copied().unwrap_or(0);
    let syncs = store.syncs() - before;
    drop(store);
    let closed = Instant::now();
    let reopened = Fjall::open(&folder).map_err(std::io::Error::other)?;
    writeln!(
        std::io::stdout(),
        "{} clients, {:.1} s: {:.0} ops/s, ack p50 {} us, p99 {} us, {syncs} syncs, {:.1} ops a sync, {} MB, reopened in {} ms",
        clients,
        took.as_secs_f64(),
        waits.len() as f64 / took.as_secs_f64(),
        at(50),
        at(99),
        waits.len() as f64 / syncs as f64,
        reopened.disk_bytes() / 1_000_000,
        closed.elapsed().as_millis(),
    )
}

/// One execution after the other, each with a hundred batches; returns every wait in microseconds.
fn client(number: u64, queue: &mpsc::SyncSender<Request>, until: Instant) -> Vec<u32> {
    let (answer, answered) = mpsc::sync_channel(1);
    let mut waits = Vec::new();
    for round in 0_u64.. {
        let shard = Shard(((number + round * 61) % u64::from(SHARDS)) as u16);
        let execution = ExecutionId::new(1_700_000_000_000 + round, number, shard);
        for sequence in 0..100 {
            let batch = Bytes::from(vec![b'j'; JOURNAL_ROW_BYTES]);
            let mut writes = vec![Write::Journal(JournalRow {
                execution,
                sequence: Sequence(sequence),
                batch,
            })];
            if sequence % ONE_TIMER_PER == 0 {
                let due = Timestamp(1_700_000_000_000 + u64::from(sequence));
                let row = TimerRow {
                    due,
                    execution,
                    operation: Operation(sequence),
                    kind: TimerKind(1),
                    heartbeat_ms: None,
                };
                writes.push(Write::SetTimer(row));
            }
            let asked = Instant::now();
            if asked > until
                || queue.send((shard, writes, answer.clone())).is_err()
                || answered.recv() != Ok(true)
            {
                return waits;
            }
            waits.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
    }
    waits
}

fn write(store: &Fjall, epochs: &BTreeMap<Shard, Epoch>, queued: &mpsc::Receiver<Request>) {
    while let Ok(first) = queued.recv() {
        let mut commits: BTreeMap<Shard, Vec<Write>> = BTreeMap::new();
        let mut answers = Vec::new();
        for (shard, writes, answer) in
            std::iter::once(first).chain(queued.try_iter().take(GROUP_MAX))
        {
            commits.entry(shard).or_default().extend(writes);
            answers.push(answer);
        }
        let group = commits.into_iter().filter_map(|(shard, writes)| {
            Some(Commit {
                shard,
                epoch: *epochs.get(&shard)?,
                writes,
            })
        });
        let durable = store
            .commit(group.collect())
            .iter()
            .all(|answer| matches!(answer, Committed::Durable(_)));
        for answer in answers {
            // A client that has gone wants no answer.
            let _ = answer.send(durable);
        }
    }
}
