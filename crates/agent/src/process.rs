//! An agent that is a program of this machine. No shell reads its name or its arguments. It gets its task as a line of JSON, tells lines of
//! JSON, and is killed with everything it has started when nobody waits for it any more.
//!
//! In: `{"task_id", "context_id", "payload"}`, and `{"answer": …}` for each question. Out: `{"progress": {"message", "percent"}}`,
//! `{"question": …}`, and at the end `{"result": …}` or `{"error": …}`. Its standard input ends when this server does: so should it.

mod line;
mod running;

use serde_json::json;
use tokio::sync::watch;

pub(crate) use running::Running;

use crate::a2a::shape;
use crate::agent::{Address, Dialect};
use crate::client::{Call, Listener};
use crate::error::Error;
use crate::task::{Output, Progress, Question, Reply, Said, State, Task, TaskRef};

/// Where a program's task stands.
#[derive(Clone, Debug)]
enum Stand {
    Working(Progress),
    Asking(Question),
    Done(bytes::Bytes),
    Failed(String),
}

impl Stand {
    const fn is_end(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(_))
    }
}

/// Runs the program until it has ended or asks something. Whoever does not wait for that any more ends it.
pub(crate) async fn send(
    call: &Call<'_>,
    task: &Task,
    listener: &dyn Listener,
) -> Result<Said, Error> {
    let Address::Process { program, arguments } = &call.agent.address else {
        return Err(Error::Dialect {
            why: format!("{} is no program", call.agent.address),
        });
    };
    let order = json!({
        "task_id": task.message_id,
        "context_id": task.context_id,
        "traceparent": task.traceparent,
        "payload": shape::payload(&task.payload)?,
    });
    let running = &call.client.processes;
    let mut unwaited = Unwaited {
        running,
        id: Some(&task.message_id),
    };
    let stand = running
        .start(&task.message_id, call.agent, program, arguments, &order)
        .await?;
    let stand = tokio::time::timeout(call.agent.run_timeout, heard(stand, listener)).await;
    let Ok(stand) = stand else {
        return Err(Error::Silent {
            host: program.display().to_string(),
            after: call.agent.run_timeout,
        });
    };
    unwaited.id = None;
    Ok(said(
        running,
        &task.message_id,
        Some(&task.context_id),
        stand,
    ))
}

/// Follows the program until it has something to say that is no progress.
async fn heard(mut stand: watch::Receiver<Stand>, listener: &dyn Listener) -> Stand {
    loop {
        let now = stand.borrow_and_update().clone();
        let Stand::Working(progress) = now else {
            return now;
        };
        if progress != Progress::default() {
            listener.heard(progress);
        }
        // The other side tells the end before it goes.
        if stand.changed().await.is_err() {
            return stand.borrow().clone();
        }
    }
}

/// Ends the program when its wait is dropped.
struct Unwaited<'a> {
    running: &'a Running,
    id: Option<&'a str>,
}

impl Drop for Unwaited<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.running.kill(id);
        }
    }
}

pub(crate) fn get(call: &Call<'_>, task: &TaskRef) -> Said {
    let running = &call.client.processes;
    match running.stand(&task.id) {
        Some(stand) => said(running, &task.id, task.context_id.as_deref(), stand),
        None => Said::new(Some(task.clone()), State::Lost),
    }
}

pub(crate) async fn answer(call: &Call<'_>, task: &TaskRef, reply: &Reply) -> Result<Said, Error> {
    let answer = json!({ "answer": shape::payload(&reply.payload)? });
    let running = &call.client.processes;
    match running.tell(&task.id, &reply.message_id, &answer).await? {
        true => Ok(get(call, task)),
        false => Ok(Said::new(Some(task.clone()), State::Lost)),
    }
}

pub(crate) fn cancel(call: &Call<'_>, task: &TaskRef) -> Said {
    let state = match call.client.processes.kill(&task.id) {
        true => State::Canceled { message: None },
        false => State::Lost,
    };
    Said::new(Some(task.clone()), state)
}

/// An end is told once: after that the program is forgotten.
fn said(running: &Running, id: &str, context: Option<&str>, stand: Stand) -> Said {
    if stand.is_end() {
        running.forget(id);
    }
    let state = match stand {
        Stand::Working(progress) => State::Working(progress),
        Stand::Asking(question) => State::NeedsInput(question),
        Stand::Done(result) => State::Done(Output::Json(result)),
        Stand::Failed(message) => State::Failed { message },
    };
    let task = TaskRef {
        dialect: Dialect::Process,
        id: id.to_owned(),
        context_id: context.map(str::to_owned),
    };
    Said::new(Some(task), state)
}
