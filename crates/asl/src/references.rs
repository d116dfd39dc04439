//! Which state reads which variables, as `DescribeStateMachine` shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use everstep_expr::expression::Expression;
use everstep_expr::jsonata;
use everstep_expr::template::Template;

use crate::definition::{
    CatchFlow, Catcher, Choice, ChoiceRules, Definition, Flow, Items, JsonataCondition, Kind, Map,
    Payload, Selection, Setting, State, Task, Until,
};

impl Definition {
    /// The variables that each state reads, by the state's name. States that read none are left out.
    #[must_use]
    pub fn variable_references(&self) -> BTreeMap<Arc<str>, BTreeSet<Arc<str>>> {
        let mut all = BTreeMap::new();
        for state in &self.states {
            let mut names = Names::default();
            names.state(state);
            if !names.0.is_empty() {
                all.insert(state.name.clone(), names.0);
            }
        }
        all
    }
}

/// The names found so far.
#[derive(Default)]
struct Names(BTreeSet<Arc<str>>);

impl Names {
    fn state(&mut self, state: &State) {
        match &state.kind {
            Kind::Task(task) => self.task(task),
            Kind::Pass(pass) => self.flow(&pass.flow),
            Kind::Choice(choice) => self.choice(choice),
            Kind::Wait(wait) => {
                self.flow(&wait.flow);
                match &wait.until {
                    Until::Seconds(seconds) => self.setting(Some(seconds)),
                    Until::Timestamp(timestamp) => self.setting(Some(timestamp)),
                }
            }
            Kind::Parallel(parallel) => {
                self.flow(&parallel.flow);
                self.catch(&parallel.catch);
            }
            Kind::Map(map) => self.map(map),
            Kind::Succeed(succeed) => self.flow(&succeed.flow),
            Kind::Fail(fail) => {
                self.setting(fail.error.as_ref());
                self.setting(fail.cause.as_ref());
            }
        }
    }

    fn task(&mut self, task: &Task) {
        self.flow(&task.flow);
        self.payload(task.credentials.as_ref());
        self.setting(task.timeout_seconds.as_ref());
        self.setting(task.heartbeat_seconds.as_ref());
        self.catch(&task.catch);
    }

    fn choice(&mut self, choice: &Choice) {
        self.flow(&choice.flow);
        match &choice.rules {
            ChoiceRules::JsonPath(rules) => {
                for rule in rules {
                    rule.condition
                        .expressions(&mut |expression| self.expression(expression));
                    self.template(rule.assign.as_ref());
                }
            }
            ChoiceRules::Jsonata(rules) => {
                for rule in rules {
                    match &rule.condition {
                        JsonataCondition::Fixed(_) => {}
                        JsonataCondition::Program(program) => self.program(program),
                    }
                    self.jsonata(rule.assign.as_ref());
                    self.jsonata(rule.output.as_ref());
                }
            }
        }
    }

    fn map(&mut self, map: &Map) {
        self.flow(&map.flow);
        match &map.items {
            Items::Input => {}
            Items::Path(path) => self.expression(path),
            Items::Jsonata(items) => self.jsonata(Some(items)),
        }
        self.payload(map.item_selector.as_ref());
        self.setting(map.max_concurrency.as_ref());
        self.setting(map.tolerated_failure_count.as_ref());
        self.setting(map.tolerated_failure_percentage.as_ref());
        if let Some(reader) = &map.item_reader {
            self.payload(reader.payload.as_ref());
            self.setting(reader.config.items_pointer.as_ref());
            self.setting(reader.config.max_items.as_ref());
        }
        if let Some(batcher) = &map.item_batcher {
            self.setting(batcher.max_items.as_ref());
            self.setting(batcher.max_input_bytes.as_ref());
            self.payload(batcher.batch_input.as_ref());
        }
        if let Some(writer) = &map.result_writer {
            self.payload(writer.payload.as_ref());
        }
        self.catch(&map.catch);
    }

    fn flow(&mut self, flow: &Flow) {
        match flow {
            Flow::JsonPath(flow) => {
                for selection in [&flow.input_path, &flow.output_path] {
                    if let Selection::Path(path) = selection {
                        self.expression(path);
                    }
                }
                self.template(flow.parameters.as_ref());
                self.template(flow.result_selector.as_ref());
                self.template(flow.assign.as_ref());
            }
            Flow::Jsonata(flow) => {
                self.jsonata(flow.arguments.as_ref());
                self.jsonata(flow.output.as_ref());
                self.jsonata(flow.assign.as_ref());
            }
        }
    }

    fn catch(&mut self, catchers: &[Catcher]) {
        for catcher in catchers {
            match &catcher.flow {
                CatchFlow::JsonPath { assign, .. } => self.template(assign.as_ref()),
                CatchFlow::Jsonata { output, assign } => {
                    self.jsonata(output.as_ref());
                    self.jsonata(assign.as_ref());
                }
            }
        }
    }

    fn setting<T>(&mut self, setting: Option<&Setting<T>>) {
        match setting {
            None | Some(Setting::Fixed(_)) => {}
            Some(Setting::Path(path)) => self.expression(path),
            Some(Setting::Jsonata(program)) => self.program(program),
        }
    }

    fn payload(&mut self, payload: Option<&Payload>) {
        match payload {
            None => {}
            Some(Payload::JsonPath(template)) => self.template(Some(template)),
            Some(Payload::Jsonata(template)) => self.jsonata(Some(template)),
        }
    }

    fn expression(&mut self, expression: &Expression) {
        self.0
            .extend(expression.variables().into_iter().map(Arc::from));
    }

    fn template(&mut self, template: Option<&Template>) {
        if let Some(template) = template {
            self.0
                .extend(template.variables().into_iter().map(Arc::from));
        }
    }

    fn program(&mut self, program: &jsonata::Program) {
        self.0.extend(program.variables().iter().cloned());
    }

    fn jsonata(&mut self, template: Option<&jsonata::Template>) {
        if let Some(template) = template {
            self.0.extend(template.variables());
        }
    }
}
