//! States.

use std::sync::Arc;

use everstep_core::Timestamp;
use everstep_expr::json::Value;

use super::{
    Catcher, Choice, Flow, Machine, Map, Payload, QueryLanguage, Resource, Retrier, Setting,
    StateId,
};

/// One state.
#[derive(Debug)]
pub struct State {
    /// Its name, unique in the definition.
    pub name: Arc<str>,
    /// What its author wrote about it.
    pub comment: Option<Arc<str>>,
    /// The language of its expressions.
    pub query_language: QueryLanguage,
    /// What it does.
    pub kind: Kind,
}

/// What a state does.
#[derive(Debug)]
pub enum Kind {
    /// Has work done outside.
    Task(Box<Task>),
    /// Passes its input on, changed or not.
    Pass(Box<Pass>),
    /// Goes one way or another.
    Choice(Box<Choice>),
    /// Waits.
    Wait(Box<Wait>),
    /// Runs branches side by side.
    Parallel(Box<Parallel>),
    /// Does the same with every item of a list.
    Map(Box<Map>),
    /// Ends its machine well.
    Succeed(Box<Succeed>),
    /// Ends the execution badly.
    Fail(Box<Fail>),
}

impl Kind {
    /// The name in a definition and in history events: `Task`, `Pass`, ...
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Kind::Task(_) => "Task",
            Kind::Pass(_) => "Pass",
            Kind::Choice(_) => "Choice",
            Kind::Wait(_) => "Wait",
            Kind::Parallel(_) => "Parallel",
            Kind::Map(_) => "Map",
            Kind::Succeed(_) => "Succeed",
            Kind::Fail(_) => "Fail",
        }
    }

    /// What it does about errors: its retriers and its catchers.
    #[must_use]
    pub fn handlers(&self) -> (&[Retrier], &[Catcher]) {
        match self {
            Kind::Task(task) => (&task.retry, &task.catch),
            Kind::Map(map) => (&map.retry, &map.catch),
            Kind::Parallel(parallel) => (&parallel.retry, &parallel.catch),
            Kind::Pass(_) | Kind::Choice(_) | Kind::Wait(_) | Kind::Succeed(_) | Kind::Fail(_) => {
                (&[], &[])
            }
        }
    }
}

/// Where a state leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// To another state of its machine.
    State(StateId),
    /// To the end of its machine.
    End,
}

/// A Task state.
#[derive(Debug)]
pub struct Task {
    /// What does the work.
    pub resource: Resource,
    /// How data passes through. `parameters` and `arguments` are what the resource gets.
    pub flow: Flow,
    /// The role under which the resource is called: an object with `RoleArn`.
    pub credentials: Option<Payload>,
    /// How long one attempt may take.
    pub timeout_seconds: Option<Setting<u64>>,
    /// How long the worker may be silent.
    pub heartbeat_seconds: Option<Setting<u64>>,
    /// What is tried again.
    pub retry: Vec<Retrier>,
    /// What is caught.
    pub catch: Vec<Catcher>,
    /// Where it leads.
    pub next: Next,
}

/// A Pass state.
#[derive(Debug)]
pub struct Pass {
    /// How data passes through. `parameters` make the result where `result` is absent.
    pub flow: Flow,
    /// The result, taken as it is. JSONPath only.
    pub result: Option<Value>,
    /// Where it leads.
    pub next: Next,
}

/// A Wait state.
#[derive(Debug)]
pub struct Wait {
    /// Until when.
    pub until: Until,
    /// How data passes through.
    pub flow: Flow,
    /// Where it leads.
    pub next: Next,
}

/// When a Wait state goes on.
#[derive(Debug)]
pub enum Until {
    /// So many seconds after it was entered.
    Seconds(Setting<u64>),
    /// At that time.
    Timestamp(Setting<Timestamp>),
}

/// A Parallel state.
#[derive(Debug)]
pub struct Parallel {
    /// What runs side by side. Never empty.
    pub branches: Vec<Machine>,
    /// How data passes through. `parameters` and `arguments` are what each branch gets.
    pub flow: Flow,
    /// What is tried again: all branches.
    pub retry: Vec<Retrier>,
    /// What is caught.
    pub catch: Vec<Catcher>,
    /// Where it leads.
    pub next: Next,
}

/// A Succeed state.
#[derive(Debug)]
pub struct Succeed {
    /// How data passes through.
    pub flow: Flow,
}

/// A Fail state.
#[derive(Debug)]
pub struct Fail {
    /// The error's name.
    pub error: Option<Setting<Arc<str>>>,
    /// The error's text.
    pub cause: Option<Setting<Arc<str>>>,
}
