//! States: their type, the fields they all have, and the plain ones among them.

use std::sync::Arc;

use super::Reader;
use super::fields::Object;
use super::machine::Graph;
use super::setting::SECONDS_MAX;
use super::table::{self, Type};
use crate::definition::{
    Fail, Kind, Next, Parallel, Pass, QueryLanguage, State, Succeed, Until, Wait,
};
use crate::document::{Data, Node};
use crate::timestamp::Instant;

impl<'t> Reader<'t> {
    pub(super) fn state(
        &mut self,
        graph: &mut Graph<'_>,
        object: &Object<'_, 't>,
        name: &str,
    ) -> Option<State> {
        self.required(object, &["Type"]);
        let language = self.query_language(object, self.query_language);
        if self.query_language == QueryLanguage::Jsonata && language == QueryLanguage::JsonPath {
            self.error(
                object.node,
                &object.place,
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
            );
            return None;
        }
        let of = self.one_of(object, "Type", &table::TYPES)?;
        self.state_fields(object, of, language);
        let comment = self.string(object, "Comment").map(Arc::from);
        let kind = match of {
            Type::Task => self.task(graph, object, language).map(Kind::Task),
            Type::Wait => self.wait(graph, object, language).map(Kind::Wait),
            Type::Pass => self.pass(graph, object, language).map(Kind::Pass),
            Type::Succeed => {
                graph.ends = true;
                let flow = self.flow(object, language);
                Some(Kind::Succeed(Box::new(Succeed { flow })))
            }
            Type::Fail => {
                graph.ends = true;
                Some(Kind::Fail(self.fail(object, language)))
            }
            Type::Choice => self.choice(graph, object, language).map(Kind::Choice),
            Type::Parallel => self.parallel(graph, object, language).map(Kind::Parallel),
            Type::Map => self.map(graph, object, language).map(Kind::Map),
        };
        Some(State {
            name: Arc::from(name),
            comment,
            query_language: language,
            kind: kind?,
        })
    }

    /// `Next` or `End`.
    pub(super) fn next(&mut self, graph: &mut Graph<'_>, object: &Object<'_, 't>) -> Option<Next> {
        let end = self.boolean(object, "End").unwrap_or(false);
        let next = self.transition(graph, object, "Next");
        if end {
            graph.ends = true;
            self.only_one(object, &["Next", "End"]);
            return Some(Next::End);
        }
        let is_open = !object.has("Next") && !object.get("End").is_some_and(is_no_boolean);
        if is_open {
            self.error(
                object.node,
                &object.place,
                "One of these fields is required: [Next, End]",
            );
        }
        next.map(Next::State)
    }

    fn pass(
        &mut self,
        graph: &mut Graph<'_>,
        object: &Object<'_, 't>,
        language: QueryLanguage,
    ) -> Option<Box<Pass>> {
        let flow = self.flow(object, language);
        let result = match object.get("Result") {
            Some(node) => {
                let place = object.place.field("Result");
                self.static_result(node, &place);
                self.value(node, &place)
            }
            None => None,
        };
        let next = self.next(graph, object)?;
        Some(Box::new(Pass { flow, result, next }))
    }

    fn wait(
        &mut self,
        graph: &mut Graph<'_>,
        object: &Object<'_, 't>,
        language: QueryLanguage,
    ) -> Option<Box<Wait>> {
        const WAYS: [&str; 4] = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];
        let flow = self.flow(object, language);
        let next = self.next(graph, object);
        self.only_one(object, &WAYS);
        let until = if object.has("Timestamp") || object.has("TimestampPath") {
            self.setting(
                object,
                ["Timestamp", "TimestampPath"],
                language,
                |reader, node, place| {
                    let instant = reader.instant(node, place)?;
                    Some(instant.timestamp())
                },
            )
            .map(Until::Timestamp)
        } else if object.has("Seconds") || object.has("SecondsPath") {
            self.integer_setting(
                object,
                ["Seconds", "SecondsPath"],
                language,
                0..=SECONDS_MAX,
            )
            .map(Until::Seconds)
        } else {
            let ways: &[&str] = match language {
                QueryLanguage::JsonPath => &WAYS,
                QueryLanguage::Jsonata => &["Seconds", "Timestamp"],
            };
            self.error(
                object.node,
                &object.place,
                format!("One of these fields is required: [{}]", ways.join(", ")),
            );
            None
        };
        Some(Box::new(Wait {
            until: until?,
            flow,
            next: next?,
        }))
    }

    fn fail(&mut self, object: &Object<'_, 't>, language: QueryLanguage) -> Box<Fail> {
        Box::new(Fail {
            error: self.text_setting(object, ["Error", "ErrorPath"], language),
            cause: self.text_setting(object, ["Cause", "CausePath"], language),
        })
    }

    fn parallel(
        &mut self,
        graph: &mut Graph<'_>,
        object: &Object<'_, 't>,
        language: QueryLanguage,
    ) -> Option<Box<Parallel>> {
        self.required(object, &["Branches"]);
        let flow = self.flow(object, language);
        let retry = self.retry(object);
        let catch = self.catch(graph, object, language);
        let next = self.next(graph, object);
        let place = object.place.field("Branches");
        let branches = self.array(object, "Branches")?;
        if branches.is_empty() {
            let node = object.get("Branches")?;
            self.error(node, &place, "Value cannot be empty");
            return None;
        }
        let machines: Vec<_> = branches
            .iter()
            .enumerate()
            .map(|(index, node)| {
                let branch = self.object_at(node, place.item(index))?;
                self.known_fields(&branch, table::BRANCH);
                self.machine(&branch, graph.depth + 1)
            })
            .collect();
        Some(Box::new(Parallel {
            branches: machines.into_iter().collect::<Option<_>>()?,
            flow,
            retry,
            catch,
            next: next?,
        }))
    }

    /// A string that is a time.
    pub(super) fn instant(&mut self, node: &Node<'t>, place: &super::Place<'_>) -> Option<Instant> {
        let Some(text) = node.text() else {
            self.wrong_type(node, place, "String");
            return None;
        };
        let instant = Instant::parse(text);
        if instant.is_none() {
            self.error(node, place, "String does not match RFC3339 timestamp");
        }
        instant
    }
}

fn is_no_boolean(node: &Node<'_>) -> bool {
    !matches!(node.data, Data::Bool(_))
}
