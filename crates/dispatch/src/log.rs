//! The logs of state machines: what happened in an execution goes to its log group, an event a line, as Step Functions writes to CloudWatch Logs.
//!
//! A task is sent at least once: after a crash lines may stand there twice.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use everstep_asl::machine::{Event, Settings};
use everstep_core::{EventId, ExecutionId, Kind, Task};
use everstep_engine::{Direction, Error, ExecutionRow, Handle, HistoryEvent, HistoryItem};
use everstep_logs::{GroupSettings, LogLine, LogStream, Logs, group_name};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

const PAGE: usize = 500;
const PAUSE: Duration = Duration::from_secs(1);

/// How many executions' lines are written at once.
const LANES: usize = 16;

/// The order in which tasks came: the lines of one execution are written in it.
#[derive(Default)]
pub(crate) struct Order(Mutex<[Option<oneshot::Receiver<()>>; LANES]>);

/// A task's place in the order; whoever comes behind it waits until it is dropped.
pub(crate) struct Place {
    before: Option<oneshot::Receiver<()>>,
    _done: oneshot::Sender<()>,
}

impl Order {
    pub(crate) fn take(&self, execution: ExecutionId) -> Place {
        let (done, behind) = oneshot::channel();
        let [.., chance, _, _] = *execution.as_bytes();
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.get_mut(usize::from(chance) % LANES);
        Place {
            before: lane.and_then(|lane| lane.replace(behind)),
            _done: done,
        }
    }
}

impl Place {
    /// Waits for those before.
    pub(crate) async fn come(&mut self) {
        if let Some(before) = self.before.take() {
            // Nothing is ever sent: the end of the one before is what is waited for.
            let _ = before.await;
        }
    }
}

/// Writes the events from the first to the last, where there are logs, and ends the task; one that is left open is brought again.
pub(crate) async fn write(
    handle: &Handle,
    logs: Option<&Logs>,
    execution: ExecutionId,
    task: &Task,
    events: (EventId, EventId),
) {
    let done = match logs {
        Some(logs) => write_lines(handle, logs, execution, task, events).await,
        None => Ok(()),
    };
    if let Err(error) = done {
        tracing::warn!(%execution, %error, "what happened could not be read for its log");
        return;
    }
    let accepted = handle.accepted(execution, task.operation, task.generation);
    if let Err(error) = accepted.await {
        tracing::warn!(%execution, %error, "what happened will be logged again");
    }
}

/// A log that can't be written loses its lines, as a function's does.
async fn write_lines(
    handle: &Handle,
    logs: &Logs,
    execution: ExecutionId,
    task: &Task,
    (first, last): (EventId, EventId),
) -> Result<(), Error> {
    let lines = loop {
        match lines(handle, execution, first, last).await {
            Err(error) if error.kind() == Kind::Throttled => tokio::time::sleep(PAUSE).await,
            read => break read?,
        }
    };
    let (logs, group) = (logs.clone(), group_name(&task.target.address).to_owned());
    let made = handle.clock().now();
    // Files are written where that may take its time.
    let written = tokio::task::spawn_blocking(move || append(&logs, &group, made.0, &lines));
    match written.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            let group = &task.target.address;
            tracing::warn!(%execution, group, %error, "a log could not be written");
        }
        Err(_) => return Err(Error::Ended),
    }
    Ok(())
}

fn append(logs: &Logs, group: &str, now_ms: u64, lines: &[LogLine]) -> std::io::Result<()> {
    let made = GroupSettings {
        created_ms: now_ms,
        ..GroupSettings::default()
    };
    if logs.group(group).is_none() {
        logs.create(group, made)?;
    }
    let file = logs.group(group).ok_or_else(|| {
        let why = format!("{group} can't be the name of a log group");
        std::io::Error::new(std::io::ErrorKind::InvalidInput, why)
    })?;
    logs.append(&file, lines);
    Ok(())
}

async fn lines(
    handle: &Handle,
    execution: ExecutionId,
    first: EventId,
    last: EventId,
) -> Result<Vec<LogLine>, Error> {
    let row = handle.row(execution).await?;
    let beginning = handle.history(execution, None, Direction::Forward, 1);
    let beginning = beginning.await?.items;
    let settings = beginning.iter().find_map(|item| match &item.event {
        HistoryEvent::Asl(Event::ExecutionStarted { settings, .. }) => Some(settings),
        HistoryEvent::Asl(_) | HistoryEvent::Durable(_) | HistoryEvent::Approval(_) => None,
    });
    let Some(settings) = settings else {
        return Ok(Vec::new());
    };
    let stream = stream(settings, &row);
    let items = items(handle, execution, first, last).await?;
    let lines = items.iter();
    let lines = lines.filter_map(|item| line(settings, &row, &stream, item));
    Ok(lines.collect())
}

/// What is logged has just happened: it is looked for from the end.
async fn items(
    handle: &Handle,
    execution: ExecutionId,
    first: EventId,
    last: EventId,
) -> Result<Vec<HistoryItem>, Error> {
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let page = handle
            .history(execution, from, Direction::Backward, PAGE)
            .await?;
        let reached = page.items.last().is_none_or(|item| item.id <= first);
        let wanted = |item: &HistoryItem| (first..=last).contains(&item.id);
        found.extend(page.items.into_iter().filter(wanted));
        from = page.next;
        if reached || from.is_none() {
            found.reverse();
            return Ok(found);
        }
    }
}

/// `states/MACHINE/TIME/EXECUTION`, where the time is that of the start.
fn stream(settings: &Settings, row: &ExecutionRow) -> String {
    let machine = settings.state_machine_arn.rsplit(':').next();
    let id = row.id.to_string();
    let short = id.rsplit('-').next().unwrap_or(&id);
    let minute = moment(row.started.0).strftime("%Y-%m-%d-%H-%M").to_string();
    format!("states/{}/{minute}/{short}", machine.unwrap_or_default())
}

#[derive(Serialize)]
struct Message<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    details: Map<String, Value>,
    previous_event_id: String,
    event_timestamp: String,
    execution_arn: &'a str,
    redrive_count: String,
}

fn line(
    settings: &Settings,
    row: &ExecutionRow,
    stream: &str,
    item: &HistoryItem,
) -> Option<LogLine> {
    let HistoryEvent::Asl(event) = &item.event else {
        return None;
    };
    let logging = settings.logging.as_ref()?;
    let kind = event.history_type()?;
    if !logging.level.selects(kind) {
        return None;
    }
    let includes = logging.include_execution_data;
    let message = Message {
        id: item.id.to_string(),
        kind,
        details: event
            .details(includes)
            .map_or_else(Map::new, |(_, details)| details),
        previous_event_id: event.previous().to_string(),
        event_timestamp: item.at.0.to_string(),
        execution_arn: &settings.execution_arn,
        redrive_count: row
            .reopened
            .map_or(0, |reopened| reopened.count)
            .to_string(),
    };
    Some(LogLine {
        time: format!("{:.6}", moment(item.at.0)),
        request_id: None,
        execution: Some(row.id.to_string()),
        stream: LogStream::Stdout,
        log_stream: stream.to_owned(),
        message: serde_json::to_string(&message).ok()?,
    })
}

fn moment(unix_ms: u64) -> jiff::Timestamp {
    let ms = i64::try_from(unix_ms).ok();
    ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_nobody_made_is_made_by_its_first_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let logs = Logs::open(folder.path(), everstep_logs::Limits::default()).expect("logs");
        assert!(append(&logs, "/aws/states/a", 7, &[]).is_ok());
        assert_eq!(logs.settings("/aws/states/a").created_ms, 7);
        assert!(append(&logs, "no name!", 7, &[]).is_err());
    }
}
