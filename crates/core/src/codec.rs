//! The primitives of every persisted value: little pieces, explicit tags, no reflection. Integers are LEB128, so that small ones cost one
//! byte; a reader refuses what it does not know and never panics.

use bytes::Bytes;

/// The version that stands first in every persisted value written by this build.
pub const FORMAT: u8 = 1;

/// A persisted value that this build can't read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corrupt {
    #[error("a persisted {what} ends too early")]
    Short { what: &'static str },
    #[error("a persisted {what} has the unknown tag {tag}")]
    Tag { what: &'static str, tag: u8 },
    #[error("a persisted value has format {found}; this build reads up to {FORMAT}")]
    Newer { found: u8 },
    #[error("a persisted {what} is not well formed")]
    Malformed { what: &'static str },
}

impl Corrupt {
    #[must_use]
    pub const fn tag(what: &'static str, tag: u8) -> Self {
        Self::Tag { what, tag }
    }
}

/// Builds a persisted value.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty value.
    #[must_use]
    pub fn new() -> Self {
        Self(Vec::with_capacity(128))
    }

    /// A value that begins with the format version.
    #[must_use]
    pub fn versioned() -> Self {
        let mut writer = Self::new();
        writer.u8(FORMAT);
        writer
    }

    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    pub fn u16(&mut self, value: u16) {
        self.u64(u64::from(value));
    }

    pub fn u32(&mut self, value: u32) {
        self.u64(u64::from(value));
    }

    pub fn u64(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A length, then the bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.u64(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    pub fn str(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// The bytes alone, for values whose length is known.
    pub fn raw(&mut self, value: &[u8]) {
        self.0.extend_from_slice(value);
    }

    /// 0, or 1 and the value.
    pub fn option<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        match value {
            None => self.u8(0),
            Some(value) => {
                self.u8(1);
                write(self, value);
            }
        }
    }

    /// A count, then the values.
    pub fn list<T>(&mut self, values: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.u64(values.len() as u64);
        for value in values {
            write(self, value);
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn finish(self) -> Bytes {
        self.0.into()
    }
}

/// Takes a persisted value apart.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Reads the format version that a value begins with.
    ///
    /// # Errors
    /// [`Corrupt::Newer`] when a later build wrote the value.
    pub fn versioned(bytes: &'a [u8]) -> Result<Self, Corrupt> {
        let mut reader = Self::new(bytes);
        match reader.u8()? {
            FORMAT => Ok(reader),
            0 => Err(Corrupt::Malformed {
                what: "format version",
            }),
            found => Err(Corrupt::Newer { found }),
        }
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], Corrupt> {
        let (head, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(Corrupt::Short { what })?;
        self.rest = rest;
        Ok(head)
    }

    pub fn u8(&mut self) -> Result<u8, Corrupt> {
        match self.take(1, "byte")? {
            [byte] => Ok(*byte),
            _ => Err(Corrupt::Short { what: "byte" }),
        }
    }

    pub fn bool(&mut self) -> Result<bool, Corrupt> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            tag => Err(Corrupt::tag("boolean", tag)),
        }
    }

    pub fn u16(&mut self) -> Result<u16, Corrupt> {
        u16::try_from(self.u64()?).map_err(|_| Corrupt::Malformed {
            what: "16-bit integer",
        })
    }

    pub fn u32(&mut self) -> Result<u32, Corrupt> {
        u32::try_from(self.u64()?).map_err(|_| Corrupt::Malformed {
            what: "32-bit integer",
        })
    }

    pub fn u64(&mut self) -> Result<u64, Corrupt> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                break;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Corrupt::Malformed { what: "integer" })
    }

    pub fn bytes(&mut self) -> Result<Bytes, Corrupt> {
        self.slice().map(Bytes::copy_from_slice)
    }

    /// The bytes without a copy.
    pub fn slice(&mut self) -> Result<&'a [u8], Corrupt> {
        let len =
            usize::try_from(self.u64()?).map_err(|_| Corrupt::Malformed { what: "length" })?;
        self.take(len, "byte string")
    }

    pub fn str(&mut self) -> Result<String, Corrupt> {
        std::str::from_utf8(self.slice()?)
            .map(str::to_owned)
            .map_err(|_| Corrupt::Malformed { what: "text" })
    }

    pub fn raw<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        self.take(N, "fixed bytes")?
            .try_into()
            .map_err(|_| Corrupt::Short {
                what: "fixed bytes",
            })
    }

    pub fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Corrupt>,
    ) -> Result<Option<T>, Corrupt> {
        match self.u8()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            tag => Err(Corrupt::tag("option", tag)),
        }
    }

    pub fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Corrupt>,
    ) -> Result<Vec<T>, Corrupt> {
        let count = self.u64()?;
        // Every element takes a byte at least: a count beyond the rest is damage, not a reason to reserve memory.
        if count > self.rest.len() as u64 {
            return Err(Corrupt::Short { what: "list" });
        }
        (0..count).map(|_| read(self)).collect()
    }
}

#[cfg(test)]
mod tests;
