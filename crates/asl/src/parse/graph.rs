//! The shape of a machine: it must end somewhere, and every state must be led to.

use super::Reader;
use super::fields::Object;
use super::machine::Graph;
use crate::definition::StateId;
use crate::diagnostic::{Code, Diagnostic, Severity};

impl<'t> Reader<'t> {
    /// Looks at a machine whose states are read.
    pub(super) fn shape(
        &mut self,
        graph: &Graph<'_>,
        machine: &Object<'_, 't>,
        states: &Object<'_, 't>,
    ) {
        if !graph.ends {
            // The service gives no place for the outermost machine.
            let location = (graph.depth > 0).then(|| machine.place.to_string());
            self.find_in_graph(Diagnostic {
                severity: Severity::Error,
                code: Code::MissingEndState,
                message: "Workflow has no terminal state".into(),
                location,
                offset: machine.node.end,
            });
            return;
        }
        for index in lost(graph, states.members.len()) {
            let Some(member) = states.members.get(index).filter(|_| self.has_room()) else {
                continue;
            };
            self.find_in_graph(Diagnostic {
                severity: Severity::Error,
                code: Code::MissingTransitionTarget,
                message: format!("State \"{}\" is not reachable.", member.name),
                location: Some(states.place.field(&member.name).to_string()),
                offset: member.value.start,
            });
        }
    }

    fn find_in_graph(&mut self, found: Diagnostic) {
        if self.has_room() || self.graph_findings.is_empty() {
            self.findings_bytes +=
                found.message.len() + found.location.as_ref().map_or(0, String::len);
            self.graph_findings.push(found);
        }
    }
}

/// The states to which nothing leads, by their place in the machine. Of states that only lead to each other the first stands for all,
/// and what a lost state leads to is not lost.
fn lost(graph: &Graph<'_>, count: usize) -> Vec<usize> {
    let index = |id: StateId| {
        let behind = id.0.checked_sub(graph.first)?;
        usize::try_from(behind).ok().filter(|index| *index < count)
    };
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut is_target = vec![false; count];
    for (from, to) in &graph.edges {
        if let (Some(from), Some(to)) = (index(*from), index(*to)) {
            if let Some(next) = next.get_mut(from) {
                next.push(to);
            }
            if let Some(slot) = is_target.get_mut(to).filter(|_| from != to) {
                *slot = true;
            }
        }
    }
    let mut seen = vec![false; count];
    if let Some(start) = graph.start.and_then(index) {
        walk(start, &next, &mut seen);
    }
    let mut lost = Vec::new();
    let roots = (0..count).filter(|index| is_target.get(*index) == Some(&false));
    for root in roots.chain(0..count) {
        if seen.get(root) == Some(&false) {
            lost.push(root);
            walk(root, &next, &mut seen);
        }
    }
    lost.sort_unstable();
    lost
}

/// Marks all that can be reached.
fn walk(from: usize, next: &[Vec<usize>], seen: &mut [bool]) {
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if let Some(slot) = seen.get_mut(at).filter(|slot| !**slot) {
            *slot = true;
            open.extend(next.get(at).into_iter().flatten());
        }
    }
}
