//! What a test's mock says, and whether the state can have it.

use everstep_expr::json::Value;

use super::refusal::Refusal;
use super::request::{FieldValidation, Mock, Request};
use super::shape::Answer;
use crate::definition::{Kind, Pattern, ResourceKind};
use crate::machine::ErrorOutput;

/// What the state's work is taken to give.
#[derive(Clone, Debug)]
pub(super) enum Mocked {
    Result(Value),
    Error(ErrorOutput),
}

/// Whether the request fits together, and what its mock says.
///
/// # Errors
/// The first thing that the service complains of.
pub(super) fn read(request: &Request<'_>, kind: &Kind) -> Result<Option<Mocked>, Refusal> {
    let Some(mock) = &request.mock else {
        return needless(request, kind).map(|()| None);
    };
    let can_be_mocked = matches!(kind, Kind::Task(_) | Kind::Map(_) | Kind::Parallel(_));
    if !can_be_mocked {
        let kind = kind.as_str();
        return Err(Refusal::MockOfKind { kind });
    }
    if request.reveal_secrets {
        return Err(Refusal::SecretsWithMock);
    }
    let mocked = match (mock.result, &mock.error_output) {
        (Some(_), Some(_)) => return Err(Refusal::TwoMocks),
        (None, None) => return Err(Refusal::EmptyMock),
        (None, Some(error)) => Mocked::Error(error.clone()),
        (Some(text), None) => Mocked::Result(result(text, mock, kind)?),
    };
    Ok(Some(mocked))
}

/// Whether a request without a mock goes without one.
fn needless(request: &Request<'_>, kind: &Kind) -> Result<(), Refusal> {
    let configuration = &request.configuration;
    let fields = [
        (
            configuration.map_iteration_failure_count.is_some(),
            "MapIterationFailureCount",
        ),
        (
            configuration.retrier_retry_count.is_some(),
            "RetrierRetryCount",
        ),
        (
            configuration.error_caused_by_state.is_some(),
            "ErrorCausedByState",
        ),
        (
            configuration.map_item_reader_data.is_some(),
            "MapItemReaderData",
        ),
        (request.context.is_some(), "Context"),
    ];
    if let Some((_, field)) = fields.into_iter().find(|(is_there, _)| *is_there) {
        return Err(Refusal::OnlyWithMock { field });
    }
    match kind {
        Kind::Map(_) | Kind::Parallel(_) => Err(Refusal::NeedsMock),
        Kind::Task(_) if request.role_arn.is_none() => Err(Refusal::NoRole),
        Kind::Task(task) => match &task.resource.kind {
            ResourceKind::Activity
            | ResourceKind::Integration {
                pattern: Pattern::Sync | Pattern::SyncJson | Pattern::WaitForTaskToken,
                ..
            } => Err(Refusal::ResourceNeedsMock {
                resource: task.resource.arn.to_string(),
            }),
            ResourceKind::Integration { .. } | ResourceKind::Function | ResourceKind::Other => {
                Ok(())
            }
        },
        Kind::Pass(_) | Kind::Choice(_) | Kind::Wait(_) | Kind::Succeed(_) | Kind::Fail(_) => {
            Ok(())
        }
    }
}

fn result(text: &str, mock: &Mock<'_>, kind: &Kind) -> Result<Value, Refusal> {
    let value = Value::parse(text).map_err(|_| Refusal::MockNotJson)?;
    match kind {
        Kind::Map(map) if map.result_writer.is_some() => {
            value.as_object().ok_or(Refusal::MockNotObject)?;
        }
        Kind::Map(_) => {
            value.as_array().ok_or(Refusal::MockNotArray)?;
        }
        Kind::Parallel(parallel) => {
            let results = value.as_array().ok_or(Refusal::MockNotArray)?;
            if results.len() != parallel.branches.len() {
                return Err(Refusal::MockOfBranches);
            }
        }
        Kind::Task(task) => fits(&task.resource.kind, &value, mock.validation)?,
        Kind::Pass(_) | Kind::Choice(_) | Kind::Wait(_) | Kind::Succeed(_) | Kind::Fail(_) => {}
    }
    Ok(value)
}

/// Whether a service would answer so. What ends a job or comes with a token is not the service's answer.
fn fits(resource: &ResourceKind, value: &Value, how: FieldValidation) -> Result<(), Refusal> {
    let ResourceKind::Integration {
        service,
        action,
        pattern: Pattern::RequestResponse,
    } = resource
    else {
        return Ok(());
    };
    match Answer::of(service, action) {
        Some(_) if how != FieldValidation::None && value.as_object().is_none() => {
            Err(Refusal::MockNotObject)
        }
        Some(answer) => answer
            .check(value, how)
            .map_err(|reason| Refusal::MockShape { reason }),
        None => Ok(()),
    }
}
