//! Lambda: a function by its ARN, whose result is the task's, and `lambda:invoke`, whose result is Lambda's answer.

mod answer;
mod output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use everstep_engine::catalogue::{FunctionName, NotAFunctionName};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Errand, Fault, Service, Wording, account, document, region};

pub(super) use answer::request_id;

use answer::Request;

const LAMBDA: Service = Service {
    prefix: "Lambda",
    name: "AWSLambda",
    wording: Wording::Coded,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Arguments<'a> {
    function_name: String,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    qualifier: Option<String>,
    #[serde(default)]
    invocation_type: InvocationType,
    client_context: Option<String>,
    log_type: Option<LogType>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
enum InvocationType {
    #[default]
    RequestResponse,
    Event,
    DryRun,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum LogType {
    None,
    Tail,
}

/// Invokes the function that is the task's resource; `None` when it could not be begun.
pub(super) async fn function(errand: &Errand<'_>) -> Result<Option<Bytes>, Fault> {
    let payload = Bytes::copy_from_slice(errand.call.arguments.as_bytes());
    let request = Request {
        function: name(errand, &errand.call.resource, None).await?,
        payload,
        client_context: None,
    };
    let answer = request.answer(errand).await?;
    match answer {
        Some(answer) => errand
            .travels(output::plain(answer.result)?)
            .await
            .map(Some),
        None => Ok(None),
    }
}

/// `lambda:invoke`; `None` when it could not be begun.
pub(super) async fn invoke(errand: &Errand<'_>) -> Result<Option<Bytes>, Fault> {
    let arguments: Arguments<'_> = errand.arguments()?;
    let qualifier = arguments.qualifier.as_deref();
    let request = Request {
        function: name(errand, &arguments.function_name, qualifier).await?,
        payload: document(arguments.payload),
        client_context: context(arguments.client_context.as_deref())?,
    };
    let now = errand.handle.clock().now();
    match arguments.invocation_type {
        InvocationType::RequestResponse => {
            let answer = request.answer(errand).await.map_err(output::reread)?;
            let Some(mut answer) = answer else {
                return Ok(None);
            };
            answer.result = errand.travels(answer.result).await?;
            let tail = arguments.log_type == Some(LogType::Tail);
            output::envelope(answer, tail, now).map(Some)
        }
        InvocationType::Event => {
            let begun = request.begin(errand).await?;
            begun.map(|id| output::accepted(202, id, now)).transpose()
        }
        InvocationType::DryRun => {
            request.resolve(errand).await?;
            output::accepted(204, request_id(&errand.key), now).map(Some)
        }
    }
}

async fn name(
    errand: &Errand<'_>,
    text: &str,
    qualifier: Option<&str>,
) -> Result<FunctionName, Fault> {
    let home = &errand.call.state_machine_arn;
    let agent = errand.handle.agent_at(text).await;
    let agent = agent.map_err(|error| answer::unavailable(&error))?;
    let parsed = FunctionName::parse(
        agent.as_deref().unwrap_or(text),
        region(home),
        account(home),
    )
    .and_then(|name| name.qualified_by(qualifier));
    parsed.map_err(|why| match why {
        NotAFunctionName::Elsewhere => LAMBDA.refused(
            404,
            "ResourceNotFoundException",
            &format!("Function not found: {text}"),
        ),
        NotAFunctionName::Malformed => LAMBDA.refused(
            400,
            "ValidationException",
            &format!("Value '{text}' at 'functionName' failed to satisfy constraint: {why}"),
        ),
        NotAFunctionName::Contradicted => LAMBDA.refused(
            400,
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        ),
    })
}

/// JSON text, handed over in Base64.
fn context(given: Option<&str>) -> Result<Option<String>, Fault> {
    let Some(given) = given else { return Ok(None) };
    let text = STANDARD.decode(given).ok();
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some).ok_or_else(|| {
        LAMBDA.refused(
            400,
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
        )
    })
}
