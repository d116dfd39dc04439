//! History: the public events of a journal, in pages, both ways.

use everstep_core::{EventId, ExecutionId, Sequence, Status, Timestamp};
use everstep_store::Direction;

use super::Handle;
use crate::Error;
use crate::registry::{HistoryEvent, missing, public_events, quarantine_reason, resolve};

/// Batches read at a time: as many as events are wanted, since most hold one at least, within these bounds.
const PAGE: usize = 512;
const PAGE_MIN: usize = 8;

/// Where a page begins: the batch, and the event in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryCursor {
    pub sequence: Sequence,
    pub event: EventId,
}

/// One event with its number and time.
#[derive(Clone, Debug)]
pub struct HistoryItem {
    /// The batch that it stands in.
    pub sequence: Sequence,
    pub id: EventId,
    pub at: Timestamp,
    pub event: HistoryEvent,
}

/// Events in the asked order, and where the next page begins.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    pub items: Vec<HistoryItem>,
    pub next: Option<HistoryCursor>,
}

impl Handle {
    /// At most `limit` public events from `from` on.
    ///
    /// # Errors
    /// [`Error::UnknownExecution`], [`Error::Damaged`], or the store's.
    pub async fn history(
        &self,
        id: ExecutionId,
        from: Option<HistoryCursor>,
        direction: Direction,
        limit: usize,
    ) -> Result<HistoryPage, Error> {
        let mut page = self.public_page(id, from, direction, limit).await?;
        let named = missing(page.items.iter().map(|item| &item.event));
        if !named.is_empty() {
            let batches = self.read(move |store| {
                let read = named.into_iter().map(|sequence| {
                    let rows = store.journal(id, sequence, Direction::Forward, 1)?;
                    Ok(rows.into_iter().next().map(|row| (row.sequence, row.batch)))
                });
                read.filter_map(Result::transpose)
                    .collect::<Result<Vec<_>, _>>()
            });
            let events = page.items.iter_mut().map(|item| &mut item.event);
            resolve(events, &batches.await?).map_err(|corrupt| Error::Damaged {
                id,
                detail: corrupt.to_string(),
            })?;
        }
        Ok(page)
    }

    /// Payloads that repeat are only named.
    async fn public_page(
        &self,
        id: ExecutionId,
        from: Option<HistoryCursor>,
        direction: Direction,
        limit: usize,
    ) -> Result<HistoryPage, Error> {
        // The row passes the owner's gate: everything that was acknowledged is in the store when it comes back.
        let machine = self.row(id).await?.machine;
        let page = limit.clamp(PAGE_MIN, PAGE);
        let mut items = Vec::new();
        let mut next_batch = from.map_or(
            if direction == Direction::Forward {
                Sequence(0)
            } else {
                Sequence(u32::MAX)
            },
            |from| from.sequence,
        );
        loop {
            let rows = self
                .read(move |store| store.journal(id, next_batch, direction, page))
                .await?;
            let full = rows.len() == page;
            for row in rows {
                let (at, mut events) =
                    public_events(machine, row.sequence, &row.batch).map_err(|corrupt| {
                        Error::Damaged {
                            id,
                            detail: format!("batch {}: {corrupt}", row.sequence),
                        }
                    })?;
                if direction == Direction::Backward {
                    events.reverse();
                }
                for (event_id, event) in events {
                    let before = from.is_some_and(|from| match direction {
                        Direction::Forward => event_id < from.event,
                        Direction::Backward => event_id > from.event,
                    });
                    if before {
                        continue;
                    }
                    if items.len() == limit {
                        return Ok(HistoryPage {
                            items,
                            next: Some(HistoryCursor {
                                sequence: row.sequence,
                                event: event_id,
                            }),
                        });
                    }
                    items.push(HistoryItem {
                        sequence: row.sequence,
                        id: event_id,
                        at,
                        event,
                    });
                }
                next_batch = match direction {
                    Direction::Forward => Sequence(row.sequence.0.saturating_add(1)),
                    Direction::Backward if row.sequence.0 == 0 => {
                        return Ok(HistoryPage { items, next: None });
                    }
                    Direction::Backward => Sequence(row.sequence.0 - 1),
                };
            }
            if !full {
                return Ok(HistoryPage { items, next: None });
            }
        }
    }

    /// Why an execution was quarantined, with the backtrace of the panic; `None` when it was not.
    ///
    /// # Errors
    /// As [`Handle::history`].
    pub async fn quarantine_reason(&self, id: ExecutionId) -> Result<Option<String>, Error> {
        let row = self.row(id).await?;
        if row.status != Status::Quarantined {
            return Ok(None);
        }
        let last = self
            .read(move |store| store.journal(id, Sequence(u32::MAX), Direction::Backward, 1))
            .await?;
        let Some(last) = last.first() else {
            return Ok(None);
        };
        quarantine_reason(row.machine, last.sequence, &last.batch).map_err(|corrupt| {
            Error::Damaged {
                id,
                detail: format!("batch {}: {corrupt}", last.sequence),
            }
        })
    }
}
