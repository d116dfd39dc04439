//! Map states.

use std::sync::Arc;

use super::Reader;
use super::fields::Object;
use super::machine::Graph;
use super::place::Place;
use super::setting::PathKind;
use super::table;
use crate::definition::{
    ExecutionType, Flow, Items, Machine, Map, Payload, Processing, QueryLanguage, Setting,
};
use crate::diagnostic::Code;
use crate::document::{Data, Node};

/// A label has at most so many characters.
const LABEL_CHARACTERS_MAX: usize = 40;

/// Fields that only mean something where each iteration is an execution.
const DISTRIBUTED_ONLY: [&str; 4] = ["Label", "ItemReader", "ItemBatcher", "ResultWriter"];

impl<'t> Reader<'t> {
    pub(super) fn map(
        &mut self,
        graph: &mut Graph<'_>,
        object: &Object<'_, 't>,
        language: QueryLanguage,
    ) -> Option<Box<Map>> {
        let mut flow = self.flow(object, language);
        let processor = self.processor(graph, object);
        if let Some((_, Processing::Inline)) = &processor {
            self.inline_fields(object);
        }
        // In its old form an item selector is called Parameters.
        self.only_one(object, &["ItemSelector", "Parameters"]);
        let old_selector = match &mut flow {
            Flow::JsonPath(flow) => flow.parameters.take(),
            Flow::Jsonata(_) => None,
        };
        let item_selector = self
            .payload(object, "ItemSelector", language)
            .or(old_selector.map(Payload::JsonPath));
        let items = self.items(object, language);
        let max_concurrency = self.integer_setting(
            object,
            ["MaxConcurrency", "MaxConcurrencyPath"],
            language,
            0..=u64::from(u32::MAX),
        );
        let tolerated_failure_count = self.integer_setting(
            object,
            ["ToleratedFailureCount", "ToleratedFailureCountPath"],
            language,
            0..=u64::from(u32::MAX),
        );
        let tolerated_failure_percentage = self.percentage(object, language);
        let label = self.label(object);
        let item_reader = self.item_reader(object, language);
        let item_batcher = self.item_batcher(object, language);
        let result_writer = self.result_writer(object, language);
        let retry = self.retry(object);
        let catch = self.catch(graph, object, language);
        let next = self.next(graph, object);
        let (processor, processing) = processor?;
        Some(Box::new(Map {
            processor,
            processing,
            items,
            item_selector,
            max_concurrency,
            tolerated_failure_count,
            tolerated_failure_percentage,
            label,
            item_reader,
            item_batcher,
            result_writer,
            flow,
            retry,
            catch,
            next: next?,
        }))
    }

    /// `ItemProcessor`, or `Iterator` in its old form.
    fn processor(
        &mut self,
        graph: &Graph<'_>,
        object: &Object<'_, 't>,
    ) -> Option<(Machine, Processing)> {
        self.only_one(object, &["ItemProcessor", "Iterator"]);
        let name = if object.has("Iterator") && !object.has("ItemProcessor") {
            "Iterator"
        } else {
            self.required(object, &["ItemProcessor"]);
            "ItemProcessor"
        };
        let processor = self.object(object, name)?;
        self.known_fields(&processor, table::PROCESSOR);
        let processing = match processor.get("ProcessorConfig") {
            Some(_) => {
                let config = self.object(&processor, "ProcessorConfig")?;
                self.processing(&config)
            }
            None => Some(Processing::Inline),
        };
        let machine = self.machine(&processor, graph.depth + 1);
        Some((machine?, processing?))
    }

    fn processing(&mut self, config: &Object<'_, 't>) -> Option<Processing> {
        const MODES: [(&str, bool); 2] = [("INLINE", false), ("DISTRIBUTED", true)];
        const TYPES: [(&str, ExecutionType); 2] = [
            ("STANDARD", ExecutionType::Standard),
            ("EXPRESS", ExecutionType::Express),
        ];
        self.known_fields(config, &["Mode", "ExecutionType"]);
        let is_distributed = match config.get("Mode") {
            Some(_) => self.one_of(config, "Mode", &MODES)?,
            None => false,
        };
        let execution_type = self.one_of(config, "ExecutionType", &TYPES);
        if !is_distributed {
            return Some(Processing::Inline);
        }
        self.required(config, &["ExecutionType"]);
        Some(Processing::Distributed(execution_type?))
    }

    fn inline_fields(&mut self, object: &Object<'_, 't>) {
        for name in DISTRIBUTED_ONLY {
            if let Some(node) = object.get(name) {
                self.error(
                    node,
                    &object.place,
                    format!("Field '{name}' is only supported when Mode is 'DISTRIBUTED'"),
                );
            }
        }
    }

    fn items(&mut self, object: &Object<'_, 't>, language: QueryLanguage) -> Items {
        match language {
            QueryLanguage::JsonPath => {
                let Some(node) = object.get("ItemsPath") else {
                    return Items::Input;
                };
                if node.text() == Some("$") {
                    return Items::Input;
                }
                self.path_at(
                    node,
                    &object.place.field("ItemsPath"),
                    PathKind::ReferenceOrContext,
                )
                .map_or(Items::Input, Items::Path)
            }
            QueryLanguage::Jsonata => {
                if let Some(node) = object.get("Items") {
                    self.items_type(node, &object.place.field("Items"));
                }
                self.jsonata_template(object, "Items")
                    .map_or(Items::Input, Items::Jsonata)
            }
        }
    }

    /// Items are an array, an object or a program that gives one of them.
    fn items_type(&mut self, node: &Node<'t>, place: &Place<'_>) {
        let is_possible = match &node.data {
            Data::Array(_) | Data::Object(_) => true,
            Data::String(text) => text.starts_with("{%") || text.ends_with("%}"),
            Data::Null | Data::Bool(_) | Data::Number(_) => false,
        };
        if !is_possible {
            self.wrong_type(node, place, "Array");
        }
    }

    fn percentage(
        &mut self,
        object: &Object<'_, 't>,
        language: QueryLanguage,
    ) -> Option<Setting<f64>> {
        self.setting(
            object,
            [
                "ToleratedFailurePercentage",
                "ToleratedFailurePercentagePath",
            ],
            language,
            |reader, node, place| reader.float_at(node, place, 0.0..=100.0),
        )
    }

    fn label(&mut self, object: &Object<'_, 't>) -> Option<Arc<str>> {
        let label = self.string(object, "Label")?;
        let node = object.get("Label")?;
        let place = object.place.field("Label");
        let problem = if label.is_empty() {
            Some("Label cannot be empty".to_owned())
        } else if label.chars().count() > LABEL_CHARACTERS_MAX {
            Some(format!(
                "Label cannot exceed {LABEL_CHARACTERS_MAX} characters"
            ))
        } else {
            let forbidden = label.chars().find(|character| is_forbidden(*character));
            forbidden
                .map(|character| format!("Label contains invalid character: {}", shown(character)))
        };
        if let Some(problem) = problem {
            self.find(Code::InvalidLabelName, node, &place, problem);
            return None;
        }
        if !self.labels.insert(label.to_owned()) {
            self.find(
                Code::DuplicateLabelName,
                node,
                &place,
                format!("Duplicate label name: {label}"),
            );
            return None;
        }
        Some(Arc::from(label))
    }
}

/// Characters that a label, as a part of an ARN, cannot have.
fn is_forbidden(character: char) -> bool {
    character.is_control()
        || character.is_whitespace()
        || matches!(
            character,
            '?' | '*'
                | '<'
                | '>'
                | '{'
                | '}'
                | '['
                | ']'
                | ':'
                | ';'
                | ','
                | '\\'
                | '|'
                | '^'
                | '~'
                | '$'
                | '#'
                | '%'
                | '&'
                | '`'
                | '"'
                | '/'
        )
}

/// In quotes, and as a number if it cannot be seen.
fn shown(character: char) -> String {
    match character {
        '\n' => "'\\n'".into(),
        '\r' => "'\\r'".into(),
        '\t' => "'\\t'".into(),
        '\\' => "'\\\\'".into(),
        control if control.is_control() => format!("'\\x{:02x}'", u32::from(control)),
        other => format!("'{other}'"),
    }
}
