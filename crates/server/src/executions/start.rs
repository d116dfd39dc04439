//! Starting a function or a state machine: the same name and input is the same execution.

use std::collections::BTreeMap;

use everstep_engine::{StartMachine, StartMachineError};

use super::{Definition, Kind};
use crate::claims::Input;
use crate::errors::Code;
use crate::http::App;
use crate::rest::Problem;
use crate::start::{Running, Start as StartFunction, start as start_function};
use crate::{attributes, states, trace};

/// What a start says beside the definition.
pub(crate) struct Start<'a> {
    pub name: Option<String>,
    /// JSON.
    pub input: &'a Input,
    pub attributes: BTreeMap<String, String>,
}

/// # Errors
/// What the definition's kind does not allow, or a definition that is not there, or the engine's.
pub(crate) async fn start(
    app: &App,
    definition: &Definition,
    start: Start<'_>,
) -> Result<Running, Problem> {
    attributes::check(&start.attributes)
        .map_err(|detail| Problem::new(Code::InvalidParameter, detail))?;
    match definition.kind {
        Kind::Function => function(app, definition, start).await,
        Kind::StateMachine => state_machine(app, definition, start).await,
        Kind::Approval => Err(Problem::new(
            Code::InvalidParameter,
            "An approval is asked for with POST /approvals",
        )),
    }
}

async fn function(app: &App, function: &Definition, start: Start<'_>) -> Result<Running, Problem> {
    crate::rest::check_name(start.name.as_deref())?;
    let qualifier = function.qualifier.as_deref();
    let key = start.name.as_deref();
    let resolved = app.handle.route(&function.name, qualifier, key).await?;
    let limit = app.options.limits.invoke_bytes_max;
    let input = start.input.travels(app, limit, (&function.name, key));
    let input = input.await?;
    let started = start_function(
        app,
        &resolved,
        StartFunction {
            name: start.name,
            input,
            attributes: start.attributes,
            ..StartFunction::default()
        },
    );
    match started.await {
        Ok(running) => Ok(running),
        Err(error) => Err(crate::rest::not_begun(app, error).await),
    }
}

async fn state_machine(
    app: &App,
    machine: &Definition,
    start: Start<'_>,
) -> Result<Running, Problem> {
    let name = start.name.as_deref();
    if name.is_some_and(|name| !states::is_name(name)) {
        return Err(Problem::new(
            Code::InvalidParameter,
            "A name has 1 to 80 characters, without space, control characters and <>{}[]?*\"#%\\^|~`$&,;:/",
        ));
    }
    let refused = |error| refused(error, &machine.name);
    let handle = &app.handle;
    let resolved = handle.resolve_state_machine(&machine.name, machine.qualifier.as_deref(), name);
    let resolved = resolved.await.map_err(refused)?;
    let input = start
        .input
        .travels(app, states::INPUT_MAX, (&machine.name, name))
        .await?;
    let fresh = || uuid::Uuid::new_v4().to_string();
    let mut attributes = start.attributes;
    trace::inherit(&mut attributes);
    let begin = StartMachine {
        home: states::home(&app.options),
        name: start.name.unwrap_or_else(fresh),
        id: fresh(),
        input,
        sync: false,
        trace: trace::x_ray(),
        parent: None,
        attributes,
        // One that has ended is the one that was asked for, too.
        repeated: true,
    };
    let started = handle.start_state_machine(&resolved, begin).await;
    let started = started.map_err(refused)?;
    Ok(Running {
        id: started.id,
        arn: started.arn,
        existing: started.existing,
    })
}

fn refused(error: StartMachineError, name: &str) -> Problem {
    match error {
        StartMachineError::Unknown => Problem::new(
            Code::UnknownFunction,
            format!("There is no such state machine, version or alias: {name}"),
        ),
        StartMachineError::Deleting => Problem::new(
            Code::Conflict,
            format!("The state machine {name} is being deleted"),
        ),
        StartMachineError::NameTaken { arn, .. } => Problem::new(
            Code::Conflict,
            format!("The name is taken by {arn}, which was started with something else"),
        ),
        StartMachineError::Engine(error) => error.into(),
    }
}
