//! History events as JSON, in AWS's form, for every protocol that shows them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use everstep_core::token::Purpose;
use everstep_core::{Digest, ExecutionId, Operation, Payload};
use everstep_durable::{Identity, Reply, Request, wire};
use everstep_engine::{Error, HistoryEvent, HistoryItem};
use serde_json::Value;

use crate::http::App;

type Identities = BTreeMap<Operation, Identity>;
type Loaded = BTreeMap<Digest, Bytes>;

/// Shows events in their order; without `include` their payloads and errors stay out.
pub(crate) async fn show(
    app: &App,
    id: ExecutionId,
    items: &[HistoryItem],
    include: bool,
) -> Result<Vec<Value>, Error> {
    let identities = identify(app, id, items).await?;
    let mut loaded = Loaded::new();
    loop {
        let (shown, missing) = render(app, id, items, include, &identities, &loaded);
        if missing.is_empty() {
            return Ok(shown);
        }
        // Large payloads are rare: they are found by showing everything without them first.
        for payload in missing {
            loaded.insert(payload.digest(), app.handle.payload(id, &payload).await?);
        }
    }
}

/// The names of the operations that the events are about.
async fn identify(app: &App, id: ExecutionId, items: &[HistoryItem]) -> Result<Identities, Error> {
    let about = items.iter().filter_map(|item| match &item.event {
        HistoryEvent::Durable(event) => Some(event.operation().unwrap_or_default()),
        HistoryEvent::Asl(_) | HistoryEvent::Approval(_) => None,
    });
    let operations: Vec<Operation> = about.collect::<BTreeSet<_>>().into_iter().collect();
    let request = Request::Identify {
        operations: operations.clone(),
    };
    let asked = everstep_engine::Request::Durable(request);
    let everstep_engine::Reply::Durable(Reply::Identified(identities)) =
        app.handle.request(id, asked).await?
    else {
        return Err(Error::Ended);
    };
    Ok(operations
        .into_iter()
        .zip(identities)
        .filter_map(|(operation, identity)| Some((operation, identity?)))
        .collect())
}

/// The events, and the large payloads that are not loaded yet.
fn render(
    app: &App,
    id: ExecutionId,
    items: &[HistoryItem],
    include_data: bool,
    identities: &Identities,
    loaded: &Loaded,
) -> (Vec<Value>, Vec<Payload>) {
    let missing = RefCell::new(Vec::new());
    let text = |payload: &Payload| -> Cow<'_, str> {
        match payload {
            Payload::Inline(bytes) => String::from_utf8_lossy(bytes).into_owned().into(),
            Payload::Blob { digest, .. } => match loaded.get(digest) {
                Some(bytes) => String::from_utf8_lossy(bytes),
                None => {
                    missing.borrow_mut().push(payload.clone());
                    Cow::Borrowed("")
                }
            },
        }
    };
    let show = wire::Show {
        include_data,
        identity: &|operation| identities.get(&operation).cloned(),
        callback_id: &|operation, generation| {
            app.handle
                .token(Purpose::Callback, id, operation, generation, 0)
        },
        payload: &text,
    };
    let shown = items.iter().filter_map(|item| match &item.event {
        HistoryEvent::Durable(event) => wire::event(item.id, item.at, event, &show),
        HistoryEvent::Asl(_) | HistoryEvent::Approval(_) => None,
    });
    let shown = shown.collect();
    (shown, missing.take())
}
