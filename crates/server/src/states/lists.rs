//! ListExecutions: the executions of a machine, a version or an alias, the newest first.

use axum::response::Response;
use bytes::Bytes;
use everstep_core::Status;
use everstep_engine::catalogue::{StateMachineKind, StateMachineRecord, machine_definition};
use everstep_engine::{
    ALIAS_ATTRIBUTE, Cursor, Error as EngineError, ListFilter, VERSION_ATTRIBUTE,
};
use serde::{Deserialize, Serialize};

use super::arn::{Arn, MachineName, Resource};
use super::constraints::Constraints;
use super::errors::Error;
use super::executions::Summary;
use super::page::{self, PageIn};
use super::{Call, answer};

const TOKEN_MAX: usize = 3096;
/// In the order in which the service tells them.
const STATUSES: [&str; 6] = [
    "SUCCEEDED",
    "TIMED_OUT",
    "PENDING_REDRIVE",
    "ABORTED",
    "FAILED",
    "RUNNING",
];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListIn {
    state_machine_arn: Option<String>,
    map_run_arn: Option<String>,
    status_filter: Option<String>,
    redrive_filter: Option<String>,
    #[serde(flatten)]
    page: PageIn,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    executions: Vec<Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn executions(call: &Call<'_>) -> Result<Response, Error> {
    let request: ListIn = call.input()?;
    let arn = request.state_machine_arn.as_ref();
    let mut constraints = Constraints::default();
    constraints
        .text("stateMachineArn", arn, 1, 256)
        .text("mapRunArn", request.map_run_arn.as_ref(), 1, 2000)
        .word("statusFilter", request.status_filter.as_ref(), &STATUSES)
        .word(
            "redriveFilter",
            request.redrive_filter.as_ref(),
            &["REDRIVEN", "NOT_REDRIVEN"],
        );
    request.page.check_up_to(&mut constraints, TOKEN_MAX);
    constraints.done()?;
    let arn = match (arn, &request.map_run_arn) {
        (Some(arn), None) => arn,
        (None, Some(run)) => return Err(of_map_run(run)),
        _ => {
            return Err(Error::validation(
                "Exactly one of stateMachineArn and mapRunArn must be specified",
            ));
        }
    };
    if request.redrive_filter.is_some() {
        return Err(Error::validation(
            "redriveFilter can only be specified with mapRunArn",
        ));
    }
    let name = MachineName::parse(arn, call.options())?;
    let record = call.machine(&name).await?;
    if record.kind == StateMachineKind::Express {
        return Err(Error::TypeNotSupported);
    }
    // Children of map runs alone wait to be redriven.
    if request.status_filter.as_deref() == Some("PENDING_REDRIVE") {
        return Ok(answer(&Listed {
            executions: Vec::new(),
            next_token: None,
        }));
    }
    let filter = ListFilter {
        definition: Some(machine_definition(&record.name)),
        statuses: statuses(request.status_filter.as_deref()),
        attributes: qualified(&name, &record)?,
        ..ListFilter::default()
    };
    rows(call, arn, &request, filter).await
}

/// There are no executions of their own in map runs here.
fn of_map_run(arn: &str) -> Error {
    match Arn::parse(arn) {
        Ok(parsed) if matches!(parsed.resource, Resource::MapRun { .. }) => {
            Error::NoResource(arn.to_owned())
        }
        Ok(parsed) => parsed.not_here(),
        Err(error) => error,
    }
}

/// What executions have that were started with this version or alias.
fn qualified(
    name: &MachineName,
    record: &StateMachineRecord,
) -> Result<Vec<(String, String)>, Error> {
    let Some(qualifier) = &name.qualifier else {
        return Ok(Vec::new());
    };
    let number = qualifier.parse::<u32>().ok();
    let attribute = if record.aliases.contains_key(qualifier) {
        ALIAS_ATTRIBUTE
    } else if number.is_some_and(|number| record.versions.contains_key(&number)) {
        VERSION_ATTRIBUTE
    } else {
        return Err(Error::NoReference);
    };
    Ok(vec![(attribute.to_owned(), qualifier.clone())])
}

fn statuses(filter: Option<&str>) -> Vec<Status> {
    match filter {
        Some("RUNNING") => vec![Status::Running, Status::Pausing, Status::Paused],
        Some("SUCCEEDED") => vec![Status::Succeeded],
        Some("FAILED") => vec![Status::Failed, Status::Quarantined],
        Some("TIMED_OUT") => vec![Status::TimedOut],
        Some("ABORTED") => vec![Status::Stopped, Status::Cancelled],
        _ => Vec::new(),
    }
}

async fn rows(
    call: &Call<'_>,
    arn: &str,
    request: &ListIn,
    filter: ListFilter,
) -> Result<Response, Error> {
    let list = format!(
        "executions {arn} {}",
        request.status_filter.as_deref().unwrap_or_default()
    );
    let place = request.page.place(call, &list)?;
    let mut cursor = place.map(|place| Cursor(Bytes::from(place)));
    let limit = request.page.limit();
    let mut executions = Vec::new();
    // A page of the store may end early: the service's does not.
    loop {
        let wanted = limit - executions.len();
        let page = call.handle().list(filter.clone(), cursor, wanted).await;
        let page = page.map_err(|error| match error {
            EngineError::Store {
                kind: everstep_core::Kind::Invalid,
                ..
            } => Error::InvalidToken,
            other => other.into(),
        })?;
        let shown = page
            .rows
            .iter()
            .filter(|row| row.status != Status::Deleting);
        executions.extend(shown.map(|row| Summary::of(call.options(), row)));
        cursor = page.next;
        if cursor.is_none() || executions.len() >= limit {
            break;
        }
    }
    let next_token = cursor.and_then(|cursor| page::token(call, &list, &cursor.0));
    Ok(answer(&Listed {
        executions,
        next_token,
    }))
}
