//! Why a task failed, as a state machine sees it.

use everstep_asl::machine::stage;
use everstep_core::Failure;

/// An error's name and what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub error: String,
    pub cause: Option<String>,
    /// How far the attempt got, one of [`stage`]; `None` when it ran.
    pub stage: Option<&'static str>,
}

impl Fault {
    pub(crate) fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            cause: Some(cause.into()),
            stage: None,
        }
    }

    /// What is wrong with the task itself.
    pub(crate) fn runtime(cause: impl Into<String>) -> Self {
        Self::new("States.Runtime", cause)
    }

    /// A result that no state may have.
    pub(crate) fn too_large(service: &str) -> Self {
        let cause = format!(
            "The state/task '{service}' returned a result with a size exceeding the maximum number of bytes service limit."
        );
        Self::new("States.DataLimitExceeded", cause)
    }

    /// The job was not taken.
    pub(crate) fn at_submission(self) -> Self {
        Self {
            stage: self.stage.or(Some(stage::SUBMIT)),
            ..self
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self {
            kind: Some(fault.error),
            message: fault.cause,
            data: fault.stage.map(str::to_owned),
            stack: Vec::new(),
        }
    }
}

/// How an SDK writes a refusal. AWS calls its services by either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wording {
    /// With the error's code: what the optimised integrations show.
    Coded,
    /// With the number of attempts: what `aws-sdk` integrations show.
    Counted,
}

/// A service as AWS's SDK names it in errors.
pub(crate) struct Service {
    /// Before the error's name.
    pub prefix: &'static str,
    pub name: &'static str,
    pub wording: Wording,
}

impl Service {
    /// A refusal of the service: its code with the name of an exception, its message with AWS's details behind it.
    pub(crate) fn refused(&self, status: u16, code: &str, message: &str) -> Fault {
        let exception = code.strip_suffix("Exception").unwrap_or(code);
        let (service, id) = (self.name, uuid::Uuid::new_v4());
        let details = match self.wording {
            Wording::Coded => format!(
                "(Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: {id}; Proxy: null)"
            ),
            Wording::Counted => format!(
                "(Service: {service}, Status Code: {status}, Request ID: {id}) (SDK Attempt Count: 1)"
            ),
        };
        Fault::new(
            format!("{}.{exception}Exception", self.prefix),
            format!("{message} {details}"),
        )
    }
}
