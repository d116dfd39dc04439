//! Executions of every kind, as our own API shows them: what a function's and a state machine's differ in is here, and nowhere else in `rest`.

mod definition;
mod history;
mod logs;
mod name;
mod outcome;
mod start;

use everstep_approval::APPROVAL_DEFINITION;
use everstep_engine::catalogue::machine_name;
use everstep_engine::{APPROVAL, ASL, ExecutionRow};

use crate::options::Options;

/// Under which name approvals are listed.
pub(crate) const APPROVAL_NAME: &str = "approval";

pub(crate) use definition::Definition;
pub(crate) use history::show;
pub(crate) use logs::log_group;
pub(crate) use name::find;
pub(crate) use outcome::outcome;
pub(crate) use start::{Start, start};

/// What an execution runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Function,
    StateMachine,
    Approval,
}

impl Kind {
    pub(crate) const fn of(row: &ExecutionRow) -> Self {
        match row.machine {
            ASL => Self::StateMachine,
            APPROVAL => Self::Approval,
            _ => Self::Function,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Function => "FUNCTION",
            Self::StateMachine => "STATE_MACHINE",
            Self::Approval => "APPROVAL",
        }
    }
}

/// The name of the function or state machine; what approvals run has one name.
pub(crate) fn definition(row: &ExecutionRow) -> &str {
    if row.definition == APPROVAL_DEFINITION {
        return APPROVAL_NAME;
    }
    machine_name(&row.definition).unwrap_or(&row.definition)
}

/// An execution's ARN, in the form of the API that shows it.
pub(crate) fn arn(options: &Options, row: &ExecutionRow) -> String {
    match Kind::of(row) {
        Kind::Function => crate::lambda::arn::execution_arn(options, row),
        Kind::StateMachine => crate::states::execution_arn(options, row),
        Kind::Approval => crate::approvals::arn(options, row.id),
    }
}
