//! The workflow record: what the seed keeps per workflow, and which change is allowed when. Pure.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::{Kind, WorkflowStateError};

/// States of the specification, §7; any other text only through an explicit custom status.
pub mod status {
    /// The record was created.
    pub const INITIALIZING: &str = "INITIALIZING";
    /// A phase is under way.
    pub const RUNNING: &str = "RUNNING";
    /// A person has to decide.
    pub const AWAITING_APPROVAL: &str = "AWAITING_APPROVAL";
    /// The person said no.
    pub const REJECTED: &str = "REJECTED";
    /// The report is delivered.
    pub const COMPLETED: &str = "COMPLETED";
    /// An error ended the workflow.
    pub const FAILED: &str = "FAILED";
    /// Cancelled through the API.
    pub const CANCELLED: &str = "CANCELLED";
}

/// One of the three phases in which an agent works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The researcher, at most 4 hours.
    Research,
    /// The analyst, at most 2 hours.
    Analysis,
    /// The writer, at most 1 hour.
    Writing,
}

impl Phase {
    /// All, in their order.
    pub const ALL: [Self; 3] = [Self::Research, Self::Analysis, Self::Writing];

    /// The seed's step name, which is the record's `current_step` too.
    #[must_use]
    pub fn step(self) -> &'static str {
        match self {
            Self::Research => "research_phase",
            Self::Analysis => "analysis_phase",
            Self::Writing => "writing_phase",
        }
    }

    /// The `task` that the agent is sent.
    #[must_use]
    pub fn task(self) -> &'static str {
        match self {
            Self::Research => "research",
            Self::Analysis => "analyze",
            Self::Writing => "write_report",
        }
    }

    /// How long the agent has, in hours.
    #[must_use]
    pub fn timeout_hours(self) -> u64 {
        match self {
            Self::Research => 4,
            Self::Analysis => 2,
            Self::Writing => 1,
        }
    }

    /// Who does it.
    #[must_use]
    pub fn agent(self) -> &'static str {
        match self {
            Self::Research => "researcher",
            Self::Analysis => "analyst",
            Self::Writing => "writer",
        }
    }

    /// What a caller is told is awaited, with the sentence for it.
    #[must_use]
    pub fn awaiting(self) -> (&'static str, &'static str) {
        match self {
            Self::Research => (
                "research_completion",
                "Workflow suspended awaiting research completion",
            ),
            Self::Analysis => (
                "analysis_completion",
                "Workflow suspended awaiting analysis completion",
            ),
            Self::Writing => (
                "report_generation",
                "Workflow suspended awaiting report generation",
            ),
        }
    }
}

/// One finished phase in `steps_completed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepEntry {
    /// The phase's step name.
    pub step_name: String,
    /// When it was recorded.
    pub completed_at: String,
    /// `{status, has_result}` or what the caller gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_summary: Option<Value>,
}

/// The item under `workflow_id`. Fields that are not set are not written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Key.
    pub workflow_id: String,
    /// What is researched.
    pub topic: String,
    /// As the caller gave them; never null.
    #[serde(default)]
    pub parameters: Value,
    /// See [`status`].
    pub status: String,
    /// ISO 8601, UTC, `Z`.
    pub created_at: String,
    /// ISO 8601, UTC, `Z`.
    pub updated_at: String,
    /// Finished phases, each once.
    #[serde(default)]
    pub steps_completed: Vec<StepEntry>,
    /// `initialization`, a phase, `human_approval`, `completed` or `error`.
    pub current_step: String,
    /// The durable execution that owns the record.
    #[serde(default)]
    pub execution_arn: String,
    /// report_url, report_s3_key, completed_at, rejection_reason, error, and what callers added.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A change of a record. Data, so that every store applies the same rules.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// INITIALIZING → RUNNING, first phase.
    Begin,
    /// A phase starts; all phases before it count as finished.
    Enter {
        /// The phase that starts.
        phase: Phase,
        /// Whether the phase before it brought a result.
        prior_has_result: bool,
    },
    /// The analysis is there, a person has to decide.
    AwaitApproval {
        /// Whether the analysis is more than null.
        prior_has_result: bool,
        /// The first time, the second and so on; a person may ask for changes.
        round: u32,
    },
    /// People are asked for it, in an approval of the server's.
    Asked {
        /// The round that it belongs to.
        round: u32,
        /// What is told of it: id, page, who decides.
        approval: Value,
    },
    /// The person wants something changed; it is asked for approval again afterwards.
    RequestChanges {
        /// What is done again.
        phase: Phase,
        /// What the person wants.
        feedback: String,
        /// Who, if known.
        requested_by: Option<String>,
        /// The round that ends with it.
        round: u32,
    },
    /// An agent has the task of the current phase.
    Dispatched {
        /// The phase.
        phase: Phase,
        /// Where the agent is: whoever cancels the workflow may have no agents of its own.
        address: String,
        /// What the agent calls it.
        task_id: String,
    },
    /// Somebody ended the workflow.
    Cancel {
        /// Goes into `cancellation_reason`.
        reason: String,
    },
    /// The person said no, or nobody said anything in time.
    Reject {
        /// Goes into `rejection_reason`.
        reason: String,
    },
    /// The report is stored.
    Complete {
        /// Signed link.
        report_url: String,
        /// Key in the artifact bucket.
        report_s3_key: String,
    },
    /// Something failed.
    Fail {
        /// A sanitised error.
        error: Value,
    },
    /// The seed's `update_workflow_status`.
    Status {
        /// New status text.
        status: String,
        /// New `current_step`, if given.
        current_step: Option<String>,
        /// Each is set on the record.
        additional_fields: Map<String, Value>,
        /// Allows a status outside [`status`], such as PROCESSING.
        custom: bool,
    },
    /// The seed's `record_step_completion`.
    StepCompleted {
        /// Step name; a second time is no change.
        step: String,
        /// `result_summary`.
        result: Option<Value>,
    },
    /// An agent's callback has settled a wait; the flow itself moves on by itself.
    Answered {
        /// Name of the wait.
        step: String,
        /// `SUCCESS` or `FAILURE`.
        status: String,
        /// When it came.
        at: String,
    },
}

const CORE_FIELDS: [&str; 9] = [
    "workflow_id",
    "topic",
    "parameters",
    "status",
    "created_at",
    "updated_at",
    "steps_completed",
    "current_step",
    "execution_arn",
];

/// Now, as the records and logs write it: UTC with `Z`, milliseconds.
#[must_use]
pub fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

impl Record {
    /// A record as `create_workflow_record` makes it.
    #[must_use]
    pub fn new(
        workflow_id: &str,
        topic: &str,
        parameters: Value,
        execution_arn: &str,
        now: &str,
    ) -> Self {
        Self {
            workflow_id: workflow_id.to_owned(),
            topic: topic.to_owned(),
            parameters,
            status: status::INITIALIZING.to_owned(),
            created_at: now.to_owned(),
            updated_at: now.to_owned(),
            steps_completed: Vec::new(),
            current_step: "initialization".to_owned(),
            execution_arn: execution_arn.to_owned(),
            extra: Map::new(),
        }
    }

    /// Whether the workflow is over.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(
            self.status.as_str(),
            status::REJECTED | status::COMPLETED | status::FAILED | status::CANCELLED
        )
    }

    /// A text field outside the core ones.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.extra.get(field).and_then(Value::as_str)
    }

    /// Applies a change and says whether anything changed. Applying the same change again changes nothing, so a step that
    /// is run again after a crash is harmless.
    ///
    /// # Errors
    /// Refuses whatever the flow of the specification, §1, does not have.
    pub fn apply(&mut self, change: &Change, now: &str) -> Result<bool, WorkflowStateError> {
        let before = self.clone();
        self.transition(change, now)?;
        if *self == before {
            return Ok(false);
        }
        self.updated_at = now.to_owned();
        Ok(true)
    }

    fn transition(&mut self, change: &Change, now: &str) -> Result<(), WorkflowStateError> {
        match change {
            Change::Begin => match self.status.as_str() {
                status::INITIALIZING => self.move_to(status::RUNNING, Phase::Research.step()),
                status::RUNNING => {}
                _ => return Err(self.refused("begin")),
            },
            Change::Enter {
                phase,
                prior_has_result,
            } => self.enter(*phase, *prior_has_result, now)?,
            Change::AwaitApproval {
                prior_has_result,
                round,
            } => self.await_approval(*prior_has_result, *round, now)?,
            Change::Asked { round, approval } => self.asked(*round, approval)?,
            Change::RequestChanges {
                phase,
                feedback,
                requested_by,
                round,
            } => {
                let request = json!({ "round": round, "changes_to": phase.agent(), "feedback": feedback,
                                      "requested_by": requested_by, "requested_at": now });
                self.request_changes(*phase, *round, request)?;
            }
            Change::Dispatched {
                phase,
                address,
                task_id,
            } => self.dispatched(*phase, address, task_id)?,
            Change::Cancel { reason } => self.cancel(reason)?,
            Change::Reject { reason } => match self.status.as_str() {
                status::AWAITING_APPROVAL => {
                    self.extra
                        .insert("rejection_reason".to_owned(), reason.clone().into());
                    self.move_to(status::REJECTED, "completed");
                }
                status::REJECTED => {}
                _ => return Err(self.refused("reject")),
            },
            Change::Complete {
                report_url,
                report_s3_key,
            } => self.complete(report_url, report_s3_key, now)?,
            Change::Fail { error } => match self.status.as_str() {
                status::FAILED => {}
                _ if self.is_terminal() => return Err(self.refused("fail")),
                _ => {
                    self.extra.insert("error".to_owned(), error.clone());
                    self.move_to(status::FAILED, "error");
                }
            },
            Change::Status {
                status,
                current_step,
                additional_fields,
                custom,
            } => {
                self.set_status(status, current_step.as_deref(), additional_fields, *custom)?;
            }
            Change::StepCompleted { step, result } => self.complete_step(step, result.clone(), now),
            Change::Answered { step, status, at } => {
                let told = json!({ "step": step, "status": status, "timestamp": at });
                self.extra.insert("last_callback".to_owned(), told);
            }
        }
        Ok(())
    }

    fn enter(
        &mut self,
        phase: Phase,
        prior_has_result: bool,
        now: &str,
    ) -> Result<(), WorkflowStateError> {
        let allowed = match phase {
            Phase::Research => {
                self.status == status::RUNNING && self.current_step == "research_phase"
            }
            Phase::Analysis => {
                self.status == status::RUNNING && self.current_step == "research_phase"
            }
            Phase::Writing => self.status == status::AWAITING_APPROVAL,
        };
        let already = self.status == status::RUNNING && self.current_step == phase.step();
        if !allowed && !already {
            return Err(self.refused(phase.step()));
        }
        self.finish_before(phase, prior_has_result, now);
        self.move_to(status::RUNNING, phase.step());
        Ok(())
    }

    fn finish_before(&mut self, phase: Phase, last_has_result: bool, now: &str) {
        let earlier: Vec<Phase> = Phase::ALL
            .into_iter()
            .filter(|other| *other < phase)
            .collect();
        for (place, other) in earlier.iter().enumerate() {
            let has_result = place + 1 < earlier.len() || last_has_result;
            self.complete_step(other.step(), Some(summary(has_result)), now);
        }
    }

    fn complete_step(&mut self, step: &str, result_summary: Option<Value>, now: &str) {
        if self
            .steps_completed
            .iter()
            .all(|entry| entry.step_name != step)
        {
            self.steps_completed.push(StepEntry {
                step_name: step.to_owned(),
                completed_at: now.to_owned(),
                result_summary,
            });
        }
    }

    fn set_status(
        &mut self,
        status: &str,
        current_step: Option<&str>,
        additional_fields: &Map<String, Value>,
        custom: bool,
    ) -> Result<(), WorkflowStateError> {
        let known = [
            status::INITIALIZING,
            status::RUNNING,
            status::AWAITING_APPROVAL,
            status::REJECTED,
            status::COMPLETED,
            status::FAILED,
            status::CANCELLED,
        ];
        if !custom && !known.contains(&status) {
            return Err(invalid(format!(
                "unknown status {status}; custom statuses must be asked for"
            )));
        }
        if self.is_terminal() && self.status != status {
            return Err(self.refused(status));
        }
        if let Some(field) = additional_fields
            .keys()
            .find(|field| CORE_FIELDS.contains(&field.as_str()))
        {
            return Err(invalid(format!(
                "{field} cannot be set as an additional field"
            )));
        }
        self.status = status.to_owned();
        if let Some(step) = current_step {
            self.current_step = step.to_owned();
        }
        self.extra.extend(additional_fields.clone());
        Ok(())
    }

    fn move_to(&mut self, status: &str, step: &str) {
        self.status = status.to_owned();
        self.current_step = step.to_owned();
    }

    fn refused(&self, what: &str) -> WorkflowStateError {
        WorkflowStateError {
            kind: Kind::Conflict,
            message: format!(
                "workflow {} is {} at {}: {what} is not allowed",
                self.workflow_id, self.status, self.current_step
            ),
        }
    }
}

fn invalid(message: String) -> WorkflowStateError {
    WorkflowStateError {
        kind: Kind::Invalid,
        message,
    }
}

fn summary(has_result: bool) -> Value {
    json!({ "status": "completed", "has_result": has_result })
}

mod rounds;

#[cfg(test)]
mod tests;
