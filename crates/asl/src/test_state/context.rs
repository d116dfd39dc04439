//! The context object of a test: made up, or given and checked.

use everstep_expr::json::{Map, Value};

use super::refusal::Refusal;
use super::request::Surroundings;
use crate::definition::{Kind, Pattern, ResourceKind};
use crate::machine::rfc3339;

/// What the service calls the state, whatever its name is.
const STATE_NAME: &str = "StateName";

#[derive(Clone, Copy)]
enum Type {
    Any,
    Text,
    Integer,
}

/// What a given context object may hold.
const FIELDS: [(&str, &[(&str, Type)]); 4] = [
    (
        "Execution",
        &[
            ("Id", Type::Text),
            ("Input", Type::Any),
            ("Name", Type::Text),
            ("RoleArn", Type::Text),
            ("StartTime", Type::Text),
            ("RedriveCount", Type::Integer),
            ("RedriveTime", Type::Text),
        ],
    ),
    (
        "State",
        &[
            ("EnteredTime", Type::Text),
            ("Name", Type::Text),
            ("RetryCount", Type::Integer),
        ],
    ),
    ("StateMachine", &[("Id", Type::Text), ("Name", Type::Text)]),
    ("Task", &[("Token", Type::Text)]),
];

/// The context object where none is given. Its role is null where no role is given.
pub(super) fn made_up(
    kind: &Kind,
    input: &Value,
    role_arn: Option<&str>,
    retries: u32,
    of: &Surroundings,
) -> Map {
    let name = |arn: &str| Value::from(arn.rsplit(':').next().unwrap_or_default());
    let time = Value::from(rfc3339(of.now));
    let execution: Map = [
        ("Id", Value::from(of.execution_arn.as_str())),
        ("Input", input.clone()),
        ("Name", name(&of.execution_arn)),
        ("RoleArn", role_arn.map_or(Value::Null, Value::from)),
        ("StartTime", time.clone()),
    ]
    .into_iter()
    .collect();
    let machine: Map = [
        ("Id", Value::from(of.state_machine_arn.as_str())),
        ("Name", name(&of.state_machine_arn)),
    ]
    .into_iter()
    .collect();
    let mut state: Map = [("Name", Value::from(STATE_NAME)), ("EnteredTime", time)]
        .into_iter()
        .collect();
    if matches!(kind, Kind::Task(_) | Kind::Map(_) | Kind::Parallel(_)) {
        state.insert("RetryCount", i64::from(retries).into());
    }
    [
        ("Execution", Value::from(execution)),
        ("StateMachine", machine.into()),
        ("State", state.into()),
    ]
    .into_iter()
    .collect()
}

/// A context object that was given.
///
/// # Errors
/// [`Refusal::Context`], with the first thing that is wrong.
pub(super) fn given(text: &str, kind: &Kind) -> Result<Map, Refusal> {
    let refuse = |reason: String| Refusal::Context { reason };
    let value = Value::parse(text).map_err(|error| refuse(error.to_string()))?;
    let Some(context) = value.as_object() else {
        return Err(refuse("Context object must be a JSON object".to_owned()));
    };
    for (name, part) in context.iter() {
        if &**name == "Map" {
            return Err(refuse(
                "'Map' field is not supported when mocking a Context object".to_owned(),
            ));
        }
        let known = FIELDS.iter().find(|(known, _)| *known == &**name);
        let Some((_, fields)) = known else {
            return Err(refuse(format!("Field '{name}' is not allowed")));
        };
        check(name, part, fields).map_err(refuse)?;
    }
    if context.contains_key("Task") && !waits(kind) {
        return Err(refuse(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern"
                .to_owned(),
        ));
    }
    Ok(context.clone())
}

fn check(name: &str, part: &Value, fields: &[(&str, Type)]) -> Result<(), String> {
    let Some(part) = part.as_object() else {
        return Err(format!("{name} must be an object"));
    };
    for (field, value) in part.iter() {
        let known = fields.iter().find(|(known, _)| *known == &**field);
        let Some((_, expected)) = known else {
            return Err(format!("Field '{field}' is not allowed"));
        };
        let missed = match expected {
            Type::Any => None,
            Type::Text => value.as_str().is_none().then_some("a string"),
            Type::Integer => value.as_i64().is_none().then_some("an integer"),
        };
        if let Some(missed) = missed {
            return Err(format!("{name}.{field} must be {missed}"));
        }
    }
    Ok(())
}

fn waits(kind: &Kind) -> bool {
    let Kind::Task(task) = kind else { return false };
    matches!(
        task.resource.kind,
        ResourceKind::Integration {
            pattern: Pattern::Sync | Pattern::SyncJson | Pattern::WaitForTaskToken,
            ..
        }
    )
}
