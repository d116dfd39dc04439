//! Machines: the states of one, and what leads from one to another.

use std::collections::HashMap;
use std::sync::Arc;

use super::fields::Object;
use super::place::Place;
use super::{MACHINE_DEPTH_MAX, Reader, state_id};
use crate::definition::{Machine, StateId};
use crate::diagnostic::Code;
use crate::document::Node;

/// A state's name has at most so many characters.
const NAME_CHARACTERS_MAX: usize = 80;

/// A machine while it is read.
pub(super) struct Graph<'n> {
    names: HashMap<&'n str, StateId>,
    /// The first of its states. The others follow.
    pub first: u32,
    /// Where it begins.
    pub start: Option<StateId>,
    /// The state that is being read.
    pub current: StateId,
    /// What leads where.
    pub edges: Vec<(StateId, StateId)>,
    /// Whether a state ends it.
    pub ends: bool,
    /// How many machines are around it.
    pub depth: usize,
}

impl<'n> Graph<'n> {
    fn new(first: u32, depth: usize) -> Graph<'n> {
        Graph {
            names: HashMap::new(),
            first,
            start: None,
            current: StateId(first),
            edges: Vec::new(),
            ends: false,
            depth,
        }
    }
}

impl<'t> Reader<'t> {
    pub(super) fn machine(&mut self, object: &Object<'_, 't>, depth: usize) -> Option<Machine> {
        self.required(object, &["States", "StartAt"]);
        let comment = self.string(object, "Comment").map(Arc::from);
        let start_at = self.string(object, "StartAt");
        let states = self.object(object, "States")?;
        if states.members.is_empty() {
            self.error(states.node, &states.place, "Value cannot be empty");
            return None;
        }
        if depth > MACHINE_DEPTH_MAX {
            self.find(
                Code::TooDeeplyNested,
                object.node,
                &object.place,
                format!("States are nested more than {MACHINE_DEPTH_MAX} levels deep"),
            );
            return None;
        }
        let base = self.states.len();
        let first = state_id(base).0;
        let mut graph = Graph::new(first, depth);
        for member in states.members {
            let id = state_id(self.states.len());
            self.states.push(None);
            graph.names.insert(&member.name, id);
            self.name(&member.name, &member.value, &states.place);
        }
        let last = state_id(self.states.len()).0;
        if let (Some(name), Some(node)) = (start_at, object.get("StartAt")) {
            graph.start = self.target(&mut graph, node, &object.place.field("StartAt"), name);
        }
        for (index, member) in (base..).zip(states.members) {
            graph.current = state_id(index);
            let place = states.place.field(&member.name);
            if let Some(object) = self.object_at(&member.value, place) {
                let state = self.state(&mut graph, &object, &member.name);
                if let Some(slot) = self.states.get_mut(index) {
                    *slot = state;
                }
            }
        }
        self.shape(&graph, object, &states);
        Some(Machine {
            start: graph.start?,
            states: first..last,
            comment,
        })
    }

    /// A machine around one state that leads outside.
    pub(super) fn machine_of_one(&mut self, object: &Object<'_, 't>, name: &str) -> Machine {
        let mut graph = Graph::new(0, 0);
        self.states.push(None);
        let state = self.state(&mut graph, object, name);
        if let Some(slot) = self.states.first_mut() {
            *slot = state;
        }
        Machine {
            start: StateId(0),
            states: 0..1,
            comment: None,
        }
    }

    fn name(&mut self, name: &str, node: &Node<'t>, states: &Place<'_>) {
        let place = states.field(name);
        if name.is_empty() || name.chars().count() > NAME_CHARACTERS_MAX {
            self.find(
                Code::InvalidStateName,
                node,
                &place,
                format!("State name must have 1 to {NAME_CHARACTERS_MAX} characters"),
            );
        }
        if !self.names.insert(name.to_owned()) {
            self.find(
                Code::DuplicateStateName,
                node,
                &place,
                format!("Duplicate State name: {name}"),
            );
        }
    }

    /// The state that a field names.
    pub(super) fn transition(
        &mut self,
        graph: &mut Graph<'_>,
        object: &Object<'_, 't>,
        field: &str,
    ) -> Option<StateId> {
        let name = self.string(object, field)?;
        let node = object.get(field)?;
        let id = self.target(graph, node, &object.place.field(field), name)?;
        graph.edges.push((graph.current, id));
        Some(id)
    }

    fn target(
        &mut self,
        graph: &mut Graph<'_>,
        node: &Node<'t>,
        place: &Place<'_>,
        name: &str,
    ) -> Option<StateId> {
        let known = graph.names.get(name).copied();
        // Only the outermost machine of a lone state leads outside; those within it are whole.
        if known.is_none() && self.is_lone && graph.names.is_empty() {
            return Some(self.outside(name));
        }
        if known.is_none() {
            // Whatever the field is called, the service calls it `Next`.
            self.find(
                Code::MissingTransitionTarget,
                node,
                place,
                format!("Missing 'Next' target: {name}"),
            );
        }
        known
    }
}
