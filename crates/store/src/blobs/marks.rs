//! Small notes beside artifacts: when one ends, and since when links to it count.
//!
//! An expiry lies in the folder of its hour, so that a sweep looks only at hours that have come. It is written before the artifact: one
//! that leads to nothing is harmless.

use std::sync::Arc;

use everstep_core::Timestamp;
use futures_util::TryStreamExt as _;
use object_store::path::Path as Location;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};

use super::Error;

const HOUR_MS: u64 = 3_600_000;

#[derive(Clone, Debug)]
pub struct Marks {
    objects: Arc<dyn ObjectStore>,
    /// What all names begin with: empty, or `PREFIX/`.
    prefix: Arc<str>,
}

/// An hour that has come, and a place with something that ends in it.
#[derive(Debug)]
pub struct Due {
    pub place: Location,
    hour: u64,
    mark: Location,
}

impl Due {
    /// Whether this is the mark of that end.
    pub const fn is_of(&self, expires: Timestamp) -> bool {
        expires.0 / HOUR_MS == self.hour
    }
}

impl Marks {
    pub fn new(objects: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self {
            objects,
            prefix: Arc::from(prefix),
        }
    }

    fn hours(&self) -> Location {
        Location::from(format!("{}expiries", self.prefix))
    }

    fn link(&self, place: &Location) -> Location {
        Location::from(format!("{}links/{place}", self.prefix))
    }

    pub async fn expire(&self, place: &Location, at: Timestamp) -> Result<(), Error> {
        let mark = Location::from(format!("{}/{}/{place}", self.hours(), at.0 / HOUR_MS));
        let put = self.objects.put(&mark, PutPayload::default()).await;
        put.map(|_| ()).map_err(Error::io)
    }

    /// What ends in this hour or ended before it.
    pub async fn due(&self, now: Timestamp) -> Result<Vec<Due>, Error> {
        let listed = self.objects.list_with_delimiter(Some(&self.hours())).await;
        let mut due = Vec::new();
        for folder in listed.map_err(Error::io)?.common_prefixes {
            let hour = folder.filename().and_then(|hour| hour.parse::<u64>().ok());
            let Some(hour) = hour.filter(|hour| *hour <= now.0 / HOUR_MS) else {
                continue;
            };
            let mut marks = self.objects.list(Some(&folder));
            while let Some(found) = marks.try_next().await.map_err(Error::io)? {
                let mark = found.location;
                let place = mark.as_ref().strip_prefix(folder.as_ref());
                if let Some(place) = place.and_then(|place| Location::parse(place).ok()) {
                    due.push(Due { place, hour, mark });
                }
            }
        }
        Ok(due)
    }

    pub async fn forget(&self, due: &Due) -> Result<(), Error> {
        match self.objects.delete(&due.mark).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Error::io(error)),
        }
    }

    /// From now on links made before `since` lead nowhere.
    pub async fn revoke_links(&self, place: &Location, since: Timestamp) -> Result<(), Error> {
        let text = PutPayload::from(since.0.to_string().into_bytes());
        let put = self.objects.put(&self.link(place), text).await;
        put.map(|_| ()).map_err(Error::io)
    }

    /// Since when links count; `None` when all do.
    pub async fn links_since(&self, place: &Location) -> Result<Option<Timestamp>, Error> {
        let found = match self.objects.get(&self.link(place)).await {
            Ok(found) => found.bytes().await.map_err(Error::io)?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(Error::io(error)),
        };
        let since = std::str::from_utf8(&found)
            .ok()
            .and_then(|text| text.parse().ok());
        // What can't be read revokes all: nobody is let in by a flipped bit.
        Ok(Some(since.map_or(Timestamp::NEVER, Timestamp)))
    }

    /// Whether the store is there, answers and lets us in.
    pub async fn probe(&self) -> Result<(), Error> {
        let nowhere = Location::from(format!("{}probe", self.prefix));
        let listed = self.objects.list(Some(&nowhere)).try_next().await;
        listed.map(|_| ()).map_err(Error::io)
    }
}
