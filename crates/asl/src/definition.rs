//! The parsed definition of a state machine: immutable, shared by all its executions, made for running.
//!
//! All states of all machines, however deep, are in one list, so that a [`StateId`] alone names a state of a definition. Transitions
//! are ids. Paths, expressions, templates and programs are parsed.

mod choice;
mod distributed;
mod fault;
mod flow;
mod map;
mod resource;
mod state;

pub use choice::{Choice, ChoiceRules, JsonPathRule, JsonataCondition, JsonataRule};
pub use distributed::{
    BatchLimit, CsvDelimiter, CsvHeaders, InputType, ItemBatcher, ItemReader, ManifestType,
    OutputType, ReaderConfig, ResultWriter, Transformation, WriterConfig,
};
pub use fault::{CatchFlow, Catcher, ErrorNames, Jitter, Retrier};
pub use flow::{Flow, JsonPathFlow, JsonataFlow, Payload, ResultPath, Selection, Setting};
pub use map::{ExecutionType, Items, Map, Processing};
pub use resource::{Pattern, Resource, ResourceKind};
pub use state::{Fail, Kind, Next, Parallel, Pass, State, Succeed, Task, Until, Wait};

use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;

/// A definition is at most so long, in bytes.
pub const LENGTH_MAX_BYTES: usize = 1_048_576;

/// The place of a state in the list of all states of its definition. The same text always gives the same ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateId(pub u32);

/// The language of the expressions in a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryLanguage {
    /// Paths, payload templates and intrinsic functions.
    #[default]
    JsonPath,
    /// JSONata programs between `{%` and `%}`.
    Jsonata,
}

impl QueryLanguage {
    /// The name in a definition.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            QueryLanguage::JsonPath => "JSONPath",
            QueryLanguage::Jsonata => "JSONata",
        }
    }
}

/// States that follow each other: the whole workflow, a branch of a Parallel state, or what a Map state does with an item.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Where it begins.
    pub start: StateId,
    /// Its own states, in the order of the text. Those of machines inside its states are not among them.
    pub states: Range<u32>,
    /// What its author wrote about it.
    pub comment: Option<Arc<str>>,
}

/// A whole definition.
#[derive(Debug)]
pub struct Definition {
    pub(crate) states: Vec<State>,
    /// The machine that an execution runs.
    pub machine: Machine,
    /// The language of states that name none.
    pub query_language: QueryLanguage,
    /// The version of the states language, as written.
    pub version: Option<Arc<str>>,
    /// How long an execution may run.
    pub timeout_seconds: Option<u64>,
    /// What is not forbidden but hardly meant.
    pub warnings: Vec<Diagnostic>,
}

impl Definition {
    /// Reads and checks a definition. Everything that is wrong with it is told at once, in the order of the text.
    pub fn parse(text: &str) -> Result<Definition, Vec<Diagnostic>> {
        crate::parse::definition(text)
    }

    /// Reads and checks a state on its own, as `TestState` takes it. The states to which it leads are there too, by their names, and
    /// succeed.
    pub fn parse_state(text: &str) -> Result<Definition, Vec<Diagnostic>> {
        crate::parse::lone_state(text)
    }

    /// The state of that id, if the definition has it.
    #[must_use]
    pub fn get(&self, id: StateId) -> Option<&State> {
        self.states.get(usize::try_from(id.0).ok()?)
    }

    /// All states, those of inner machines too, in the order of their ids.
    pub fn states(&self) -> impl Iterator<Item = (StateId, &State)> {
        (0u32..)
            .zip(&self.states)
            .map(|(id, state)| (StateId(id), state))
    }

    /// The states of one machine, those of machines inside them apart.
    pub fn states_of(&self, machine: &Machine) -> impl Iterator<Item = (StateId, &State)> {
        let first = usize::try_from(machine.states.start).unwrap_or(usize::MAX);
        machine
            .states
            .clone()
            .map(StateId)
            .zip(self.states.get(first..).unwrap_or_default())
    }

    /// The state of that name, in whatever machine it is.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<StateId> {
        self.states()
            .find(|(_, state)| &*state.name == name)
            .map(|(id, _)| id)
    }
}
