//! An alias's routing configuration: which versions it leads to, and with which shares.

use std::fmt::Write as _;

use everstep_engine::catalogue::{MachineAlias, MachineRoute, StateMachineRecord};
use serde::{Deserialize, Serialize};

use super::arn::{MachineName, qualified_arn};
use super::constraints::Constraints;
use super::errors::{Error, Reason};
use crate::options::Options;

const ROUTES_MAX: usize = 2;

/// AWS's RoutingConfigurationListItem.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RouteWire {
    state_machine_version_arn: Option<String>,
    weight: Option<i64>,
}

impl RouteWire {
    fn arn(&self) -> &str {
        self.state_machine_version_arn
            .as_deref()
            .unwrap_or_default()
    }

    pub(super) fn check(routes: &[Self], constraints: &mut Constraints) {
        constraints.list(
            "routingConfiguration",
            routes.len(),
            (1, ROUTES_MAX),
            || shown(routes),
        );
        for (at, route) in routes.iter().enumerate() {
            let member = format!("routingConfiguration.{}.member", at + 1);
            let (arn, weight) = (
                format!("{member}.stateMachineVersionArn"),
                format!("{member}.weight"),
            );
            constraints
                .required(&arn, route.state_machine_version_arn.as_ref())
                .text(&arn, route.state_machine_version_arn.as_ref(), 1, 256)
                .required(&weight, route.weight.as_ref())
                .number(&weight, route.weight, 0, 100);
        }
    }

    pub(super) fn of(options: &Options, machine: &str, alias: &MachineAlias) -> Vec<Self> {
        let route = |route: &MachineRoute| Self {
            state_machine_version_arn: Some(qualified_arn(options, machine, route.version)),
            weight: Some(i64::from(route.weight)),
        };
        alias.routes.iter().map(route).collect()
    }
}

/// The machine that routes are about, and the routes.
///
/// # Errors
/// [`Error::InvalidArn`] or [`Error::Validation`].
pub(super) fn read(
    routes: &[RouteWire],
    options: &Options,
) -> Result<(MachineName, Vec<MachineRoute>), Error> {
    let arns: Vec<&str> = routes.iter().map(RouteWire::arn).collect();
    let refused = |what: &str| {
        Error::because(
            Reason::Routing,
            format!("{what}. Received: [{}]", arns.join(", ")),
        )
    };
    let mut read = Vec::new();
    let mut machines = Vec::new();
    for route in routes {
        let machine = MachineName::parse(route.arn(), options)?;
        let qualifier = machine.qualifier.as_deref();
        let version = qualifier.and_then(|qualifier| qualifier.parse().ok());
        let version = version.ok_or_else(|| {
            refused("Routing configuration must contain state machine version ARNs")
        })?;
        let weight = route.weight.and_then(|weight| u8::try_from(weight).ok());
        read.push(MachineRoute {
            version,
            weight: weight.unwrap_or_default(),
        });
        machines.push(machine);
    }
    let mut distinct = arns.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < arns.len() {
        return Err(refused(
            "Routing configuration must contain distinct state machine version ARNs",
        ));
    }
    let weights: Vec<u32> = read.iter().map(|route| u32::from(route.weight)).collect();
    if weights.iter().sum::<u32>() != 100 {
        return Err(Error::because(
            Reason::Routing,
            format!("Sum of routing configuration weights must equal 100. Received: {weights:?}"),
        ));
    }
    let same = |one: &MachineName, two: &MachineName| one.name == two.name && one.ours == two.ours;
    let first = machines.first().cloned();
    let first = first.filter(|first| machines.iter().all(|machine| same(machine, first)));
    let machine = first.ok_or_else(|| {
        refused("Routing configuration must contain versions of one state machine")
    })?;
    Ok((machine, read))
}

/// Whether every version is there.
pub(super) fn exist(routes: &[MachineRoute], record: &StateMachineRecord) -> bool {
    let mut routes = routes.iter();
    routes.all(|route| record.versions.contains_key(&route.version))
}

/// As the service writes a list of routes that breaks a bound.
fn shown(routes: &[RouteWire]) -> String {
    let mut text = String::from("[");
    for (at, route) in routes.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        let weight = route
            .weight
            .map_or("null".to_owned(), |weight| weight.to_string());
        let _ = write!(
            text,
            "{comma}RoutingConfigurationListItem(stateMachineVersionArn={}, weight={weight})",
            route.arn()
        );
    }
    text.push(']');
    text
}
