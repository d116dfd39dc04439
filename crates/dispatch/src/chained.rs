//! Plain functions that an execution invokes: one call, whose value or error settles the operation.

use everstep_core::{ExecutionId, Failure, Payload, Task};
use everstep_durable::{ErrorClass, Output};
use everstep_engine::{Handle, SettleWith};

/// Brings the answer home. Only the end of the engine can keep it, and then recovery repeats the call.
pub(crate) async fn settle(handle: &Handle, execution: ExecutionId, task: &Task, output: Output) {
    let settled = handle
        .settle_operation(execution, task.operation, task.generation, outcome(output))
        .await;
    if let Err(error) = settled {
        tracing::warn!(%execution, operation = %task.operation, %error, "the answer of an invoked function was not taken");
    }
}

fn outcome(output: Output) -> SettleWith {
    match output {
        Output::Succeeded {
            result: Some(Payload::Inline(bytes)),
        } if std::str::from_utf8(&bytes).is_err() => SettleWith::Failed(Failure {
            message: Some("CHAINED_INVOKE response could not be decoded as UTF-8.".to_owned()),
            ..Failure::default()
        }),
        Output::Succeeded {
            result: Some(Payload::Inline(bytes)),
        } => SettleWith::Succeeded(Some(bytes)),
        // What comes from a function lies in memory; and only durable functions wait.
        Output::Succeeded { .. } | Output::Pending => SettleWith::Succeeded(None),
        Output::Failed { error } => SettleWith::Failed(error.unwrap_or_default()),
        Output::Malformed { message } => {
            SettleWith::Failed(Failure::new("Runtime.Malformed", message))
        }
        Output::Error {
            failure,
            class: ErrorClass::Timeout,
        } => SettleWith::TimedOut(failure),
        Output::Error { failure, .. } => SettleWith::Failed(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_takes_too_long_has_timed_out_and_one_that_raises_has_failed() {
        let failure = Failure::new("Sandbox.Timedout", "Task timed out after 1.00 seconds");
        let error = |class| Output::Error {
            failure: failure.clone(),
            class,
        };
        assert_eq!(
            outcome(error(ErrorClass::Timeout)),
            SettleWith::TimedOut(failure.clone())
        );
        for class in [ErrorClass::Handler, ErrorClass::Runtime] {
            assert_eq!(outcome(error(class)), SettleWith::Failed(failure.clone()));
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_no_result() {
        let of = |bytes: &'static [u8]| {
            outcome(Output::Succeeded {
                result: Some(bytes::Bytes::from_static(bytes).into()),
            })
        };
        assert!(matches!(of(b"\"x\""), SettleWith::Succeeded(Some(_))));
        assert!(matches!(of(&[0xff]), SettleWith::Failed(_)));
    }
}
