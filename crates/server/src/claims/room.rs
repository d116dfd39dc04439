//! Room for what is on its way and belongs to nobody yet: what anybody may send must not fill the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Refused;

/// The room of one server.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    taken: Arc<AtomicU64>,
    bytes_max: u64,
}

impl Incoming {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            taken: Arc::default(),
            bytes_max,
        }
    }

    pub(crate) fn room(&self) -> Room {
        Room {
            of: self.clone(),
            bytes: 0,
        }
    }
}

/// What one body has taken of it; it is free again when this is gone.
#[derive(Debug)]
pub(crate) struct Room {
    of: Incoming,
    bytes: u64,
}

impl Room {
    /// Takes more.
    ///
    /// # Errors
    /// [`Refused::Full`] when there is not so much.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), Refused> {
        let taken = self.of.taken.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if taken.saturating_add(bytes) > self.of.bytes_max {
            return Err(Refused::Full);
        }
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.of.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_shared_and_comes_back() {
        let incoming = Incoming::new(10);
        let (mut one, mut two) = (incoming.room(), incoming.room());
        assert!(one.take(6).is_ok());
        assert!(matches!(two.take(6), Err(Refused::Full)));
        drop(two);
        assert!(one.take(4).is_ok());
        drop(one);
        assert!(incoming.room().take(10).is_ok());
    }
}
