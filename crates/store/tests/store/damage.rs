//! What a damaged or cut folder says: every acknowledged row is there, or opening tells.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use everstep_core::{Epoch, ExecutionId, Sequence, Shard};
use everstep_store::{Commit, Committed, Direction, Error, Fjall, JournalRow, Store, Write};
use tempfile::TempDir;

const SHARD: Shard = Shard(7);
const GROUPS: u32 = 4;

fn id() -> ExecutionId {
    ExecutionId::new(1_000, 1, SHARD)
}

fn commit(store: &Fjall, epoch: Epoch, sequence: u32) -> Committed {
    let row = JournalRow {
        execution: id(),
        sequence: Sequence(sequence),
        batch: Bytes::from(format!("entry number {sequence}")),
    };
    store.commit(vec![Commit {
        shard: SHARD,
        epoch,
        writes: vec![Write::Journal(row)],
    }])[0]
}

fn fill(store: &Fjall, from: u32) {
    let (_, epoch) = store.acquire(&[SHARD]).unwrap()[0];
    for sequence in from..from + GROUPS {
        assert!(matches!(
            commit(store, epoch, sequence),
            Committed::Durable(_)
        ));
    }
}

fn count(store: &Fjall) -> usize {
    store
        .journal(id(), Sequence(0), Direction::Forward, 1_000)
        .unwrap()
        .len()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target)
        } else {
            std::fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}

/// A folder with a few groups, as a crash leaves it: nothing was closed. The journal file is cut after its last used byte, which is what
/// fjall does at the next opening.
fn crashed() -> TempDir {
    let live = tempfile::tempdir().unwrap();
    let store = Fjall::open(live.path()).unwrap();
    fill(&store, 0);
    let left = tempfile::tempdir().unwrap();
    copy(live.path(), left.path());
    trim(&journal(left.path()));
    left
}

/// The same after an orderly end.
fn closed() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fill(&Fjall::open(folder.path()).unwrap(), 0);
    trim(&journal(folder.path()));
    folder
}

fn journal(folder: &Path) -> PathBuf {
    folder.join("db").join("0.jnl")
}

fn trim(journal: &Path) {
    let mut bytes = std::fs::read(journal).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes.truncate(used);
    std::fs::write(journal, bytes).unwrap();
}

/// A copy of a folder, whose journal is changed and opened again and again.
struct Victim<'a> {
    original: &'a TempDir,
    copy: TempDir,
}

impl<'a> Victim<'a> {
    fn of(original: &'a TempDir) -> Self {
        let victim = tempfile::tempdir().unwrap();
        copy(original.path(), victim.path());
        Self {
            original,
            copy: victim,
        }
    }

    /// How many batches are there after a change of the journal, or the refusal.
    fn opened_after(&mut self, change: impl FnOnce(&mut Vec<u8>)) -> Result<usize, Error> {
        let mut bytes = std::fs::read(journal(self.original.path())).unwrap();
        change(&mut bytes);
        std::fs::write(journal(self.copy.path()), bytes).unwrap();
        let watermark = std::fs::read(self.copy.path().join("watermark")).unwrap();
        let found = Fjall::open(self.copy.path()).map(|store| count(&store));
        let is_untouched = std::fs::read(self.copy.path().join("watermark")).unwrap() == watermark;
        if found.is_ok() || !is_untouched {
            *self = Self::of(self.original);
        }
        found
    }
}

fn opened_after(folder: &TempDir, change: impl FnOnce(&mut Vec<u8>)) -> Result<usize, Error> {
    Victim::of(folder).opened_after(change)
}

#[test]
fn after_an_orderly_end_no_flipped_bit_loses_anything_unseen() {
    let folder = closed();
    let length = std::fs::read(journal(folder.path())).unwrap().len();
    let (mut refused, mut victim) = (0, Victim::of(&folder));
    for at in 0..length {
        match victim.opened_after(|bytes| bytes[at] ^= 1 << (at % 8)) {
            Ok(found) => assert_eq!(found, GROUPS as usize, "byte {at}"),
            Err(Error::Damaged { .. }) => refused += 1,
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
    assert!(refused > length / 2, "{refused} of {length}");
}

#[test]
fn after_an_orderly_end_no_shortened_journal_goes_unseen() {
    let folder = closed();
    let length = std::fs::read(journal(folder.path())).unwrap().len();
    assert_eq!(opened_after(&folder, |_| ()).unwrap(), GROUPS as usize);
    for left in (0..length).step_by(41).chain(length - 5..length) {
        let answer = opened_after(&folder, |bytes| bytes.truncate(left));
        assert!(
            matches!(answer, Err(Error::Damaged { .. })),
            "{left} of {length} bytes: {answer:?}"
        );
    }
}

#[test]
fn after_a_crash_damage_reaches_the_last_group_at_most() {
    let folder = crashed();
    let length = std::fs::read(journal(folder.path())).unwrap().len();
    let (trailer, mut victim) = (length - 4, Victim::of(&folder));
    for at in 0..length {
        match victim.opened_after(|bytes| bytes[at] ^= 1 << (at % 8)) {
            Ok(found) if at < trailer => assert_eq!(found, GROUPS as usize, "byte {at}"),
            Ok(found) => assert!(found + 1 >= GROUPS as usize, "byte {at}"),
            Err(Error::Damaged { .. }) => {}
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
}

#[test]
fn a_write_that_was_cut_off_is_removed_and_the_store_goes_on() {
    let folder = crashed();
    for cut in [1, 4, 30, 60] {
        let victim = tempfile::tempdir().unwrap();
        copy(folder.path(), victim.path());
        let path = journal(victim.path());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - cut);
        bytes.resize(bytes.len() + 5_000, 0);
        std::fs::write(&path, bytes).unwrap();
        let store = Fjall::open(victim.path()).unwrap();
        assert_eq!(
            count(&store),
            GROUPS as usize - 1,
            "the batch that lacks {cut} bytes is gone"
        );
        fill(&store, GROUPS - 1);
        drop(store);
        assert_eq!(
            count(&Fjall::open(victim.path()).unwrap()),
            2 * GROUPS as usize - 1
        );
    }
}

#[test]
fn a_power_cut_that_left_a_hole_in_the_last_write_is_no_damage() {
    let live = tempfile::tempdir().unwrap();
    let store = Fjall::open(live.path()).unwrap();
    fill(&store, 0);
    let (_, epoch) = store.acquire(&[SHARD]).unwrap()[0];
    let large = JournalRow {
        execution: id(),
        sequence: Sequence(99),
        batch: Bytes::from(vec![b'x'; 20_000]),
    };
    store.commit(vec![Commit {
        shard: SHARD,
        epoch,
        writes: vec![Write::Journal(large)],
    }]);
    let left = tempfile::tempdir().unwrap();
    copy(live.path(), left.path());
    trim(&journal(left.path()));
    let hole = |bytes: &mut Vec<u8>| {
        let page = (bytes.len() - 10_000) / 4_096 * 4_096;
        bytes[page..page + 4_096].fill(0);
    };
    assert_eq!(opened_after(&left, |_| ()).unwrap(), GROUPS as usize + 1);
    assert_eq!(opened_after(&left, hole).unwrap(), GROUPS as usize);
    let changed = opened_after(&left, |bytes| {
        let at = bytes.len() - 10_000;
        bytes[at] ^= 1;
    });
    assert!(matches!(changed, Err(Error::Damaged { .. })), "{changed:?}");
}

#[test]
fn a_refused_folder_is_left_as_it_was() {
    let folder = closed();
    let path = journal(folder.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    for _ in 0..2 {
        let refusal = Fjall::open(folder.path()).map(|_| ()).unwrap_err();
        assert!(matches!(refusal, Error::Damaged { .. }), "{refusal}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "nothing was cut off");
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(count(&Fjall::open(folder.path()).unwrap()), GROUPS as usize);
}

#[test]
fn a_missing_or_unreadable_watermark_is_noticed() {
    let folder = closed();
    let path = folder.path().join("watermark");
    let whole = std::fs::read(&path).unwrap();
    for slot in [0, 512] {
        let mut bytes = whole.clone();
        bytes[slot] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(
            count(&Fjall::open(folder.path()).unwrap()),
            GROUPS as usize,
            "one slot is enough"
        );
    }
    std::fs::write(&path, vec![0; 1_024]).unwrap();
    assert!(matches!(
        Fjall::open(folder.path()),
        Err(Error::Damaged { .. })
    ));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(
        Fjall::open(folder.path()),
        Err(Error::Damaged { .. })
    ));
    std::fs::write(&path, whole).unwrap();
    assert_eq!(count(&Fjall::open(folder.path()).unwrap()), GROUPS as usize);
}
