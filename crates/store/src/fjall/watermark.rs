//! A file beside fjall's that says how far the store had come for certain.
//!
//! fjall takes the first journal batch that it can't read for the end of the journal. A journal that was cut off therefore opens without
//! a word, shorter than it was. The watermark is written when the store is closed and every few thousand groups in between: opening a
//! store that has less than its watermark is refused. Between two watermarks `journals` tells all that can be told without a second sync
//! for every group.
//!
//! Two slots of a disk sector each are written in turn, so that a torn write leaves the other one whole. A slot: magic, LSN, CRC-32.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::row::io;
use crate::Error;

const MAGIC: [u8; 8] = *b"everstp\x01";
const SLOT_BYTES: usize = 512;
const FIELDS_BYTES: usize = 8 + 8;

#[derive(Debug)]
pub struct Watermark {
    file: File,
    lsn: u64,
    /// Which slot is written next: not the one that holds `lsn`.
    next: u64,
}

impl Watermark {
    /// Opens the file, or makes it if the store has no data yet.
    pub fn open(path: &Path, has_data: bool) -> Result<Self, Error> {
        let found = File::options().read(true).write(true).open(path);
        match found {
            Ok(mut file) => {
                let (lsn, next) = read(&mut file)?;
                Ok(Self { file, lsn, next })
            }
            Err(error) if error.kind() == ErrorKind::NotFound && !has_data => {
                let file = create(path).map_err(|error| io(&error))?;
                Ok(Self {
                    file,
                    lsn: 0,
                    next: 0,
                })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::Damaged {
                detail:
                    "the watermark file is missing, so nobody can say whether the data is whole"
                        .to_owned(),
            }),
            Err(error) => Err(io(&error)),
        }
    }

    pub const fn lsn(&self) -> u64 {
        self.lsn
    }

    /// Notes durably that everything up to `lsn` is durable.
    pub fn raise(&mut self, lsn: u64) -> Result<(), Error> {
        if lsn == self.lsn {
            return Ok(());
        }
        let mut write = || {
            self.file
                .seek(SeekFrom::Start(self.next * SLOT_BYTES as u64))?;
            self.file.write_all(&slot(lsn))?;
            self.file.sync_data()
        };
        write().map_err(|error| io(&error))?;
        self.lsn = lsn;
        self.next = 1 - self.next;
        Ok(())
    }
}

fn create(path: &Path) -> std::io::Result<File> {
    let mut file = File::options()
        .create_new(true)
        .read(true)
        .write(true)
        .open(path)?;
    file.write_all(&slot(0))?;
    file.write_all(&slot(0))?;
    file.sync_all()?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}

fn slot(lsn: u64) -> [u8; SLOT_BYTES] {
    let mut fields = [0; FIELDS_BYTES];
    let (magic, number) = fields.split_at_mut(8);
    magic.copy_from_slice(&MAGIC);
    number.copy_from_slice(&lsn.to_be_bytes());
    let mut slot = [0; SLOT_BYTES];
    for (to, from) in slot.iter_mut().zip(
        fields
            .into_iter()
            .chain(crc32fast::hash(&fields).to_be_bytes()),
    ) {
        *to = from;
    }
    slot
}

fn read(file: &mut File) -> Result<(u64, u64), Error> {
    let mut bytes = Vec::with_capacity(2 * SLOT_BYTES);
    file.read_to_end(&mut bytes).map_err(|error| io(&error))?;
    let mut slots = bytes.chunks(SLOT_BYTES).map(lsn_in);
    match (slots.next().flatten(), slots.next().flatten()) {
        (Some(first), Some(second)) if first > second => Ok((first, 1)),
        (_, Some(second)) => Ok((second, 0)),
        (Some(first), None) => Ok((first, 1)),
        (None, None) => Err(Error::Damaged {
            detail: "the watermark file is unreadable".to_owned(),
        }),
    }
}

fn lsn_in(bytes: &[u8]) -> Option<u64> {
    let (fields, rest) = bytes.split_first_chunk::<FIELDS_BYTES>()?;
    let (checksum, _) = rest.split_first_chunk::<4>()?;
    let (magic, lsn) = fields.split_first_chunk::<8>()?;
    let lsn = lsn.try_into().ok().map(u64::from_be_bytes)?;
    (*magic == MAGIC && crc32fast::hash(fields).to_be_bytes() == *checksum).then_some(lsn)
}
