//! The client tokens of redrives: a request that is sent again is answered again, for a quarter of an hour.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use everstep_core::ExecutionId;

const KEPT_MS: u64 = 15 * 60 * 1_000;
/// Older ones go first once there are so many.
const KEPT_MAX: usize = 10_000;

/// The last redrive of each execution that had a token.
#[derive(Debug, Default)]
pub(crate) struct Redrives(Mutex<HashMap<ExecutionId, (String, u64)>>);

impl Redrives {
    /// When the redrive that had this token was, in milliseconds since 1970.
    pub(super) fn repeated(
        &self,
        id: ExecutionId,
        token: Option<&str>,
        now_ms: u64,
    ) -> Option<u64> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, at) = kept.get(&id)?;
        let recent = now_ms.saturating_sub(*at) <= KEPT_MS;
        (recent && token == Some(before)).then_some(*at)
    }

    pub(super) fn note(&self, id: ExecutionId, token: Option<&str>, at_ms: u64) {
        let Some(token) = token else { return };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(id, (token.to_owned(), at_ms));
        if kept.len() > KEPT_MAX {
            kept.retain(|_, (_, at)| at_ms.saturating_sub(*at) <= KEPT_MS);
        }
        if kept.len() > KEPT_MAX {
            kept.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use everstep_core::Shard;

    use super::*;

    #[test]
    fn a_token_is_good_for_its_execution_and_a_quarter_of_an_hour() {
        let (one, two) = (
            ExecutionId::new(1, 1, Shard(0)),
            ExecutionId::new(1, 2, Shard(0)),
        );
        let redrives = Redrives::default();
        redrives.note(one, None, 5);
        assert_eq!(redrives.repeated(one, None, 5), None);
        redrives.note(one, Some("t"), 5);
        assert_eq!(redrives.repeated(one, Some("t"), 6), Some(5));
        assert_eq!(redrives.repeated(one, Some("u"), 6), None);
        assert_eq!(redrives.repeated(one, None, 6), None);
        assert_eq!(redrives.repeated(two, Some("t"), 6), None);
        assert_eq!(redrives.repeated(one, Some("t"), 6 + KEPT_MS), None);
    }
}
