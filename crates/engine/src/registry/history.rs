//! What a persisted batch tells those who read a history.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use everstep_core::{Batch, EventId, KernelEvent, Sequence, Timestamp};

use super::{APPROVAL, ASL, DURABLE, HistoryEvent, Unreadable, recorded};

/// The public events of a persisted batch.
pub(crate) fn public_events(
    machine: u8,
    sequence: Sequence,
    bytes: &[u8],
) -> Result<(Timestamp, Vec<(EventId, HistoryEvent)>), Unreadable> {
    match machine {
        DURABLE => {
            let batch = Batch::<everstep_durable::Event>::decode(sequence, bytes)?;
            let events = batch
                .public()
                .map(|(id, event)| (id, HistoryEvent::Durable(event.clone())));
            Ok((batch.at, events.collect()))
        }
        ASL => {
            let batch = Batch::<everstep_asl::machine::Event>::decode(sequence, bytes)?;
            let events = batch
                .public()
                .map(|(id, event)| (id, HistoryEvent::Asl(event.clone())));
            Ok((batch.at, events.collect()))
        }
        APPROVAL => {
            let batch = Batch::<everstep_approval::Event>::decode(sequence, bytes)?;
            let events = batch
                .public()
                .map(|(id, event)| (id, HistoryEvent::Approval(event.clone())));
            Ok((batch.at, events.collect()))
        }
        tag => Err(Unreadable::tag("machine", tag)),
    }
}

/// The batches that hold payloads which these events only name.
pub(crate) fn missing<'a>(
    events: impl IntoIterator<Item = &'a HistoryEvent>,
) -> BTreeSet<Sequence> {
    let named = events.into_iter().flat_map(|event| match event {
        HistoryEvent::Durable(_) | HistoryEvent::Approval(_) => Vec::new(),
        HistoryEvent::Asl(event) => event.unresolved().map(|(sequence, _)| sequence).collect(),
    });
    named.collect()
}

/// Puts the payloads into the events that only name them.
pub(crate) fn resolve<'a>(
    events: impl IntoIterator<Item = &'a mut HistoryEvent>,
    batches: &[(Sequence, Bytes)],
) -> Result<(), Unreadable> {
    let mut known = BTreeMap::new();
    for (sequence, bytes) in batches {
        let batch = Batch::<everstep_asl::machine::Event>::decode(*sequence, bytes)?;
        for entry in &batch.entries {
            if let everstep_core::Entry::Machine(event) = entry {
                let documents = event.documents();
                known.extend(documents.map(|document| (document.id(), document.clone())));
            }
        }
    }
    for event in events {
        match event {
            HistoryEvent::Durable(_) | HistoryEvent::Approval(_) => {}
            HistoryEvent::Asl(event) => event.resolve(|_, id| known.get(&id).cloned()),
        }
    }
    Ok(())
}

/// Why a persisted batch quarantined its execution, if it did.
pub(crate) fn quarantine_reason(
    machine: u8,
    sequence: Sequence,
    bytes: &[u8],
) -> Result<Option<String>, Unreadable> {
    let recorded = match machine {
        DURABLE => recorded(Batch::<everstep_durable::Event>::decode(sequence, bytes)?),
        ASL => recorded(Batch::<everstep_asl::machine::Event>::decode(
            sequence, bytes,
        )?),
        APPROVAL => recorded(Batch::<everstep_approval::Event>::decode(sequence, bytes)?),
        tag => return Err(Unreadable::tag("machine", tag)),
    };
    Ok(recorded.kernel.into_iter().find_map(|event| match event {
        KernelEvent::Quarantined { reason } => Some(reason),
        _ => None,
    }))
}
