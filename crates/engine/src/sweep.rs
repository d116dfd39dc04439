//! Blobs that no execution and no letter has: what a crash left between a blob and the commit that would have named it, and what a purge did
//! not reach; and artifacts whose time is over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use everstep_core::{ExecutionId, LetterId, Timestamp};
use everstep_store::Store;
use everstep_store::blobs::{Artifacts, Blobs};

use crate::Clock;

/// Nothing younger is swept: its commit may be on its way.
const ORPHAN_AGE_MS: u64 = 24 * 3_600_000;
/// The first sweep leaves a starting server alone.
const FIRST: Duration = Duration::from_secs(300);
const EVERY: Duration = Duration::from_secs(24 * 3_600);

/// How often artifacts that have expired are deleted. Nobody reads them in between: readers hold their end against the clock.
const EXPIRE_EVERY: Duration = Duration::from_secs(600);

/// Deletes artifacts that have expired, by the engine's clock, until `ended` is set.
pub(crate) async fn expire_artifacts(artifacts: Artifacts, clock: Clock, ended: Arc<AtomicBool>) {
    loop {
        tokio::time::sleep(EXPIRE_EVERY).await;
        if ended.load(Ordering::Relaxed) {
            return;
        }
        match artifacts.expire(clock.now()).await {
            Ok(0) => {}
            Ok(expired) => tracing::info!(expired, "deleted artifacts that had expired"),
            Err(error) => tracing::warn!(%error, "not all expired artifacts were deleted"),
        }
    }
}

/// Sweeps now and then until `ended` is set or the store has gone.
pub(crate) async fn sweep_daily(store: Weak<dyn Store>, blobs: Blobs, ended: Arc<AtomicBool>) {
    let mut pause = FIRST;
    loop {
        tokio::time::sleep(pause).await;
        pause = EVERY;
        if ended.load(Ordering::Relaxed) || store.strong_count() == 0 {
            return;
        }
        let (store, blobs, ended) = (store.clone(), blobs.clone(), Arc::clone(&ended));
        // The store blocks, so the whole sweep runs where that is allowed.
        let runtime = tokio::runtime::Handle::current();
        let sweep = move || runtime.block_on(sweep_once(&store, &blobs, &ended, wall_clock()));
        match tokio::task::spawn_blocking(sweep).await {
            Ok(Ok(0)) => {}
            Ok(Ok(swept)) => {
                tracing::info!(swept, "deleted payloads and contents that nothing names")
            }
            Ok(Err(error)) => tracing::warn!(%error, "the sweep of payloads was not finished"),
            Err(_) => return,
        }
    }
}

/// Deletes the payloads of executions that do not exist; returns how many. `now` is the time of the file system, which does not skip.
pub(crate) async fn sweep_once(
    store: &Weak<dyn Store>,
    blobs: &Blobs,
    ended: &AtomicBool,
    now: Timestamp,
) -> Result<usize, everstep_store::blobs::Error> {
    let known = |execution: ExecutionId, _digest| {
        let store = store.upgrade().filter(|_| !ended.load(Ordering::Relaxed));
        let store = store.ok_or_else(|| everstep_store::Error::Io {
            detail: "the engine has ended".to_owned(),
        })?;
        let letter = LetterId::from_bytes(*execution.as_bytes());
        Ok(store.execution(execution)?.is_some() || store.letter(letter)?.is_some())
    };
    let older_than = Timestamp(now.0.saturating_sub(ORPHAN_AGE_MS));
    let swept = blobs.sweep(known, older_than).await?;
    Ok(swept + blobs.artifacts().sweep(older_than).await?)
}

fn wall_clock() -> Timestamp {
    Clock::new(crate::ClockMode::Real).now()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use bytes::Bytes;
    use everstep_core::{Digest, ExecutionId, Shard, Status};
    use everstep_store::{Commit, ExecutionRow, Memory, Write};

    use super::*;

    #[tokio::test]
    async fn only_old_payloads_of_nobody_are_swept() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::open(folder.path()).expect("blobs");
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let epochs = store.acquire(&[Shard(3)]).expect("an epoch");
        let (kept, orphan) = (
            ExecutionId::new(1, 1, Shard(3)),
            ExecutionId::new(1, 2, Shard(3)),
        );
        let row = ExecutionRow {
            id: kept,
            definition: "f".to_owned(),
            version: "1".to_owned(),
            machine: 1,
            name: "n".to_owned(),
            status: Status::Running,
            started: Timestamp(1),
            closed: None,
            attributes: std::collections::BTreeMap::new(),
            reopened: None,
        };
        let writes = vec![Write::Execution { row, was: None }];
        let (shard, epoch) = epochs[0];
        store.commit(vec![Commit {
            shard,
            epoch,
            writes,
        }]);
        let bytes = Bytes::from_static(b"payload");
        let digest = Digest::of(&bytes);
        for id in [kept, orphan] {
            blobs.put(id, digest, bytes.clone()).await.expect("stored");
        }
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970");
        let now = Timestamp(now.as_millis() as u64);
        let store_weak = Arc::downgrade(&store);
        let ended = AtomicBool::new(false);
        let sweep = async |at| sweep_once(&store_weak, &blobs, &ended, at).await;
        assert_eq!(
            sweep(now).await.expect("swept"),
            0,
            "a day has not passed yet"
        );
        let later = now.after_ms(ORPHAN_AGE_MS + 60_000);
        assert_eq!(sweep(later).await.expect("swept"), 1);
        assert!(blobs.get(orphan, digest).await.is_err());
        assert!(blobs.get(kept, digest).await.is_ok());

        blobs.put(orphan, digest, bytes).await.expect("stored");
        ended.store(true, Ordering::Relaxed);
        assert!(
            sweep(later).await.is_err(),
            "an engine that ends does not go on deleting"
        );
    }
}
