//! Parallel and Map states: their beginning, their iterations, and what they make of the results.

use std::sync::Arc;

use everstep_expr::json::Value;

use super::document::{Body, Document};
use super::event::{ErrorOutput, Event, FrameId, MapRules, StateKind};
use super::flow::{self, Fault};
use super::run::{Halt, Run, Step, following};
use super::state::Fan;
use crate::definition::{Flow, Kind, Map, Parallel, Processing};

const THRESHOLD: &str = "States.ExceedToleratedFailureThreshold";

impl Run<'_, '_> {
    pub fn parallel(&mut self, id: FrameId, parallel: &Parallel, input: &Document) -> Step {
        let name = self.visit(id)?.name.clone();
        let mut scene = self.scene(id);
        let arguments = flow::work(&parallel.flow, input.value(), &mut scene);
        let body = arguments.and_then(|arguments| self.limited(&arguments, &[input], &name));
        let input = match body {
            Ok(body) => body,
            Err(fault) => return self.fault(id, &fault),
        };
        let place = self.place(id)?;
        let first = self.turn.state().next_frame;
        self.emit(Event::ParallelStateStarted {
            place,
            branches: u32::try_from(parallel.branches.len()).unwrap_or(u32::MAX),
            first,
            input,
        })
    }

    pub fn map(&mut self, id: FrameId, map: &Map, input: &Document) -> Step {
        if let Some(fault) = not_there_yet(map) {
            return self.fault(id, &fault);
        }
        let language = self.defined(id)?.query_language;
        let mut scene = self.scene(id);
        let items = flow::effective_input(&map.flow, input.value(), &mut scene).and_then(|data| {
            let items = flow::items(map, language, &data, &mut scene)?;
            Ok((flow::concurrency(map, &data, &mut scene)?, items, data))
        });
        let (wanted, items, data) = match items {
            Ok(items) => items,
            Err(fault) => return self.fault(id, &fault),
        };
        let is_distributed = matches!(map.processing, Processing::Distributed(_));
        let length = items.as_array().map_or(0, |items| items.len());
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let mut rules = MapRules {
            concurrency: self.concurrency(wanted, is_distributed),
            is_distributed,
            tolerated: 0,
        };
        // The service looks at tolerated failures only when the state has started: whether they are right must be known here.
        let mut scene = self.scene(id);
        let tolerance = flow::tolerance(map, &data, &mut scene);
        rules.tolerated = tolerance
            .as_ref()
            .map_or(0, |tolerance| tolerance.of(length));
        let items = self.body(&items, &[input]);
        let place = self.place(id)?;
        self.emit(Event::MapStateStarted {
            place,
            length,
            rules,
            items,
        })?;
        match tolerance {
            Ok(_) => Ok(()),
            Err(fault) => self.fault(id, &fault),
        }
    }

    fn concurrency(&self, wanted: u64, is_distributed: bool) -> u32 {
        let limit = if is_distributed {
            self.limits().distributed_map_concurrency
        } else {
            self.limits().inline_map_concurrency
        };
        match u32::try_from(wanted) {
            Ok(0) | Err(_) => limit,
            Ok(wanted) => wanted.min(limit),
        }
        .max(1)
    }

    /// Begins the iterations that may run.
    pub fn spread(&mut self, id: FrameId) -> Step {
        let Kind::Map(map) = &self.defined(id)?.kind else {
            return Err(Halt::Over);
        };
        let fan = self.turn.state().fan(id).ok_or(Halt::Over)?;
        if fan.rules.is_distributed && fan.run.is_none() {
            return self.start_map_run(id, map);
        }
        let from = fan.next;
        let free = fan.rules.concurrency.saturating_sub(fan.open);
        let until = fan.length.min(from.saturating_add(free));
        let items = fan.items.clone().ok_or(Halt::Over)?;
        for index in from..until {
            self.iterate(id, map, index, &items)?;
            // An item that can't be shaped has failed the state.
            if self
                .turn
                .state()
                .fan(id)
                .is_none_or(|fan| fan.next <= index)
                || self.turn.is_spent()
            {
                break;
            }
        }
        Ok(())
    }

    fn start_map_run(&mut self, id: FrameId, map: &Map) -> Step {
        let label: Arc<str> = match &map.label {
            Some(label) => label.clone(),
            None => self.draw_uuid().into(),
        };
        let settings = self.turn.state().settings.as_ref();
        let machine = settings.map_or("", |settings| &settings.state_machine_arn);
        let run = machine.replacen(":stateMachine:", ":mapRun:", 1);
        let arn = format!("{run}/{label}:{}", self.draw_uuid());
        let place = self.place(id)?;
        self.emit(Event::MapRunStarted {
            place,
            arn: arn.into(),
        })
    }

    fn draw_uuid(&mut self) -> String {
        uuid(u128::from(self.draw()) << 64 | u128::from(self.draw()))
    }

    fn iterate(&mut self, id: FrameId, map: &Map, index: u32, items: &Document) -> Step {
        let visit = self.visit(id)?;
        let (name, input) = (visit.name.clone(), visit.input.clone());
        let is_distributed = visit
            .fan
            .as_ref()
            .is_some_and(|fan| fan.rules.is_distributed);
        let item = usize::try_from(index)
            .ok()
            .and_then(|index| items.value().as_array()?.get(index))
            .cloned()
            .unwrap_or_default();
        let mut scene = self.scene(id);
        scene.item = Some((index, item.clone()));
        let shaped = flow::effective_input(&map.flow, input.value(), &mut scene)
            .and_then(|data| flow::item(map, &item, &data, &mut scene));
        let body = shaped.and_then(|shaped| self.limited(&shaped, &[&input], &name));
        let body = match body {
            Ok(body) => body,
            Err(fault) => return self.fault(id, &fault),
        };
        let mut place = self.place(id)?;
        place.is_hidden |= is_distributed;
        let frame = self.turn.state().next_frame;
        self.emit(Event::MapIterationStarted {
            place,
            name,
            index,
            frame,
            input: body,
        })
    }

    /// More iterations of a distributed map have failed than may.
    pub fn map_run_failed(&mut self, id: FrameId) -> Step {
        let previous = self.frame(id)?.previous;
        self.abort_below(id, previous, None)?;
        let place = self.place(id)?;
        self.emit(Event::MapRunFailed {
            place,
            failure: ErrorOutput {
                error: Some(THRESHOLD.into()),
                cause: Some("The specified tolerated failure threshold was exceeded".into()),
            },
        })
    }

    /// All branches or iterations have ended well.
    pub fn join(&mut self, id: FrameId) -> Step {
        let fan = self.turn.state().fan(id).ok_or(Halt::Over)?;
        if fan.rules.is_distributed && !fan.is_over {
            let place = self.place(id)?;
            return self.emit(Event::MapRunSucceeded { place });
        }
        let results = results(fan);
        let (flow, next, kind) = match &self.defined(id)?.kind {
            Kind::Parallel(parallel) => (&parallel.flow, parallel.next, StateKind::Parallel),
            Kind::Map(map) => (&map.flow, map.next, StateKind::Map),
            _ => return Err(Halt::Over),
        };
        let place = self.place(id)?;
        self.emit(Event::StateSucceeded { place, kind })?;
        self.gather(id, flow, &results, following(next))
    }

    fn gather(
        &mut self,
        id: FrameId,
        flow: &Flow,
        results: &[Document],
        next: Option<crate::definition::StateId>,
    ) -> Step {
        let visit = self.visit(id)?;
        let (input, name) = (visit.input.clone(), visit.name.clone());
        let value: Vec<Value> = results
            .iter()
            .map(|result| result.value().clone())
            .collect();
        let value = Value::from(value);
        let mut scene = self.scene(id);
        let left = match flow::leave(flow, input.value(), Some(&value), &mut scene) {
            Ok(left) => left,
            Err(fault) => return self.fault(id, &fault),
        };
        if !left.output.is_same(&value) || !left.assigned.is_empty() {
            return self.exit(id, &left, &[&input], next);
        }
        // The array is made of its items' texts as they are.
        let text = joined(results);
        if text.len() > self.limits().payload_bytes {
            let of = name.to_string();
            return self.fault(id, &Fault::DataLimit { of });
        }
        let output = Body::first(self.document(text.into(), Some(value)));
        self.leave(id, output, Vec::new(), next)
    }
}

fn results(fan: &Fan) -> Vec<Document> {
    fan.results.iter().flatten().cloned().collect()
}

fn joined(results: &[Document]) -> String {
    let length: usize = results.iter().map(|result| result.text().len() + 1).sum();
    let mut text = String::with_capacity(length + 1);
    text.push('[');
    for (index, result) in results.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(result.text());
    }
    text.push(']');
    text
}

/// What a distributed map may have that is not carried out yet.
fn not_there_yet(map: &Map) -> Option<Fault> {
    let field = match map {
        Map {
            item_reader: Some(_),
            ..
        } => "ItemReader",
        Map {
            item_batcher: Some(_),
            ..
        } => "ItemBatcher",
        Map {
            result_writer: Some(_),
            ..
        } => "ResultWriter",
        _ => return None,
    };
    let detail = format!("Everstep does not carry out the field '{field}' of Map states yet.");
    Some(Fault::Runtime { detail })
}

/// A version 4 UUID.
fn uuid(bits: u128) -> String {
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let parts = [
        hex.get(..8),
        hex.get(8..12),
        hex.get(12..16),
        hex.get(16..20),
        hex.get(20..),
    ];
    parts.map(Option::unwrap_or_default).join("-")
}
