//! Cancelling what an execution has started: its children go by letters that are written in the commit of its own end, and each tells its own.

use everstep_core::{ExecutionId, Failure, Generation, Kind, Operation};
use serde::{Deserialize, Serialize};

use crate::letter::LetterState;
use crate::{Error, Handle, Letter, Undelivered};

/// What cancelled executions and their descendants have failed with.
pub(crate) const CANCELLED: &str = "Everstep.Cancelled";
/// So often a child is looked for that is not there: its start may still be on its way.
const LOOKS: u32 = 3;

/// An execution that another one waits for, as its machine knows it. The names of the variants are persisted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Child {
    /// One of a chained invoke.
    Execution(String),
    /// One of a state machine, by its ARN.
    StateMachine(String),
    /// A function that a state machine has called, and the key of the task that did.
    Function { function: String, key: String },
}

/// The body of a letter of [`crate::letter::topic::EXECUTION_CANCEL`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Body {
    pub child: Child,
    /// The one that has ended, as people know it.
    pub parent: String,
    /// What the first of them was cancelled for.
    pub reason: Option<String>,
}

/// How an execution ends that was cancelled by somebody.
pub(crate) fn failure(reason: Option<&str>) -> Failure {
    Failure {
        kind: Some(CANCELLED.to_owned()),
        message: reason.map(str::to_owned),
        ..Failure::default()
    }
}

/// The name of an execution that a service task has begun: a repetition of the task finds it again.
#[must_use]
pub fn execution_name(key: &str) -> String {
    key.replace('/', "-")
}

/// The key of a task, see [`everstep_core::Task::idempotency_key`].
pub(crate) fn task_key(id: ExecutionId, operation: Operation, generation: Generation) -> String {
    format!("{id}/{operation}/{generation}")
}

/// Cancels the child that a letter names; one that is gone or has ended needs nothing.
pub(crate) async fn deliver(handle: Handle, letter: Letter) -> Result<(), Undelivered> {
    let Ok(body) = serde_json::from_slice::<Body>(&letter.body) else {
        return Err(Undelivered {
            again: false,
            reason: "the letter can't be read".to_owned(),
        });
    };
    let cancelled = match find(&handle, &body.child).await {
        Ok(Some(id)) => cancel(&handle, id, &body).await,
        Ok(None) => Ok(false),
        Err(error) => Err(error),
    };
    match cancelled {
        Ok(true) => Ok(()),
        Ok(false) => {
            let LetterState::Waiting { tries, .. } = letter.state else {
                return Ok(());
            };
            if tries + 1 >= LOOKS {
                return Ok(());
            }
            Err(Undelivered {
                again: true,
                reason: "it is not there (yet)".to_owned(),
            })
        }
        Err(error) => Err(Undelivered {
            again: matches!(error.kind(), Kind::Throttled | Kind::Transient),
            reason: error.to_string(),
        }),
    }
}

/// Whether the child is there.
async fn cancel(handle: &Handle, id: ExecutionId, body: &Body) -> Result<bool, Error> {
    let because = body.reason.as_ref();
    let because = because.map_or_else(String::new, |reason| format!(": {reason}"));
    let message = format!("cancelled by parent {}{because}", body.parent);
    let failure = failure(Some(&message));
    match handle
        .cancel_with(id, failure, body.reason.clone(), true)
        .await
    {
        Ok(_) => Ok(true),
        Err(Error::UnknownExecution { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn find(handle: &Handle, child: &Child) -> Result<Option<ExecutionId>, Error> {
    match child {
        Child::Execution(id) => Ok(id.parse().ok()),
        Child::StateMachine(arn) => handle.find_machine_execution(arn).await,
        Child::Function { function, key } => {
            let agent = handle.agent_at(function).await?;
            let name = function_name(agent.as_deref().unwrap_or(function));
            handle.find(name, &execution_name(key)).await
        }
    }
}

/// The function's own name in its name or ARN, with or without a qualifier.
fn function_name(text: &str) -> &str {
    let behind = text.rsplit_once("function:").map(|(_, name)| name);
    let name = behind.unwrap_or(text);
    name.split_once(':').map_or(name, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_every_form() {
        for text in [
            "shop",
            "shop:live",
            "arn:aws:lambda:us-east-1:000000000000:function:shop",
            "arn:aws:lambda:us-east-1:000000000000:function:shop:7",
            "000000000000:function:shop:$LATEST",
            "function:shop",
        ] {
            assert_eq!(function_name(text), "shop", "{text}");
        }
    }

    #[test]
    fn children_are_written_as_they_were_first() {
        let body = Body {
            child: Child::Function {
                function: "shop".to_owned(),
                key: "a/1/0".to_owned(),
            },
            parent: "order".to_owned(),
            reason: None,
        };
        let text = serde_json::to_string(&body).unwrap();
        let wanted = r#"{"child":{"function":{"function":"shop","key":"a/1/0"}},"parent":"order","reason":null}"#;
        assert_eq!(text, wanted);
        for (text, child) in [
            (r#"{"execution":"x"}"#, Child::Execution("x".to_owned())),
            (
                r#"{"state_machine":"arn"}"#,
                Child::StateMachine("arn".to_owned()),
            ),
        ] {
            assert_eq!(serde_json::from_str::<Child>(text).unwrap(), child);
        }
    }
}
