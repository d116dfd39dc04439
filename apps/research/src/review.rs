//! The person's part: what was made is asked about until there is a report or a rejection.

use std::time::Duration;

use aws_durable_execution_sdk::{
    CallbackErrorKind, DurableContext, OperationError, OperationErrorKind,
};
use serde_json::Value;

use crate::approval::{Made, Review, request_approval};
use crate::error::WorkflowError;
use crate::message::{Decision, in_round, rejected};
use crate::phase::{AgentTask, invoke_agent_with_callback};
use crate::record::{Change, Phase, status};
use crate::services::Services;
use crate::step::{JsonOrText, step, suspended};
use crate::steps::mark_rejected;
use crate::workflow::Run;

/// How often a person may ask for changes before the next time counts as a rejection.
const CHANGE_ROUNDS_MAX: u32 = 10;
/// So much longer than an approval of the server's the wait for it is open.
const LAST_WORD: Duration = Duration::from_secs(60);

/// How a review ends.
pub(crate) enum Reviewed {
    Report(Value),
    Rejected(Decision),
}

/// Asks a person until there is a report or a rejection. In the seed's flow, once: approved, the writer writes, and its report is the
/// result. When changes are asked for, the writer, or the analyst, gets the feedback, and what comes of it is asked about again; a report
/// that was reviewed so is the result as soon as it is approved.
pub(crate) async fn review(
    ctx: &DurableContext,
    services: &Services,
    run: &Run,
    research: Value,
    mut analysis: Value,
) -> Result<Reviewed, WorkflowError> {
    let mut draft: Option<Value> = None;
    let mut previous = None;
    let (mut analyses, mut reports) = (1, 0);
    let mut round = 1;
    loop {
        let (made, shown) = match &draft {
            Some(draft) => (Made::Report, draft),
            None => (Made::Analysis, &analysis),
        };
        let gate = Gate {
            round,
            made,
            previous: previous.take(),
        };
        let (mut decision, asked) = decide(ctx, services, run, shown, gate).await?;
        previous = asked;
        if decision.approved {
            if let Some(report) = draft {
                return Ok(Reviewed::Report(report));
            }
            let task = AgentTask {
                round: reports + 1,
                ..run.task(Phase::Writing, analysis, decision.feedback)
            };
            let report = invoke_agent_with_callback(ctx, services, task).await?;
            return Ok(Reviewed::Report(report));
        }
        let Some(phase) = decision.changes else {
            return Ok(Reviewed::Rejected(decision));
        };
        if round > CHANGE_ROUNDS_MAX {
            let reason = format!("Changes were requested {round} times");
            decision.reason = Some(reason);
            return Ok(Reviewed::Rejected(decision));
        }
        changes_requested(ctx, services, run, (phase, &decision), round).await?;
        let feedback = decision.feedback;
        if phase == Phase::Analysis {
            analyses += 1;
            let task = AgentTask {
                draft: analysis,
                round: analyses,
                ..run.task(Phase::Analysis, research.clone(), feedback)
            };
            analysis = invoke_agent_with_callback(ctx, services, task).await?;
            // What was written about another analysis is not asked about any more.
            draft = None;
        } else {
            reports += 1;
            let task = AgentTask {
                draft: draft.take().unwrap_or_default(),
                round: reports,
                ..run.task(Phase::Writing, analysis.clone(), feedback)
            };
            draft = Some(invoke_agent_with_callback(ctx, services, task).await?);
        }
        round += 1;
    }
}

/// What one round asks about.
struct Gate {
    round: u32,
    made: Made,
    /// The approval of the round before.
    previous: Option<String>,
}

/// Keeps in the record what the person wants changed.
async fn changes_requested(
    ctx: &DurableContext,
    services: &Services,
    run: &Run,
    (phase, decision): (Phase, &Decision),
    round: u32,
) -> Result<(), OperationError> {
    let (own, id) = (services.clone(), run.id.clone());
    let change = Change::RequestChanges {
        phase,
        feedback: decision.feedback.clone(),
        requested_by: decision.approved_by.clone(),
        round,
    };
    let name = in_round("request_changes", round);
    step(ctx, services, &run.id, name, move || async move {
        let changed = own.change(&id, &change, status::AWAITING_APPROVAL).await;
        changed.map(|_| ())
    })
    .await
}

/// Asks for approval and waits for it. The wait is created first: whoever sees the request can answer it.
async fn decide(
    ctx: &DurableContext,
    services: &Services,
    run: &Run,
    shown: &Value,
    gate: Gate,
) -> Result<(Decision, Option<String>), OperationError> {
    let round = gate.round;
    let timeout = patience(services);
    let callback = ctx
        .create_callback::<Value>()
        .name(in_round("human_approval", round))
        .timeout(timeout)
        .serdes(JsonOrText)
        .await?;
    let (own, id, shown) = (services.clone(), run.id.clone(), shown.clone());
    let review = Review {
        round,
        made: gate.made,
        callback: callback.id().to_owned(),
        previous: gate.previous,
    };
    let requested: Value = step(
        ctx,
        services,
        &run.id,
        in_round("request_approval", round),
        move || async move { request_approval(&own, &id, &shown, &review).await },
    )
    .await?;
    let asked = requested.get("approval_id").and_then(Value::as_str);
    let asked = asked.map(str::to_owned);
    let wait = in_round("human_approval", round);
    suspended(ctx, services, &run.id, &wait);
    match callback.result().await {
        Ok(value) => Ok((Decision::from_value(&value), asked)),
        Err(error) if is_expiry(&error) => Ok((Decision::expired(), asked)),
        Err(error) => Err(error),
    }
}

/// How long the wait itself lasts. An approval of the server's ends when the time is over, and says so to those who were asked; the wait is there
/// a little longer to hear of it.
fn patience(services: &Services) -> Duration {
    let timeout = services.settings.approval_timeout;
    if services.approvals.are_offered() {
        timeout + LAST_WORD
    } else {
        timeout
    }
}

fn is_expiry(error: &OperationError) -> bool {
    match error.kind() {
        OperationErrorKind::Callback(callback) => {
            matches!(
                callback.kind(),
                CallbackErrorKind::TimedOut { .. } | CallbackErrorKind::HeartbeatTimedOut { .. }
            )
        }
        _ => false,
    }
}

pub(crate) async fn reject(
    ctx: &DurableContext,
    services: &Services,
    run: &Run,
    decision: Decision,
) -> Result<Value, OperationError> {
    let (own, id, reason) = (
        services.clone(),
        run.id.clone(),
        decision.reason.clone().unwrap_or_default(),
    );
    step(
        ctx,
        services,
        &run.id,
        "mark_rejected".to_owned(),
        move || async move { mark_rejected(&own, &id, &reason).await },
    )
    .await?;
    Ok(rejected(&run.id, decision.reason.as_deref()))
}
