//! Retriers and catchers.

use std::sync::Arc;

use super::Reader;
use super::fields::Object;
use super::machine::Graph;
use super::setting::SECONDS_MAX;
use crate::definition::{CatchFlow, Catcher, ErrorNames, Jitter, QueryLanguage, Retrier};

/// The longest time between attempts: a year of 366 days.
const MAX_DELAY_SECONDS_MAX: u64 = 31_622_400;

const RETRIER: &[&str] = &[
    "Comment",
    "ErrorEquals",
    "IntervalSeconds",
    "MaxAttempts",
    "BackoffRate",
    "MaxDelaySeconds",
    "JitterStrategy",
];

const CATCHER_JSON_PATH: &[&str] = &["Comment", "ErrorEquals", "Next", "ResultPath", "Assign"];
const CATCHER_JSONATA: &[&str] = &["Comment", "ErrorEquals", "Next", "Output", "Assign"];

impl<'t> Reader<'t> {
    pub(super) fn retry(&mut self, object: &Object<'_, 't>) -> Vec<Retrier> {
        let Some(items) = self.array(object, "Retry") else {
            return Vec::new();
        };
        let list = object.place.field("Retry");
        let last = items.len().saturating_sub(1);
        items
            .iter()
            .enumerate()
            .filter_map(|(index, node)| {
                let retrier = self.object_at(node, list.item(index))?;
                self.known_fields(&retrier, RETRIER);
                self.required(&retrier, &["ErrorEquals"]);
                self.retrier(&retrier, index == last)
            })
            .collect()
    }

    fn retrier(&mut self, object: &Object<'_, 't>, is_last: bool) -> Option<Retrier> {
        const JITTERS: [(&str, Jitter); 2] = [("FULL", Jitter::Full), ("NONE", Jitter::None)];
        let errors = self.error_equals(object, is_last);
        let interval_seconds = self.integer(object, "IntervalSeconds", 1..=SECONDS_MAX);
        let max_attempts = self.integer(object, "MaxAttempts", 0..=SECONDS_MAX);
        let backoff_rate = match object.get("BackoffRate") {
            Some(node) => self.float_at(node, &object.place.field("BackoffRate"), 1.0..=f64::MAX),
            None => None,
        };
        let max_delay_seconds = self.integer(object, "MaxDelaySeconds", 1..=MAX_DELAY_SECONDS_MAX);
        if let (Some(max_delay), Some(interval)) = (max_delay_seconds, interval_seconds)
            && max_delay <= interval
            && let Some(node) = object.get("MaxDelaySeconds")
        {
            self.error(
                node,
                &object.place.field("MaxDelaySeconds"),
                "MaxDelaySeconds must be greater than IntervalSeconds",
            );
        }
        let jitter = self.one_of(object, "JitterStrategy", &JITTERS);
        Some(Retrier {
            errors: errors?,
            interval_seconds: interval_seconds.unwrap_or(1),
            max_attempts: max_attempts.unwrap_or(3),
            backoff_rate: backoff_rate.unwrap_or(2.0),
            max_delay_seconds,
            jitter: jitter.unwrap_or_default(),
        })
    }

    pub(super) fn catch(
        &mut self,
        graph: &mut Graph<'_>,
        object: &Object<'_, 't>,
        language: QueryLanguage,
    ) -> Vec<Catcher> {
        let Some(items) = self.array(object, "Catch") else {
            return Vec::new();
        };
        let list = object.place.field("Catch");
        let last = items.len().saturating_sub(1);
        items
            .iter()
            .enumerate()
            .filter_map(|(index, node)| {
                let catcher = self.object_at(node, list.item(index))?;
                self.catcher_fields(&catcher, language);
                self.required(&catcher, &["ErrorEquals", "Next"]);
                self.assigned_names(&catcher);
                let errors = self.error_equals(&catcher, index == last);
                let next = self.transition(graph, &catcher, "Next");
                let flow = match language {
                    QueryLanguage::JsonPath => CatchFlow::JsonPath {
                        result_path: self.result_path(&catcher),
                        assign: self.json_path_template(&catcher, "Assign"),
                    },
                    QueryLanguage::Jsonata => CatchFlow::Jsonata {
                        output: self.jsonata_template(&catcher, "Output"),
                        assign: self.jsonata_template(&catcher, "Assign"),
                    },
                };
                Some(Catcher {
                    errors: errors?,
                    next: next?,
                    flow,
                })
            })
            .collect()
    }

    fn catcher_fields(&mut self, catcher: &Object<'_, 't>, language: QueryLanguage) {
        let (known, other) = match language {
            QueryLanguage::JsonPath => (CATCHER_JSON_PATH, "Output"),
            QueryLanguage::Jsonata => (CATCHER_JSONATA, "ResultPath"),
        };
        self.fields_of_language(catcher, known, &[other], language);
    }

    fn error_equals(&mut self, object: &Object<'_, 't>, is_last: bool) -> Option<ErrorNames> {
        let items = self.array(object, "ErrorEquals")?;
        let list = object.place.field("ErrorEquals");
        if items.is_empty() {
            let node = object.get("ErrorEquals")?;
            self.error(node, &list, "Value cannot be empty");
            return None;
        }
        let mut names: Vec<Arc<str>> = Vec::new();
        for (index, node) in items.iter().enumerate() {
            let place = list.item(index);
            let Some(name) = node.text() else {
                self.wrong_type(node, &place, "String");
                continue;
            };
            if name == "States.ALL" && (items.len() > 1 || !is_last) {
                self.error(
                    node,
                    &place,
                    "States.ALL must appear alone and at end of list",
                );
            }
            names.push(Arc::from(name));
        }
        Some(ErrorNames(names))
    }
}
