//! Who sent a request.

use everstep_core::ExecutionId;
use everstep_engine::{Source, Via};

use super::{Key, Need, Refusal, Role, Worker};
use crate::server::Peer;

/// The sender of a request that was admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Nobody known, at an open door.
    Anyone,
    /// Nobody known, and let in for what the request itself proves: a signed link.
    Nobody,
    Key {
        name: String,
        role: Role,
        groups: Vec<String>,
    },
    Worker {
        function_arn: String,
        executions: Vec<ExecutionId>,
    },
}

impl Caller {
    pub(crate) fn key(key: &Key) -> Self {
        Self::Key {
            name: key.name.clone(),
            role: key.role,
            groups: key.groups.clone(),
        }
    }

    pub(super) fn worker(worker: Worker) -> Self {
        Self::Worker {
            function_arn: worker.function_arn,
            executions: worker.executions,
        }
    }

    /// Where something that this caller sent came from.
    pub(crate) fn source(&self, via: Via, peer: Option<Peer>, bytes: usize) -> Source {
        let who = match self {
            Self::Anyone | Self::Nobody => None,
            Self::Key { name, .. } => Some(name.clone()),
            Self::Worker { function_arn, .. } => Some(function_arn.clone()),
        };
        Source {
            // A port tells nothing, and would make every request another one's.
            peer: peer.map(|peer| peer.0.ip().to_string()),
            who,
            bytes: bytes as u64,
            ..Source::new(via)
        }
    }

    /// Whether the caller may do what needs this.
    pub(crate) fn may(&self, need: Need) -> bool {
        match self {
            Self::Anyone => !matches!(need, Need::Artifacts { .. }),
            Self::Nobody => false,
            Self::Key { role, .. } => match role {
                Role::Admin => true,
                Role::Operate => need != Need::Administer,
                Role::Read => matches!(need, Need::Read | Need::Artifacts { write: false }),
                Role::Agent => matches!(need, Need::Artifacts { .. }),
            },
            // What functions do: start, stop and read others, answer callbacks, keep artifacts; and their own executions' checkpoints.
            Self::Worker { executions, .. } => match need {
                Need::Read | Need::Operate | Need::Artifacts { .. } => true,
                Need::Supervise | Need::Administer => false,
                Need::Extend(execution) => executions.contains(&execution),
            },
        }
    }

    /// # Errors
    /// [`Refusal::Denied`], which says who was refused what.
    pub(crate) fn must(&self, need: Need, action: &str) -> Result<(), Refusal> {
        if self.may(need) {
            return Ok(());
        }
        let who = match self {
            Self::Anyone | Self::Nobody => return Err(Refusal::Missing),
            Self::Key { name, .. } => name.clone(),
            Self::Worker { function_arn, .. } => function_arn.clone(),
        };
        Err(Refusal::Denied {
            who,
            action: action.to_owned(),
        })
    }
}
