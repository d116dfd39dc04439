//! Map states.

use std::sync::Arc;

use everstep_expr::expression::Expression;
use everstep_expr::jsonata;

use super::{
    Catcher, Flow, ItemBatcher, ItemReader, Machine, Next, Payload, ResultWriter, Retrier, Setting,
};

/// A Map state.
#[derive(Debug)]
pub struct Map {
    /// What is done with each item.
    pub processor: Machine,
    /// Where it is done.
    pub processing: Processing,
    /// Where the items are. An [`ItemReader`] goes before.
    pub items: Items,
    /// What each iteration gets: `ItemSelector`, or `Parameters` in its old form. Absent: the item.
    pub item_selector: Option<Payload>,
    /// How many iterations run at once. Absent or 0: as many as possible.
    pub max_concurrency: Option<Setting<u64>>,
    /// How many items may fail.
    pub tolerated_failure_count: Option<Setting<u64>>,
    /// How many of a hundred items may fail.
    pub tolerated_failure_percentage: Option<Setting<f64>>,
    /// The name of its map runs' state machine. Distributed only.
    pub label: Option<Arc<str>>,
    /// Reads the items from outside. Distributed only.
    pub item_reader: Option<ItemReader>,
    /// Gives several items to one iteration. Distributed only.
    pub item_batcher: Option<ItemBatcher>,
    /// Writes the results outside. Distributed only.
    pub result_writer: Option<ResultWriter>,
    /// How data passes through. It has neither parameters nor arguments.
    pub flow: Flow,
    /// What is tried again: all items.
    pub retry: Vec<Retrier>,
    /// What is caught.
    pub catch: Vec<Catcher>,
    /// Where it leads.
    pub next: Next,
}

/// Where the iterations of a Map state run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processing {
    /// In the execution.
    Inline,
    /// Each in an execution of its own.
    Distributed(ExecutionType),
}

/// What an execution promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionType {
    /// Exactly once, with a history.
    Standard,
    /// Short, without a history.
    Express,
}

/// Where the items of a Map state are.
#[derive(Debug)]
pub enum Items {
    /// The effective input: no such field, or `ItemsPath` is `$`.
    Input,
    /// `ItemsPath`: in the effective input, the context object or a variable.
    Path(Expression),
    /// `Items` of a JSONata state.
    Jsonata(jsonata::Template),
}
