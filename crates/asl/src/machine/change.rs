//! What applying an event does to frames, operations and the queue.

use std::collections::BTreeMap;

use everstep_core::{EventId, Operation};

use super::document::{Body, Document, DocumentId};
use super::event::{FrameId, Place};
use super::state::{Frame, Phase, Seat, State, Visit};

impl Frame {
    pub fn new(
        seat: Option<Seat>,
        within: Option<FrameId>,
        previous: EventId,
        input: Document,
    ) -> Self {
        Self {
            seat,
            within,
            // A distributed iteration's first event is the start of its execution, which is not told.
            events: 1,
            previous,
            variables: BTreeMap::new(),
            visit: None,
            phase: Phase::Begin { input },
            is_queued: false,
        }
    }
}

impl State {
    /// The document of an event. What an event that was read only names is looked up.
    pub(crate) fn take(&mut self, body: &Body) -> Option<Document> {
        let next = DocumentId(body.id().0.saturating_add(1));
        self.next_document = self.next_document.max(next);
        match body.document() {
            Some(document) => {
                if body.is_read() {
                    self.known.put(document);
                }
                Some(document.clone())
            }
            None => self.known.get(body.id()),
        }
    }

    pub(crate) fn visit_mut(&mut self, frame: FrameId) -> Option<&mut Visit> {
        self.frames.get_mut(&frame)?.visit.as_mut()
    }

    /// Gives a frame its next phase, and a place in the queue if it can go on.
    pub(crate) fn phase(&mut self, frame: FrameId, phase: Phase) {
        if let Some(frame) = self.frames.get_mut(&frame) {
            frame.phase = phase;
        }
        self.touch(frame);
    }

    pub(crate) fn advance(&mut self, frame: FrameId, id: EventId) {
        if let Some(frame) = self.frames.get_mut(&frame) {
            frame.previous = id;
        }
    }

    /// A frame that has just done something goes behind the others.
    pub(crate) fn touch(&mut self, id: FrameId) {
        let Some(frame) = self.frames.get_mut(&id) else {
            return;
        };
        if frame.is_queued {
            if self.ready.front() == Some(&id) {
                self.ready.pop_front();
            } else {
                self.ready.retain(|ready| *ready != id);
            }
        }
        frame.is_queued = frame.phase.is_ready();
        if frame.is_queued {
            self.ready.push_back(id);
        }
    }

    pub(crate) fn count_operation(&mut self, operation: Operation) {
        let next = Operation(operation.0.saturating_add(1));
        self.next_operation = self.next_operation.max(next);
    }

    pub(crate) fn own(&mut self, operation: Operation, frame: FrameId) {
        self.count_operation(operation);
        self.operations.insert(operation, frame);
        if let Some(visit) = self.visit_mut(frame) {
            visit.operation = Some(operation);
        }
    }

    /// Nothing that comes for the frame's operation concerns it any more.
    pub(crate) fn disown(&mut self, frame: FrameId) {
        let operations = self.visit(frame).map(Visit::operations);
        for operation in operations.into_iter().flatten().flatten() {
            self.operations.remove(&operation);
        }
    }

    /// Forgets the branches or iterations of a frame.
    pub(crate) fn drop_below(&mut self, frame: FrameId) {
        let Some(fan) = self.visit_mut(frame).and_then(|visit| visit.fan.take()) else {
            return;
        };
        for inner in fan.frames.into_values() {
            self.drop_below(inner);
            self.disown(inner);
            self.remove(inner);
        }
    }

    /// Ends a frame because of what happened elsewhere.
    pub(crate) fn abort(&mut self, id: FrameId) {
        let was = match self.frame(id).map(|frame| &frame.phase) {
            Some(Phase::Aborted { .. }) | None => return,
            Some(phase @ (Phase::Begin { .. } | Phase::Next { .. } | Phase::Ended { .. })) => {
                phase.clone()
            }
            Some(_) => Phase::Work,
        };
        self.phase(id, Phase::Aborted { was: Box::new(was) });
    }

    pub(crate) fn remove(&mut self, id: FrameId) {
        if self.frames.remove(&id).is_some_and(|frame| frame.is_queued) {
            self.ready.retain(|ready| *ready != id);
        }
    }

    /// Takes every frame out of the queue: the execution has ended.
    pub(crate) fn rest(&mut self) {
        for id in std::mem::take(&mut self.ready) {
            if let Some(frame) = self.frames.get_mut(&id) {
                frame.is_queued = false;
            }
        }
    }

    /// The number that an event of a distributed iteration has in its own history.
    pub(crate) fn count_hidden(&mut self, place: &Place) -> EventId {
        let within = self.frames.get(&place.frame).and_then(|frame| frame.within);
        let Some(top) = within.and_then(|within| self.frames.get_mut(&within)) else {
            return EventId(0);
        };
        top.events = top.events.saturating_add(1);
        EventId(top.events)
    }
}
