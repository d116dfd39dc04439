//! What expressions look at beside the data of their state.

use everstep_expr::expression;
use everstep_expr::json::Value;
use everstep_expr::jsonata::{self, StatesField};

/// A place on the data's way through a state, named by the field that it lies behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    InputPath,
    Parameters,
    Arguments,
    ItemsPath,
    ResultSelector,
    ResultPath,
}

/// What expressions look at beside the data of their state.
pub trait Environment {
    /// The context object.
    fn context(&self) -> &Value;
    fn variable(&self, name: &str) -> Option<&Value>;
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;
    /// The next 64 random bits.
    fn chance(&mut self) -> u64;
    fn limits(&self) -> &jsonata::Limits;
    /// The data has come so far. Only who tests a state looks.
    fn passed(&mut self, _point: Point, _data: &Value) {}
}

/// Where paths and intrinsic functions look.
pub(crate) struct Paths<'a, 'e> {
    pub input: &'a Value,
    pub environment: &'e mut dyn Environment,
}

impl expression::Scope for Paths<'_, '_> {
    fn input(&self) -> &Value {
        self.input
    }

    fn context(&self) -> &Value {
        self.environment.context()
    }

    fn variable(&self, name: &str) -> Option<&Value> {
        self.environment.variable(name)
    }

    fn chance(&mut self) -> u64 {
        self.environment.chance()
    }
}

/// Where JSONata programs look.
pub(crate) struct Queries<'a, 'e> {
    pub input: &'a Value,
    pub result: Option<&'a Value>,
    pub error_output: Option<&'a Value>,
    pub environment: &'e mut dyn Environment,
}

impl jsonata::Scope for Queries<'_, '_> {
    fn states(&self, field: StatesField) -> Option<Value> {
        match field {
            StatesField::Input => Some(self.input.clone()),
            StatesField::Result => self.result.cloned(),
            StatesField::ErrorOutput => self.error_output.cloned(),
            StatesField::Context => Some(self.environment.context().clone()),
        }
    }

    fn variable(&self, name: &str) -> Option<Value> {
        self.environment.variable(name).cloned()
    }

    fn now_ms(&self) -> u64 {
        self.environment.now_ms()
    }

    fn chance(&mut self) -> u64 {
        self.environment.chance()
    }
}
