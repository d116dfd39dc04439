//! A disk that fills up. Needs a small file system of its own, which only root can mount.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use everstep_core::{ExecutionId, Sequence, Shard};
use everstep_store::{Commit, Committed, Direction, Error, Fjall, JournalRow, Store, Write};

const SHARD: Shard = Shard(7);
const BATCH_BYTES: usize = 30_000;

/// A mounted file system that goes with this value.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            Ok(output) => {
                println!(
                    "skipped: no file system can be mounted here: {}",
                    String::from_utf8_lossy(&output.stderr).trim()
                );
                None
            }
            Err(error) => {
                println!("skipped: no file system can be mounted here: {error}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

fn commit(store: &Fjall, epoch: everstep_core::Epoch, sequence: u32) -> Committed {
    let execution = ExecutionId::new(1, 1, SHARD);
    let row = JournalRow {
        execution,
        sequence: Sequence(sequence),
        batch: Bytes::from(vec![b'b'; BATCH_BYTES]),
    };
    store.commit(vec![Commit {
        shard: SHARD,
        epoch,
        writes: vec![Write::Journal(row)],
    }])[0]
}

fn batches(store: &Fjall) -> usize {
    store
        .journal(
            ExecutionId::new(1, 1, SHARD),
            Sequence(0),
            Direction::Forward,
            10_000,
        )
        .unwrap()
        .len()
}

#[test]
fn a_full_disk_is_reported_and_harms_nothing() {
    let Some(disk) = SmallDisk::mount("12m") else {
        return;
    };
    let folder = disk.path().join("store");
    let store = Fjall::open(&folder).unwrap();
    let (_, epoch) = store.acquire(&[SHARD]).unwrap()[0];
    let acknowledged = (0..1_000)
        .take_while(|sequence| matches!(commit(&store, epoch, *sequence), Committed::Durable(_)))
        .count();
    assert!(
        (50..1_000).contains(&acknowledged),
        "the disk was full after {acknowledged} batches"
    );
    assert_eq!(
        commit(&store, epoch, 5_000),
        Committed::Unknown,
        "no commit is taken any more"
    );
    assert!(matches!(
        store.catalogue_put("entry", None, Some("value".into())),
        Err(Error::Io { .. })
    ));
    assert!(matches!(store.acquire(&[SHARD]), Err(Error::Io { .. })));
    assert_eq!(
        batches(&store),
        acknowledged,
        "what was acknowledged is still read"
    );
    drop(store);
    let remounted = Command::new("mount")
        .args(["-o", "remount,size=40m"])
        .arg(disk.path())
        .status()
        .unwrap();
    assert!(remounted.success());
    let store = Fjall::open(&folder).unwrap();
    // The commit whose outcome was unknown may be there, whole.
    assert!(
        (acknowledged..=acknowledged + 1).contains(&batches(&store)),
        "nothing acknowledged is missing"
    );
    let (_, epoch) = store.acquire(&[SHARD]).unwrap()[0];
    assert!(
        matches!(commit(&store, epoch, 6_000), Committed::Durable(_)),
        "with room again it goes on"
    );
}

#[test]
fn a_store_is_not_made_on_a_disk_without_room() {
    let Some(disk) = SmallDisk::mount("16k") else {
        return;
    };
    let answer = Fjall::open(disk.path().join("store")).map(|_| ());
    assert!(matches!(answer, Err(Error::Io { .. })), "{answer:?}");
}
