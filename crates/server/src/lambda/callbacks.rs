//! The three calls that answer a callback.

use axum::response::Response;
use everstep_core::Settlement;
use everstep_core::token::Purpose;
use everstep_engine::{SettleWith, Source, Via};

use super::errors::{Error, Exception};
use super::render::ErrorObject;
use super::route::Name;
use super::{Call, reply};
use crate::errors::Code;

/// The body is the result, as it is; none is no result.
pub(super) async fn succeed(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    // It is shown as text from here on.
    if std::str::from_utf8(&call.body).is_err() {
        return Err(Error::invalid("The result is not UTF-8"));
    }
    let result = (!call.body.is_empty()).then(|| call.body.clone());
    settle(name, call, SettleWith::Succeeded(result)).await
}

/// The body is the error object.
pub(super) async fn fail(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let limit = call.app.options.limits.callback_bytes_max;
    if call.body.len() > limit {
        return Err(Error::new(
            Exception::RequestTooLarge,
            format!("Request must be smaller than {limit} bytes"),
        ));
    }
    let error: ErrorObject = call.json()?;
    settle(name, call, SettleWith::Failed(error.into())).await
}

pub(super) async fn heartbeat(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let (handle, source) = (&call.app.handle, source(call));
    answer(
        handle
            .heartbeat_from(Purpose::Callback, &name.first, source)
            .await,
    )
}

async fn settle(name: &Name, call: &Call<'_>, outcome: SettleWith) -> Result<Response, Error> {
    let (handle, source) = (&call.app.handle, source(call));
    answer(
        handle
            .settle_from(Purpose::Callback, &name.first, outcome, source)
            .await,
    )
}

fn source(call: &Call<'_>) -> Source {
    call.caller.source(Via::Lambda, call.peer, call.body.len())
}

fn answer(settled: Result<Settlement, everstep_engine::Error>) -> Result<Response, Error> {
    let closed = |message: &'static str| Err(Error::new(Exception::CallbackTimeout, message));
    match settled {
        Ok(Settlement::Applied | Settlement::Duplicate) => Ok(reply::nothing()),
        Ok(Settlement::TimedOut) => closed("Callback timed out"),
        Ok(Settlement::Conflict) => closed("Callback has already been completed"),
        Ok(Settlement::Closed | Settlement::Superseded) => {
            closed("Callback is not waited for any more")
        }
        // A wrong id and an unknown one look alike.
        Ok(Settlement::Unknown)
        | Err(
            everstep_engine::Error::InvalidToken | everstep_engine::Error::UnknownExecution { .. },
        ) => Err(Error::coded(
            Exception::ResourceNotFound,
            Code::InvalidToken,
            "Callback not found",
        )),
        Err(error) => Err(error.into()),
    }
}
