//! Choice states.

use everstep_expr::jsonata;
use everstep_expr::template::Template;

use super::{Flow, StateId};
use crate::choice::Condition;

/// A Choice state.
#[derive(Debug)]
pub struct Choice {
    /// The ways that have a condition. The first whose condition holds is taken.
    pub rules: ChoiceRules,
    /// The way that is taken where no condition holds.
    pub default: Option<StateId>,
    /// How data passes through. `assign` and `output` belong to the default way; `input_path` and `output_path` to all.
    pub flow: Flow,
}

/// Rules in the language of their state.
#[derive(Debug)]
pub enum ChoiceRules {
    /// Comparisons.
    JsonPath(Vec<JsonPathRule>),
    /// Programs.
    Jsonata(Vec<JsonataRule>),
}

/// A rule of a JSONPath state.
#[derive(Debug)]
pub struct JsonPathRule {
    /// When it is taken.
    pub condition: Condition,
    /// Where it leads.
    pub next: StateId,
    /// The variables that are set when it is taken.
    pub assign: Option<Template>,
}

/// A rule of a JSONata state.
#[derive(Debug)]
pub struct JsonataRule {
    /// When it is taken.
    pub condition: JsonataCondition,
    /// Where it leads.
    pub next: StateId,
    /// The variables that are set when it is taken.
    pub assign: Option<jsonata::Template>,
    /// The state's output when it is taken. Absent: the state's input.
    pub output: Option<jsonata::Template>,
}

/// What decides over a rule of a JSONata state.
#[derive(Debug)]
pub enum JsonataCondition {
    /// Always or never.
    Fixed(bool),
    /// What the program says. It must give a boolean.
    Program(jsonata::Program),
}
