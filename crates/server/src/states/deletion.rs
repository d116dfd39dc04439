//! How a state machine goes: it takes no more executions, those that run are stopped, and then it is gone.

use std::time::Duration;

use everstep_core::Status;
use everstep_engine::catalogue::machine_definition;
use everstep_engine::{Handle, ListFilter};

use super::errors::Error;

/// How long a deletion holds its answer back; what is left goes on behind it.
const ANSWER_AFTER: Duration = Duration::from_secs(2);
const PAGE: usize = 100;

/// Deletes a machine; one that is not there is deleted already.
pub(super) async fn delete(handle: &Handle, name: &str) -> Result<(), Error> {
    let marked = handle
        .change_state_machine(name, |record| {
            record.deleting = true;
            Ok::<_, everstep_engine::Error>(())
        })
        .await;
    match marked {
        Ok(_) => {}
        Err(everstep_engine::Error::UnknownEntry { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let (owned, machine) = (handle.clone(), name.to_owned());
    let finishing = tokio::spawn(async move {
        let mut finished = go_on(&owned, &machine).await;
        while let Ok(false) = finished {
            finished = go_on(&owned, &machine).await;
        }
        if let Err(error) = finished {
            tracing::warn!(%error, machine, "a state machine was not deleted to the end: the next look at it goes on");
        }
    });
    // Who waits longer than this sees it as being deleted.
    let _ = tokio::time::timeout(ANSWER_AFTER, finishing).await;
    Ok(())
}

/// Goes on with a deletion that a crash may have broken off.
pub(super) async fn resume(handle: &Handle, name: &str) -> Result<(), Error> {
    go_on(handle, name).await?;
    Ok(())
}

/// Stops some of a machine's executions; without any, the machine goes. Whether it has gone.
async fn go_on(handle: &Handle, name: &str) -> Result<bool, everstep_engine::Error> {
    let filter = ListFilter {
        definition: Some(machine_definition(name)),
        statuses: vec![Status::Running, Status::Pausing, Status::Paused],
        ..ListFilter::default()
    };
    let mut cursor = None;
    let mut stopped = 0_usize;
    loop {
        let page = handle.list(filter.clone(), cursor, PAGE).await?;
        for row in &page.rows {
            match handle.stop(row.id, None).await {
                Ok(_) | Err(everstep_engine::Error::UnknownExecution { .. }) => stopped += 1,
                Err(error) => return Err(error),
            }
        }
        cursor = page.next;
        if stopped > 0 || cursor.is_none() {
            break;
        }
    }
    if stopped > 0 {
        return Ok(false);
    }
    handle.remove_state_machine(name).await?;
    Ok(true)
}
