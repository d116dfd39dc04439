//! Leaving a state: what becomes of its output and variables, and of a frame that has left its last one.

use std::sync::Arc;

use everstep_core::{Sequence, Status};
use everstep_expr::json::Value;

use super::document::{Body, Document, DocumentId};
use super::event::{Assigned, Event, FrameId};
use super::flow::{Fault, Left};
use super::run::{Run, Step};
use super::state::Phase;
use crate::definition::StateId;

impl Run<'_, '_> {
    fn sequence(&self) -> Sequence {
        self.turn.execution().next_sequence()
    }

    /// A new document with this text.
    pub fn document(&mut self, text: Arc<str>, value: Option<Value>) -> Document {
        let id = DocumentId(self.next_document);
        self.next_document = self.next_document.saturating_add(1);
        let sequence = self.sequence();
        match value {
            Some(value) => Document::of_value(id, sequence, text, value),
            None => Document::new(id, sequence, text),
        }
    }

    /// The document of a value: one of those `at hand` if it is the same, else a new one.
    pub fn body(&mut self, value: &Value, at_hand: &[&Document]) -> Body {
        let same = |document: &&&Document| document.value().is_same(value);
        if let Some(document) = at_hand.iter().find(same) {
            return Body::again((**document).clone());
        }
        let text = value.to_text();
        let equal = |document: &&&Document| **document.text() == *text;
        match at_hand.iter().find(equal) {
            Some(document) => Body::again((**document).clone()),
            None => Body::first(self.document(text.into(), Some(value.clone()))),
        }
    }

    /// As [`Run::body`], within the limit of a payload.
    pub fn limited(
        &mut self,
        value: &Value,
        at_hand: &[&Document],
        of: &str,
    ) -> Result<Body, Fault> {
        let body = self.body(value, at_hand);
        if body.text().len() > self.limits().payload_bytes {
            return Err(Fault::DataLimit { of: of.to_owned() });
        }
        Ok(body)
    }

    /// Leaves a state.
    pub fn exit(
        &mut self,
        id: FrameId,
        left: &Left,
        at_hand: &[&Document],
        next: Option<StateId>,
    ) -> Step {
        let name = self.visit(id)?.name.clone();
        let (output, assigned) = match self.bodies_of(id, left, at_hand, &name) {
            Ok(bodies) => bodies,
            Err(fault) => return self.fault(id, &fault),
        };
        self.leave(id, output, assigned, next)
    }

    pub fn bodies_of(
        &mut self,
        id: FrameId,
        left: &Left,
        at_hand: &[&Document],
        name: &str,
    ) -> Result<(Body, Vec<Assigned>), Fault> {
        let output = self.limited(&left.output, at_hand, name)?;
        let mut assigned = Vec::with_capacity(left.assigned.len());
        for (variable, value) in &left.assigned {
            // The output's document is stored by the same event, before the variables.
            let mut near = at_hand.to_vec();
            near.extend(output.document());
            assigned.push((variable.clone(), self.limited(value, &near, name)?));
        }
        if !assigned.is_empty()
            && self.variables_bytes(id, &assigned) > self.limits().variables_bytes
        {
            return Err(Fault::DataLimit {
                of: name.to_owned(),
            });
        }
        Ok((output, assigned))
    }

    /// What all variables of the execution take once the frame has these in place of its own of the same names.
    fn variables_bytes(&self, id: FrameId, assigned: &[Assigned]) -> usize {
        let frames = self.turn.state().frames.values();
        let known = frames.flat_map(|frame| frame.variables.values());
        let known: usize = known.map(|value| value.text().len()).sum();
        let own = self.turn.state().frame(id).map(|frame| &frame.variables);
        let replaced = assigned.iter().filter_map(|(name, _)| own?.get(name));
        let replaced: usize = replaced.map(|value| value.text().len()).sum();
        let new: usize = assigned.iter().map(|(_, value)| value.text().len()).sum();
        known.saturating_sub(replaced).saturating_add(new)
    }

    /// Leaves a state with what its documents are.
    pub fn leave(
        &mut self,
        id: FrameId,
        output: Body,
        assigned: Vec<Assigned>,
        next: Option<StateId>,
    ) -> Step {
        let visit = self.visit(id)?;
        let (kind, name) = (visit.kind, visit.name.clone());
        let place = self.place(id)?;
        self.emit(Event::StateExited {
            place,
            kind,
            name,
            output,
            assigned,
            next,
        })?;
        if next.is_none() {
            self.conclude(id)?;
        }
        Ok(())
    }

    /// The frame has left its last state.
    fn conclude(&mut self, id: FrameId) -> Step {
        let frame = self.frame(id)?;
        let Phase::Ended { output } = &frame.phase else {
            return Ok(());
        };
        let output = output.clone();
        let previous = frame.previous;
        let Some(seat) = frame.seat else {
            self.record(Event::ExecutionSucceeded {
                previous,
                output: Body::again(output),
            });
            self.close(Status::Succeeded);
            return Ok(());
        };
        let outer = self.visit(seat.frame)?;
        let is_iteration = outer.fan.as_ref().is_some_and(|fan| fan.items.is_some());
        let name = outer.name.clone();
        if is_iteration {
            let place = self.place(id)?;
            self.emit(Event::MapIterationSucceeded {
                place,
                name,
                index: seat.index,
            })?;
        }
        Ok(())
    }
}
