//! Where what a definition says of its executions is kept.

use everstep_logs::{function_group, group_name};

use super::{Definition, Kind};
use crate::http::App;
use crate::rest::Problem;

/// The log group of a function, or the one that a state machine logs to; `None` when it logs nothing. What does not exist has no log,
/// whatever file lies there.
pub(crate) async fn log_group(
    app: &App,
    definition: &Definition,
) -> Result<Option<String>, Problem> {
    let name = &definition.name;
    match definition.kind {
        Kind::Function => {
            app.handle.function(name).await?;
            Ok(Some(function_group(name)))
        }
        Kind::Approval => Ok(None),
        Kind::StateMachine => {
            let record = app.handle.state_machine(name).await?;
            let latest = app.handle.machine_revision(name, &record.latest).await?;
            let groups = latest.logging.destinations.unwrap_or_default();
            Ok(groups.first().map(|arn| group_name(arn).to_owned()))
        }
    }
}
