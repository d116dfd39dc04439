//! What a caller must be allowed to use an operation.

use crate::door::Need;

/// The action of seeing what a connection adds to an HTTP task.
pub(super) const REVEAL_SECRETS: &str = "states:RevealSecrets";

/// What is not named here needs the most.
pub(crate) fn need(operation: &str) -> Need {
    match operation {
        "DescribeActivity"
        | "DescribeExecution"
        | "DescribeMapRun"
        | "DescribeStateMachine"
        | "DescribeStateMachineAlias"
        | "DescribeStateMachineForExecution"
        | "GetExecutionHistory"
        | "ListActivities"
        | "ListExecutions"
        | "ListMapRuns"
        | "ListStateMachineAliases"
        | "ListStateMachineVersions"
        | "ListStateMachines"
        | "ListTagsForResource"
        | "ValidateStateMachineDefinition" => Need::Read,
        "GetActivityTask" | "SendTaskFailure" | "SendTaskHeartbeat" | "SendTaskSuccess"
        | "StartExecution" | "StartSyncExecution" | "StopExecution" | "TestState" => Need::Operate,
        "RedriveExecution" | "UpdateMapRun" => Need::Supervise,
        _ => Need::Administer,
    }
}
