//! What the name of a chained invoke means: looked up when its START arrives, as AWS does.

use everstep_core::Failure;
use everstep_durable::InvokeTarget;

use super::arn::{function_name, named_arn};
use super::errors::Error;
use crate::http::App;
use crate::start;

const NAME_MAX: usize = 256;

pub(super) async fn target(app: &App, name: &str) -> Result<InvokeTarget, Error> {
    let invalid = |message: &str| Ok(InvokeTarget::Invalid(message.to_owned()));
    let agent = app.handle.agent_at(name).await?;
    let name = agent.as_deref().unwrap_or(name);
    let not_a_name = || InvokeTarget::Invalid(format!("Invalid function ARN '{name}'"));
    if name.len() > NAME_MAX {
        return Ok(not_a_name());
    }
    let (region, account) = place(name);
    if account.is_some_and(|account| account != app.options.account) {
        return invalid("Cannot start a CHAINED_INVOKE on a function in another account.");
    }
    if region.is_some_and(|region| region != app.options.region) {
        return invalid("Cannot start a CHAINED_INVOKE on a function in another region.");
    }
    let Ok(function) = function_name(name, &app.options) else {
        return Ok(not_a_name());
    };
    let qualifier = function.qualifier.as_deref();
    let missing =
        |kind: &str, message: String| Ok(InvokeTarget::Missing(Failure::new(kind, message)));
    let resolved = match app.handle.route(&function.name, qualifier, None).await {
        Ok(resolved) => resolved,
        Err(everstep_engine::Error::UnknownEntry { .. }) => {
            let arn = named_arn(&app.options, &function.name, qualifier);
            return missing(
                "ResourceNotFoundException",
                format!("Function not found: {arn}"),
            );
        }
        Err(error) => return Err(error.into()),
    };
    if resolved.revision.config.durable.is_some() && qualifier.is_none() {
        return missing(
            "InvalidParameterValueException",
            "You cannot invoke a durable function using an unqualified ARN.".to_owned(),
        );
    }
    // Who invokes it hears of its end; its asynchronous calls' destinations do not.
    let settings = everstep_durable::Settings {
        end: None,
        ..start::settings(app, &resolved, None, None)
    };
    Ok(InvokeTarget::Function(Box::new(settings)))
}

/// Region and account, where the name says them.
fn place(name: &str) -> (Option<&str>, Option<&str>) {
    let parts: Vec<&str> = name.split(':').collect();
    match parts[..] {
        ["arn", _, "lambda", region, account, ..] => (Some(region), Some(account)),
        [account, "function", ..]
            if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) =>
        {
            (None, Some(account))
        }
        _ => (None, None),
    }
}
