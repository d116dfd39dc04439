//! What is asked of a test.

use everstep_core::Timestamp;

use crate::machine::{ErrorOutput, Limits};

/// A state and what it is tested with. The texts are as they were given.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// A state, or a whole state machine if `state_name` is there.
    pub definition: &'a str,
    pub state_name: Option<&'a str>,
    pub input: Option<&'a str>,
    /// The context object.
    pub context: Option<&'a str>,
    pub variables: Option<&'a str>,
    pub mock: Option<Mock<'a>>,
    pub configuration: Configuration<'a>,
    pub role_arn: Option<&'a str>,
    pub reveal_secrets: bool,
}

/// What the state's work gives instead of what it would give.
#[derive(Clone, Debug, Default)]
pub struct Mock<'a> {
    pub result: Option<&'a str>,
    pub error_output: Option<ErrorOutput>,
    pub validation: FieldValidation,
}

/// How a mocked result is held against the service's model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// What must be there is there, and what is there is right.
    #[default]
    Strict,
    /// What is there is right.
    Present,
    None,
}

/// What the test takes to have happened before.
#[derive(Clone, Debug, Default)]
pub struct Configuration<'a> {
    /// How often the retrier of the error has tried again.
    pub retrier_retry_count: Option<u32>,
    /// The state inside a Map or Parallel state in which the error arose.
    pub error_caused_by_state: Option<&'a str>,
    /// How many iterations of a Map state have failed.
    pub map_iteration_failure_count: Option<u32>,
    /// What the reader of a Map state has read.
    pub map_item_reader_data: Option<&'a str>,
}

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What came of it.
    #[default]
    Info,
    /// The data on its way, too.
    Debug,
    /// The HTTP request and its answer, too.
    Trace,
}

/// What a test knows of the world.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub now: Timestamp,
    /// For chance in expressions.
    pub seeds: (u64, u64),
    /// What the context object says.
    pub execution_arn: String,
    pub state_machine_arn: String,
    pub limits: Limits,
}
