//! Why a state is not tested.

/// Why a state is not tested, in the service's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The definition is wrong: all that is wrong with it.
    #[error("{message}")]
    Definition { message: String },
    #[error(
        "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]"
    )]
    NeedsMock,
    #[error("TestState does not support the resource '{resource}' when a mock is not specified.")]
    ResourceNeedsMock { resource: String },
    #[error("State not found in definition")]
    NoSuchState,
    #[error("RoleArn must be specified when testing a Task state")]
    NoRole,
    #[error("Invalid State Machine Execution Input: '{reason}'")]
    Input { reason: String },
    #[error("Invalid variables provided: {reason}")]
    Variables { reason: String },
    #[error("Invalid Context object provided: {reason}")]
    Context { reason: String },
    #[error("TestState does not support {field} when a mock is not specified.")]
    OnlyWithMock { field: &'static str },
    #[error("TestState does not support RevealSecrets when a mock is specified.")]
    SecretsWithMock,
    #[error("State type '{kind}' is not supported when a mock is specified")]
    MockOfKind { kind: &'static str },
    #[error("A test mock should have only one of the following fields: [result, errorOutput].")]
    TwoMocks,
    #[error("A test mock should have one of the following fields: [result, errorOutput].")]
    EmptyMock,
    #[error("Mocked result must be valid JSON")]
    MockNotJson,
    #[error("Mocked result must be an array.")]
    MockNotArray,
    #[error("Mocked result must be a JSON object.")]
    MockNotObject,
    #[error("Mocked result must contain the same number of items as number of Parallel branches.")]
    MockOfBranches,
    #[error("Mock result schema validation error: {reason}")]
    MockShape { reason: String },
    #[error(
        "Map iteration failure count must be less than or equal to the number of Map iterations"
    )]
    TooManyFailures,
    #[error("Invalid map item reader data provided: {reason}")]
    ReaderData { reason: String },
}

impl Refusal {
    /// Whether it is the definition that is refused.
    #[must_use]
    pub const fn is_of_definition(&self) -> bool {
        matches!(self, Self::Definition { .. } | Self::NeedsMock)
    }
}
