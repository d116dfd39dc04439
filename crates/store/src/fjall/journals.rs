//! A look at fjall's journal files before fjall opens them.
//!
//! fjall takes the first batch that it can't read for the place where the last write was cut off, and shortens the file there: a flipped
//! bit in the middle would cost everything behind it without a word (its issue 311). So the files are read here first, and changed only
//! when what is cut off can't have been acknowledged.
//!
//! What is known of them: a batch is written by one writer after the other, and nothing is acknowledged before it is synced. Hence
//! - a broken batch with a whole one behind it is damage;
//! - so is a broken end in a file that has a successor;
//! - so are sequence numbers that go back, and LSNs with a gap;
//! - a broken last batch that was written to its very end is damage too, unless a whole disk sector of it is still empty, which is how a
//!   power cut leaves a write that nobody has waited for;
//! - any other broken last batch is a write that was cut off: it is removed.
//!
//! What this can't see: a file that was shortened exactly between two batches, or within the last batch. The watermark knows then, if it
//! was written since.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::{meta, row::io};
use crate::Error;

/// fjall 3: the bytes that end a batch.
const TRAILER: [u8; 4] = [b'F', b'J', b'L', 3];
const CHUNK_BYTES: usize = 1024 * 1024;
const SECTOR_BYTES: usize = 512;
/// Fewer empty bytes than this may be content.
const EMPTY_BYTES_MIN: usize = 16;

/// Checks all journal files of fjall's folder; returns the last LSN found in them.
pub fn check(folder: &Path) -> Result<Option<u64>, Error> {
    let files = files(folder)?;
    let mut seen = Seen::default();
    let mut rest = files.iter().peekable();
    while let Some(path) = rest.next() {
        let bytes = load(path).map_err(|error| io(&error))?;
        let damaged = |at: usize, why: &str| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            Error::Damaged {
                detail: format!("journal file {name}, byte {at}: {why}"),
            }
        };
        let mut at = 0;
        while let Some(batch) = read(&bytes, at) {
            seen.follow(&batch).map_err(|why| damaged(at, why))?;
            at = batch.end;
        }
        if at == bytes.len() {
            continue;
        }
        if rest.peek().is_some() {
            return Err(damaged(at, "unreadable, though another file follows"));
        }
        if (at + 1..bytes.len()).any(|later| read(&bytes, later).is_some()) {
            return Err(damaged(at, "unreadable, with whole batches behind it"));
        }
        if bytes.ends_with(&TRAILER) && !has_empty_sector(&bytes, at) {
            return Err(damaged(
                at,
                "the last batch was written whole and has changed since",
            ));
        }
        cut(path, at).map_err(|error| io(&error))?;
    }
    Ok(seen.lsn)
}

/// The journal files, oldest first.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(&error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| io(&error))?.path();
        if path.extension().is_some_and(|extension| extension == "jnl") {
            let number = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .and_then(|stem| stem.parse::<u64>().ok());
            let Some(number) = number else {
                return Err(Error::Damaged {
                    detail: format!("{} is not a journal file's name", path.display()),
                });
            };
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// A file without the zeros at its end: fjall makes its files much longer than what it writes into them.
fn load(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    let mut zeros = 0;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk)?;
        let piece = chunk.get(..read).unwrap_or_default();
        if piece.is_empty() {
            return Ok(bytes);
        }
        let used = piece
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        if used > 0 {
            bytes.resize(bytes.len() + zeros, 0);
            bytes.extend_from_slice(piece.get(..used).unwrap_or_default());
            zeros = 0;
        }
        zeros += read - used;
    }
}

fn cut(path: &Path, at: usize) -> std::io::Result<()> {
    let file = File::options().write(true).open(path)?;
    file.set_len(at as u64)?;
    file.sync_all()
}

/// Whether a sector of the broken batch at `from` was never written.
fn has_empty_sector(bytes: &[u8], from: usize) -> bool {
    let mut start = from;
    while start < bytes.len() {
        let end = (start / SECTOR_BYTES + 1) * SECTOR_BYTES;
        let part = bytes.get(start..end.min(bytes.len())).unwrap_or_default();
        if part.len() >= EMPTY_BYTES_MIN && part.iter().all(|byte| *byte == 0) {
            return true;
        }
        start = end;
    }
    false
}

/// How far the batches have come.
#[derive(Default)]
struct Seen {
    sequence: Option<u64>,
    lsn: Option<u64>,
}

impl Seen {
    fn follow(&mut self, batch: &Batch) -> Result<(), &'static str> {
        if self
            .sequence
            .is_some_and(|sequence| batch.sequence <= sequence)
        {
            return Err("a batch older than the one before it");
        }
        self.sequence = Some(batch.sequence);
        if let Some(lsn) = batch.lsn {
            if self.lsn.is_some_and(|before| lsn != before + 1) {
                return Err("batches are missing before this one");
            }
            self.lsn = Some(lsn);
        }
        Ok(())
    }
}

/// A whole batch: where it ends, fjall's number for it, and ours if it is one of ours.
struct Batch {
    end: usize,
    sequence: u64,
    lsn: Option<u64>,
}

/// Reads the batch at `at`; `None` if there is no whole and intact one.
fn read(bytes: &[u8], at: usize) -> Option<Batch> {
    let mut from = Fields {
        rest: bytes.get(at..)?,
    };
    let [1] = from.take()? else { return None };
    let items = u32::from_le_bytes(from.take()?);
    let sequence = u64::from_le_bytes(from.take()?);
    let mut hash = Xxh3::new();
    let mut lsn = None;
    for number in 0..items {
        let before = from.rest;
        let found = from.item()?;
        hash.update(before.get(..before.len() - from.rest.len())?);
        if let (0, Some((key, value))) = (number, found) {
            lsn = meta::lsn_of(key, value);
        }
    }
    let [3] = from.take()? else { return None };
    let checksum = u64::from_le_bytes(from.take()?);
    (from.take()? == TRAILER && checksum == hash.digest()).then(|| Batch {
        end: bytes.len() - from.rest.len(),
        sequence,
        lsn,
    })
}

/// The little-endian fields of fjall's journal.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*field)
    }

    fn slice(&mut self, len: usize) -> Option<&'a [u8]> {
        let (slice, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(slice)
    }

    /// A row that is written or deleted, with its key and its bytes as they lie there; `Some(None)` for a keyspace that is emptied.
    fn item(&mut self) -> Option<Option<(&'a [u8], &'a [u8])>> {
        match self.take()? {
            [2] => {
                let [_sort, _compression] = self.take()?;
                let _keyspace: [u8; 8] = self.take()?;
                let key_len = u16::from_le_bytes(self.take()?);
                let _plain_len: [u8; 4] = self.take()?;
                let len = u32::from_le_bytes(self.take()?);
                Some(Some((
                    self.slice(usize::from(key_len))?,
                    self.slice(usize::try_from(len).ok()?)?,
                )))
            }
            [4] => self.take::<8>().map(|_| None),
            _ => None,
        }
    }
}
