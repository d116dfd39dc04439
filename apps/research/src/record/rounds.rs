//! Rounds of approval, and the two ends that came with them: an approved draft, and a cancellation.

use serde_json::{Value, json};

use super::{Phase, Record, WorkflowStateError, status, summary};

impl Record {
    /// The number of the approval that is asked for or was asked for last.
    #[must_use]
    pub fn approval_round(&self) -> u32 {
        let round = self.extra.get("approval_round").and_then(Value::as_u64);
        round
            .and_then(|round| u32::try_from(round).ok())
            .unwrap_or(1)
    }

    /// Whether there is a report already: a person asked for changes, and the writer has made them.
    pub(super) fn has_draft(&self) -> bool {
        self.steps_completed
            .iter()
            .any(|entry| entry.step_name == Phase::Writing.step())
    }

    pub(super) fn await_approval(
        &mut self,
        prior_has_result: bool,
        round: u32,
        now: &str,
    ) -> Result<(), WorkflowStateError> {
        match (self.status.as_str(), self.current_step.as_str()) {
            (status::RUNNING, "analysis_phase") => {
                self.finish_before(Phase::Writing, prior_has_result, now);
            }
            (status::RUNNING, "writing_phase") if round > 1 => {
                let done = Some(summary(prior_has_result));
                self.complete_step(Phase::Writing.step(), done, now);
            }
            (status::AWAITING_APPROVAL, _) if self.approval_round() == round => return Ok(()),
            _ => return Err(self.refused("ask for approval")),
        }
        if round > 1 {
            self.extra.insert("approval_round".to_owned(), round.into());
        }
        self.move_to(status::AWAITING_APPROVAL, "human_approval");
        Ok(())
    }

    /// A gate that somebody has decided in the meantime keeps what is known of its approval.
    pub(super) fn asked(&mut self, round: u32, approval: &Value) -> Result<(), WorkflowStateError> {
        if self.status != status::AWAITING_APPROVAL || self.approval_round() != round {
            return Err(self.refused("ask people"));
        }
        self.extra.insert("approval".to_owned(), approval.clone());
        Ok(())
    }

    pub(super) fn request_changes(
        &mut self,
        phase: Phase,
        round: u32,
        request: Value,
    ) -> Result<(), WorkflowStateError> {
        let known = self.extra.get("change_requests").and_then(Value::as_array);
        let mut requests = known.cloned().unwrap_or_default();
        if requests
            .iter()
            .any(|known| known.get("round") == request.get("round"))
        {
            return Ok(());
        }
        if self.status != status::AWAITING_APPROVAL || self.approval_round() != round {
            return Err(self.refused("ask for changes"));
        }
        requests.push(request);
        self.extra
            .insert("change_requests".to_owned(), requests.into());
        self.move_to(status::RUNNING, phase.step());
        Ok(())
    }

    pub(super) fn dispatched(
        &mut self,
        phase: Phase,
        address: &str,
        task_id: &str,
    ) -> Result<(), WorkflowStateError> {
        if self.status != status::RUNNING || self.current_step != phase.step() {
            return Err(self.refused("dispatch"));
        }
        let task = json!({ "agent": phase.agent(), "address": address, "task_id": task_id });
        self.extra.insert("agent_task".to_owned(), task);
        Ok(())
    }

    /// The agent's task that is, or was last, under way in the current step: who, where, what.
    pub(crate) fn agent_task(&self) -> Option<(&str, &str, &str)> {
        let task = self.extra.get("agent_task")?;
        let text = |field: &str| task.get(field).and_then(Value::as_str);
        let agent = text("agent")?;
        let mut phases = Phase::ALL.into_iter();
        let working =
            phases.any(|phase| phase.agent() == agent && phase.step() == self.current_step);
        working.then_some((agent, text("address")?, text("task_id")?))
    }

    pub(super) fn cancel(&mut self, reason: &str) -> Result<(), WorkflowStateError> {
        match self.status.as_str() {
            status::CANCELLED => {}
            _ if self.is_terminal() => return Err(self.refused("cancel")),
            _ => {
                self.extra
                    .insert("cancellation_reason".to_owned(), reason.into());
                self.status = status::CANCELLED.to_owned();
            }
        }
        Ok(())
    }

    pub(super) fn complete(
        &mut self,
        report_url: &str,
        report_s3_key: &str,
        now: &str,
    ) -> Result<(), WorkflowStateError> {
        match (self.status.as_str(), self.current_step.as_str()) {
            // A draft that was asked to be changed has been approved.
            (status::RUNNING, "writing_phase") | (status::AWAITING_APPROVAL, _)
                if self.current_step == "writing_phase" || self.has_draft() =>
            {
                self.complete_step(Phase::Writing.step(), Some(summary(true)), now);
                self.extra
                    .insert("report_url".to_owned(), report_url.into());
                self.extra
                    .insert("report_s3_key".to_owned(), report_s3_key.into());
                self.extra.insert("completed_at".to_owned(), now.into());
                self.move_to(status::COMPLETED, "completed");
            }
            (status::COMPLETED, _) => {}
            _ => return Err(self.refused("complete")),
        }
        Ok(())
    }
}
