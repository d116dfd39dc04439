use std::path::Path;

use everstep_core::{ExecutionId, Sequence};
use everstep_store::conformance::{ALL, Place};
use everstep_store::{Disk, Error, Faults, Faulty, Fjall, Memory, Store};
use tempfile::TempDir;

struct InMemory(Disk);

impl Place for InMemory {
    fn open(&self) -> Result<Box<dyn Store>, Error> {
        Ok(Box::new(Memory::open(&self.0)?))
    }

    fn damage_journal(&self, id: ExecutionId, sequence: Sequence) {
        self.0.damage_journal(id, sequence);
    }

    fn set_format(&self, format: u32) {
        self.0.set_format(format);
    }
}

/// A faulty store without faults.
struct PassedThrough(InMemory);

impl Place for PassedThrough {
    fn open(&self) -> Result<Box<dyn Store>, Error> {
        Ok(Box::new(Faulty::new(
            Memory::open(&self.0.0)?,
            Faults::default(),
        )))
    }

    fn damage_journal(&self, id: ExecutionId, sequence: Sequence) {
        self.0.damage_journal(id, sequence);
    }

    fn set_format(&self, format: u32) {
        self.0.set_format(format);
    }
}

struct InFolder(TempDir);

impl InFolder {
    /// Changes a stored value behind the store's back, through fjall itself.
    fn rewrite(folder: &Path, keyspace: &str, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
        let db = fjall::Database::builder(folder.join("db")).open().unwrap();
        let rows = db
            .keyspace(keyspace, fjall::KeyspaceCreateOptions::default)
            .unwrap();
        let mut value = rows.get(key).unwrap().expect("the row is there").to_vec();
        change(&mut value);
        rows.insert(key, value).unwrap();
        db.persist(fjall::PersistMode::SyncAll).unwrap();
    }
}

impl Place for InFolder {
    fn open(&self) -> Result<Box<dyn Store>, Error> {
        Ok(Box::new(Fjall::open(self.0.path())?))
    }

    fn damage_journal(&self, id: ExecutionId, sequence: Sequence) {
        let key = [id.as_bytes().as_slice(), &sequence.0.to_be_bytes()].concat();
        Self::rewrite(self.0.path(), "journal", &key, |value| value[5] ^= 0x10);
    }

    fn set_format(&self, format: u32) {
        Self::rewrite(self.0.path(), "meta", b"format", |value| {
            // Version, the number, and the checksum over family, key and both.
            let framed = [1, u8::try_from(format).unwrap()];
            let checksum = crc32fast::hash(&[&[9], b"format".as_slice(), &framed].concat());
            *value = [framed.as_slice(), &checksum.to_be_bytes()].concat();
        });
    }
}

fn keeps_its_promises(place: impl Fn() -> Box<dyn Place>) {
    for (promise, check) in ALL {
        println!("{promise}");
        check(&*place());
    }
}

#[test]
fn memory_keeps_its_promises() {
    keeps_its_promises(|| Box::new(InMemory(Disk::default())));
}

#[test]
fn fjall_keeps_its_promises() {
    keeps_its_promises(|| Box::new(InFolder(tempfile::tempdir().unwrap())));
}

#[test]
fn a_faulty_store_without_faults_keeps_its_promises() {
    keeps_its_promises(|| Box::new(PassedThrough(InMemory(Disk::default()))));
}
