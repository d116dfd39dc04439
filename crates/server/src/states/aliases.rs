//! Aliases of state machines.

use std::collections::BTreeMap;

use axum::response::Response;
use everstep_engine::Error as EngineError;
use everstep_engine::catalogue::MachineAlias;
use serde::{Deserialize, Serialize};

use super::arn::{MachineName, qualified_arn};
use super::constraints::Constraints;
use super::errors::Error;
use super::page::{MachinePageIn, page};
use super::routing::{self, RouteWire};
use super::{Call, Seconds, answer, nothing};

const ALIASES_MAX: usize = 100;
const NAME_PATTERN: &str = r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateIn {
    description: Option<String>,
    name: Option<String>,
    routing_configuration: Option<Vec<RouteWire>>,
}

impl CreateIn {
    fn check(&self) -> Result<(), Error> {
        let fits = |name: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            name.chars().all(allowed) && name.chars().any(|c| !c.is_ascii_digit())
        };
        let name = self.name.as_ref();
        let mut constraints = Constraints::default();
        constraints
            .required("name", name)
            .text("name", name, 1, 80)
            .pattern("name", name, NAME_PATTERN, fits)
            .secret("description", self.description.as_ref(), 0, 256)
            .required("routingConfiguration", self.routing_configuration.as_ref());
        if let Some(routes) = &self.routing_configuration {
            RouteWire::check(routes, &mut constraints);
        }
        constraints.done()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alias {
    state_machine_alias_arn: String,
    creation_date: Seconds,
}

/// The same alias again is there already; another one of the name is refused.
pub(super) async fn create(call: &Call<'_>) -> Result<Response, Error> {
    let request: CreateIn = call.input()?;
    request.check()?;
    let given = request.routing_configuration.as_deref().unwrap_or_default();
    let (machine, routes) = routing::read(given, call.options())?;
    let name = request.name.clone().unwrap_or_default();
    let now_ms = call.now_ms();
    let alias = MachineAlias {
        description: request.description.clone(),
        routes,
        created_ms: now_ms,
        updated_ms: now_ms,
    };
    if !machine.ours {
        return Err(Error::NoReference);
    }
    let made = call
        .handle()
        .change_state_machine(&machine.name, |record| {
            if record.deleting {
                return Err(Error::StateMachineDeleting(machine.arn.clone()));
            }
            if let Some(before) = record.aliases.get(&name) {
                if before.routes == alias.routes && before.description == alias.description {
                    return Ok(before.created_ms);
                }
                return Err(Error::Conflict(
                    "Failed to create alias because an alias with the same name and a different routing configuration already exists."
                        .to_owned(),
                ));
            }
            if !routing::exist(&alias.routes, record) {
                return Err(Error::NoReference);
            }
            if record.aliases.len() >= ALIASES_MAX {
                return Err(Error::Quota {
                    what: "Aliases of a state machine",
                    max: ALIASES_MAX,
                });
            }
            record.aliases.insert(name.clone(), alias.clone());
            Ok(now_ms)
        })
        .await;
    let (record, created_ms) = made.map_err(unknown)?;
    Ok(answer(&Alias {
        state_machine_alias_arn: qualified_arn(call.options(), &record.name, &name),
        creation_date: Seconds(created_ms),
    }))
}

fn unknown(error: Error) -> Error {
    match error {
        Error::Engine(EngineError::UnknownEntry { .. }) => Error::NoReference,
        other => other,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AliasIn {
    state_machine_alias_arn: Option<String>,
    description: Option<String>,
    routing_configuration: Option<Vec<RouteWire>>,
}

impl AliasIn {
    /// The machine and the alias that are named.
    fn names(&self, call: &Call<'_>) -> Result<(MachineName, String), Error> {
        let arn = self.state_machine_alias_arn.as_ref();
        let mut constraints = Constraints::default();
        constraints
            .required("stateMachineAliasArn", arn)
            .text("stateMachineAliasArn", arn, 1, 256)
            .secret("description", self.description.as_ref(), 0, 256);
        if let Some(routes) = &self.routing_configuration {
            RouteWire::check(routes, &mut constraints);
        }
        constraints.done()?;
        let machine = MachineName::parse(arn.map_or("", String::as_str), call.options())?;
        match machine.qualifier.clone() {
            Some(alias) if alias.parse::<u32>().is_err() => Ok((machine, alias)),
            _ => Err(Error::validation(format!(
                "This is not the ARN of an alias: '{}'",
                machine.arn
            ))),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    state_machine_alias_arn: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    routing_configuration: Vec<RouteWire>,
    creation_date: Seconds,
    update_date: Seconds,
}

pub(super) async fn describe(call: &Call<'_>) -> Result<Response, Error> {
    let request: AliasIn = call.input()?;
    let (machine, name) = request.names(call)?;
    if !machine.ours {
        return Err(Error::NoReference);
    }
    let record = call.handle().state_machine(&machine.name).await;
    let record = record.map_err(|error| unknown(error.into()))?;
    let alias = record.aliases.get(&name).ok_or(Error::NoReference)?;
    Ok(answer(&Described {
        state_machine_alias_arn: machine.arn,
        description: alias.description.clone(),
        routing_configuration: RouteWire::of(call.options(), &record.name, alias),
        creation_date: Seconds(alias.created_ms),
        update_date: Seconds(alias.updated_ms),
        name,
    }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Updated {
    update_date: Seconds,
}

pub(super) async fn update(call: &Call<'_>) -> Result<Response, Error> {
    let request: AliasIn = call.input()?;
    let (machine, name) = request.names(call)?;
    let given = request.routing_configuration.as_deref();
    if given.is_none() && request.description.is_none() {
        return Err(Error::because(
            super::errors::Reason::MissingParameter,
            "Either the description or the routing configuration must be specified",
        ));
    }
    let routes = match given {
        None => None,
        Some(given) => {
            let (of, routes) = routing::read(given, call.options())?;
            if (&of.name, of.ours) != (&machine.name, machine.ours) {
                return Err(Error::NoReference);
            }
            Some(routes)
        }
    };
    if !machine.ours {
        return Err(Error::NoReference);
    }
    let now_ms = call.now_ms();
    let updated = call
        .handle()
        .change_state_machine(&machine.name, |record| {
            if record.deleting {
                return Err(Error::StateMachineDeleting(machine.arn.clone()));
            }
            if let Some(routes) = &routes
                && !routing::exist(routes, record)
            {
                return Err(Error::NoReference);
            }
            let alias = record.aliases.get_mut(&name).ok_or(Error::NoReference)?;
            if let Some(routes) = &routes {
                alias.routes.clone_from(routes);
            }
            if let Some(description) = &request.description {
                alias.description = Some(description.clone());
            }
            alias.updated_ms = now_ms;
            Ok(())
        })
        .await;
    updated.map_err(unknown)?;
    Ok(answer(&Updated {
        update_date: Seconds(now_ms),
    }))
}

/// An alias that is not there is deleted already.
pub(super) async fn delete(call: &Call<'_>) -> Result<Response, Error> {
    let request: AliasIn = call.input()?;
    let (machine, name) = request.names(call)?;
    if !machine.ours {
        return Ok(nothing());
    }
    let deleted = call
        .handle()
        .change_state_machine(&machine.name, |record| {
            record.aliases.remove(&name);
            Ok::<_, EngineError>(())
        })
        .await;
    match deleted {
        Ok(_) | Err(EngineError::UnknownEntry { .. }) => Ok(nothing()),
        Err(error) => Err(error.into()),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    state_machine_aliases: Vec<Alias>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// Of a machine; with a version, those that lead to it.
pub(super) async fn list(call: &Call<'_>) -> Result<Response, Error> {
    let request: MachinePageIn = call.input()?;
    let machine = MachineName::parse(request.arn()?, call.options())?;
    let record = call.machine(&machine).await?;
    let version = match &machine.qualifier {
        None => None,
        Some(qualifier) => {
            let number = qualifier.parse().ok();
            let number = number.filter(|number| record.versions.contains_key(number));
            Some(number.ok_or(Error::NoReference)?)
        }
    };
    let leads = |alias: &MachineAlias| {
        let mut routes = alias.routes.iter();
        version.is_none_or(|version| routes.any(|route| route.version == version))
    };
    let mut entries = BTreeMap::new();
    for (name, alias) in record.aliases.iter().filter(|(_, alias)| leads(alias)) {
        let shown = Alias {
            state_machine_alias_arn: qualified_arn(call.options(), &record.name, name),
            creation_date: Seconds(alias.created_ms),
        };
        entries.insert(name.clone().into_bytes(), shown);
    }
    let list = format!("aliases {}", machine.arn);
    let (state_machine_aliases, next_token) = page(call, &list, &request.page, entries)?;
    Ok(answer(&Listed {
        state_machine_aliases,
        next_token,
    }))
}
