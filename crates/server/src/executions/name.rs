//! How an execution is named: by its id, by its ARN, or by a name that no other one has.

use everstep_core::{ExecutionId, Status};
use everstep_engine::{ExecutionRow, ListFilter};

use super::arn;
use crate::errors::Code;
use crate::http::App;
use crate::rest::Problem;

/// So many of those that have one name are listed in the answer.
const SHOWN_MAX: usize = 5;

/// The execution that is meant.
///
/// # Errors
/// [`Code::UnknownExecution`]; [`Code::Conflict`] for a name that several have; the engine's.
pub(crate) async fn find(app: &App, text: &str) -> Result<ExecutionId, Problem> {
    let unknown = || {
        Problem::new(
            Code::UnknownExecution,
            format!("There is no execution {text}"),
        )
    };
    // The ARN of a function's execution ends with its id.
    let last = text.rsplit('/').next().unwrap_or_default();
    if let Ok(id) = last.parse() {
        return Ok(id);
    }
    if text.starts_with("arn:") {
        let found = app.handle.find_machine_execution(text).await?;
        return found.ok_or_else(unknown);
    }
    match named(app, text).await?.as_slice() {
        [] => Err(unknown()),
        [one] => Ok(one.id),
        several => {
            let arns: Vec<String> = several
                .iter()
                .take(SHOWN_MAX)
                .map(|row| arn(&app.options, row))
                .collect();
            let text = format!(
                "Several executions are named {text}: say which by its id or ARN, such as {}",
                arns.join(", ")
            );
            Err(Problem::new(Code::Conflict, text))
        }
    }
}

/// The newest executions of a name, of all definitions.
async fn named(app: &App, name: &str) -> Result<Vec<ExecutionRow>, Problem> {
    let filter = ListFilter {
        name: Some(name.to_owned()),
        ..ListFilter::default()
    };
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = app.handle.list(filter.clone(), cursor, SHOWN_MAX).await?;
        let kept = page.rows.into_iter();
        found.extend(kept.filter(|row| row.status != Status::Deleting));
        cursor = page.next;
        // A page of the store may end early.
        if cursor.is_none() || found.len() >= SHOWN_MAX {
            return Ok(found);
        }
    }
}
