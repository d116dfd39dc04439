//! What a definition may not do in an Express state machine: wait for what may take longer than that lives.

use crate::definition::{Definition, Kind, Machine, Pattern, Processing, ResourceKind, Task};
use crate::diagnostic::{Code, Diagnostic};

impl Definition {
    /// What keeps the definition from being an Express state machine's. Offsets are not known.
    #[must_use]
    pub fn express_findings(&self) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        self.look(&self.machine, "", &mut findings);
        findings
    }

    fn look(&self, machine: &Machine, place: &str, findings: &mut Vec<Diagnostic>) {
        for (_, state) in self.states_of(machine) {
            let place = format!("{place}/States/{}", state.name);
            match &state.kind {
                Kind::Task(task) => {
                    if let Some(message) = too_long(task) {
                        findings.push(finding(message, format!("{place}/Resource")));
                    }
                }
                Kind::Parallel(parallel) => {
                    for (at, branch) in parallel.branches.iter().enumerate() {
                        self.look(branch, &format!("{place}/Branches[{at}]"), findings);
                    }
                }
                Kind::Map(map) => {
                    if matches!(map.processing, Processing::Distributed(_)) {
                        let message =
                            "Express state machine does not support distributed Map state";
                        findings.push(finding(message, place.clone()));
                    }
                    self.look(&map.processor, &format!("{place}/ItemProcessor"), findings);
                }
                Kind::Pass(_)
                | Kind::Choice(_)
                | Kind::Wait(_)
                | Kind::Succeed(_)
                | Kind::Fail(_) => {}
            }
        }
    }
}

/// The service's words; the space at the end of one of them is its own.
fn too_long(task: &Task) -> Option<&'static str> {
    match &task.resource.kind {
        ResourceKind::Activity => Some("Express state machine does not support Activity ARN"),
        ResourceKind::Integration { pattern, .. } => match pattern {
            Pattern::RequestResponse => None,
            Pattern::Sync | Pattern::SyncJson => {
                Some("Express state machine does not support '.sync' service integration")
            }
            Pattern::WaitForTaskToken => Some(
                "Express state machine does not support '.waitForTaskToken' service integration ",
            ),
        },
        ResourceKind::Function | ResourceKind::Other => None,
    }
}

fn finding(message: &str, location: String) -> Diagnostic {
    Diagnostic {
        severity: Code::SchemaValidationFailed.severity(),
        code: Code::SchemaValidationFailed,
        message: message.to_owned(),
        location: Some(location),
        offset: 0,
    }
}
