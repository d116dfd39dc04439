//! Whether an operation is still reached. SDKs say nothing of an operation whose outcome they have, so code that ends without its last ones looks
//! like code that reaches them. A probe is a replay in which one of them has no outcome: code that reaches it stops there.

use std::collections::BTreeSet;

use super::hand_out::runs_again;
use super::recording::{Recorded, Recording};

/// One more replay, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The operation that has to be reached.
    pub about: Recorded,
    /// Steps that are shown as waiting for another try: whoever reaches one suspends.
    held: BTreeSet<String>,
    /// Pauses that are not shown: whoever reaches one asks for it.
    withheld: BTreeSet<String>,
    /// Contexts around them that are shown as open.
    opened: BTreeSet<String>,
    /// Nothing stops the code: what it is about is whether it asks for more than was recorded.
    pub(super) is_for_more: bool,
}

impl Probe {
    /// One for the last operation of every sequence of the recording that has ended, outermost first: earlier ones of a sequence can't be left
    /// out without moving the later ones, which the SDKs notice.
    #[must_use]
    pub fn all(recording: &Recording) -> Vec<Self> {
        let mut probes = Vec::new();
        let mut scopes = vec![(None, Vec::new())];
        while let Some((scope, around)) = scopes.pop() {
            let open = scope.map_or(!recording.is_whole(), |scope: &Recorded| !scope.is_closed());
            let id = scope.map(|scope| scope.id.as_str());
            let last = recording.below(id).last().filter(|_| !open);
            if let Some(last) = last {
                probes.extend(Self::of(recording, last, &around));
            }
            for context in recording.below(id) {
                if context.is_fan_out() && context.all_completed() {
                    probes.push(Self::of_more(context, &around));
                    if last != Some(context) {
                        probes.extend(Self::of(recording, context, &around));
                    }
                }
                // What a fan-out needs of its branches is its own affair.
                let enters =
                    context.is_context() && !context.is_fan_out() && runs_again(recording, context);
                if enters {
                    let mut around = around.clone();
                    around.push(context.id.clone());
                    scopes.push((Some(context), around));
                }
            }
        }
        probes.sort_by_key(|probe| probe.about.number);
        probes
    }

    fn of(recording: &Recording, about: &Recorded, around: &[String]) -> Option<Self> {
        if about.is_fan_out() && about.all_completed() {
            let last = recording.below(Some(&about.id)).last();
            return last.map(|last| Self::of_branch(recording, about, last, around));
        }
        let mut probe = Self::new(about, around);
        let found = if about.is_fan_out() {
            probe.opened.insert(about.id.clone());
            let branches: Vec<&Recorded> = recording.below(Some(&about.id)).collect();
            // A branch without a pause of its own would end the fan-out by itself.
            !branches.is_empty()
                && branches
                    .into_iter()
                    .all(|branch| probe.stop_in(recording, branch))
        } else {
            probe.stop_in(recording, about)
        };
        found.then_some(probe)
    }

    /// One for branches that a fan-out has not had: an open one begins them.
    fn of_more(fan_out: &Recorded, around: &[String]) -> Self {
        let mut probe = Self::new(fan_out, around);
        probe.opened.insert(fan_out.id.clone());
        probe.is_for_more = true;
        probe
    }

    /// One for a branch of a fan-out that waited for all of them: without this one it waits.
    fn of_branch(
        recording: &Recording,
        fan_out: &Recorded,
        branch: &Recorded,
        around: &[String],
    ) -> Self {
        let mut probe = Self::new(branch, around);
        probe.opened.insert(fan_out.id.clone());
        let mut stopped = probe.clone();
        if stopped.stop_in(recording, branch) {
            return stopped;
        }
        // Nothing in it stops: it is asked for itself.
        probe.withheld.insert(branch.id.clone());
        probe
    }

    /// One for every branch beside the one that this is about, itself included, in their order; none where it is about no branch.
    #[must_use]
    pub fn of_branches(&self, recording: &Recording) -> Vec<Self> {
        let parent = self.about.parent.as_deref();
        let Some(fan_out) = parent
            .and_then(|id| recording.by_id(id))
            .filter(|found| found.is_fan_out())
        else {
            return Vec::new();
        };
        let around = recording.around(fan_out);
        recording
            .below(Some(&fan_out.id))
            .map(|branch| Self::of_branch(recording, fan_out, branch, &around))
            .collect()
    }

    fn new(about: &Recorded, around: &[String]) -> Self {
        Self {
            about: about.clone(),
            held: BTreeSet::new(),
            withheld: BTreeSet::new(),
            opened: around.iter().cloned().collect(),
            is_for_more: false,
        }
    }

    /// Takes the outcome of the first operation in there that is none of code alone.
    fn stop_in(&mut self, recording: &Recording, operation: &Recorded) -> bool {
        match operation.kind.as_str() {
            "STEP" => self.held.insert(operation.id.clone()),
            "CONTEXT" if runs_again(recording, operation) && !operation.is_fan_out() => {
                self.opened.insert(operation.id.clone());
                recording
                    .below(Some(&operation.id))
                    .next()
                    .is_some_and(|first| self.stop_in(recording, first))
            }
            "CONTEXT" => false,
            _ => self.withheld.insert(operation.id.clone()),
        }
    }

    pub(super) fn holds(&self, id: &str) -> bool {
        self.held.contains(id)
    }

    pub(super) fn withholds(&self, id: &str) -> bool {
        self.withheld.contains(id)
    }

    pub(super) fn opens(&self, id: &str) -> bool {
        self.opened.contains(id)
    }
}
