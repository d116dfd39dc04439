//! From text to [`Definition`]: one walk over the text makes the model and collects what is wrong.
//!
//! The service reports what is wrong with fields first. Only a definition whose fields are right is looked at as a graph, because a
//! state that cannot be read has no transitions.

mod choice;
mod distributed;
mod fault;
mod fields;
mod flow;
mod graph;
mod machine;
mod map;
mod number;
mod operator;
mod place;
mod scope;
mod setting;
mod state;
mod table;
mod task;
mod template;
mod warning;

use std::collections::HashSet;
use std::sync::Arc;

use fields::Object;
use place::Place;

use crate::definition::{
    Definition, Flow, JsonPathFlow, Kind, LENGTH_MAX_BYTES, QueryLanguage, State, StateId, Succeed,
};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::document::{Data, Node};

/// Machines inside machines are refused beyond this depth: it keeps the walk within the stack.
const MACHINE_DEPTH_MAX: usize = 32;

/// So many findings are told, and so much text. A definition of a megabyte could have far more of both.
const FINDINGS_MAX: usize = 1_000;
const FINDINGS_BYTES_MAX: usize = 1_048_576;

/// What the service calls a state that `TestState` got without a name.
const LONE_NAME: &str = "StateName";

pub(crate) fn definition(text: &str) -> Result<Definition, Vec<Diagnostic>> {
    let document = document(text)?;
    let mut reader = Reader::new(text);
    let definition = reader.definition(&document);
    reader.finish(definition)
}

pub(crate) fn lone_state(text: &str) -> Result<Definition, Vec<Diagnostic>> {
    let document = document(text)?;
    let mut reader = Reader::new(text);
    reader.is_lone = true;
    let definition = reader.lone_state(&document);
    reader.finish(definition)
}

/// The text as a JSON object.
fn document(text: &str) -> Result<Node<'_>, Vec<Diagnostic>> {
    if text.len() > LENGTH_MAX_BYTES {
        return Err(vec![whole(format!(
            "Definition must not be longer than {LENGTH_MAX_BYTES} bytes"
        ))]);
    }
    if text.trim().is_empty() {
        return Err(vec![whole("Definition must be a valid JSON object".into())]);
    }
    let document = Node::parse(text).map_err(|error| {
        let location = error.location(text);
        vec![Diagnostic {
            severity: Severity::Error,
            code: Code::InvalidJsonDescription,
            message: format!("{}\n at {location}", error.message(text)),
            location: Some(location),
            offset: error.offset,
        }]
    })?;
    match &document.data {
        Data::Object(_) => Ok(document),
        _ => Err(vec![whole("Definition must be a valid JSON object".into())]),
    }
}

/// A finding about the definition as a whole.
fn whole(message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code: Code::SchemaValidationFailed,
        message,
        location: None,
        offset: 0,
    }
}

/// What the walk has made and found so far.
struct Reader<'t> {
    text: &'t str,
    /// By id. A state that is not read yet, or cannot be, has none.
    states: Vec<Option<State>>,
    /// Names and labels are unique in a definition.
    names: HashSet<String>,
    labels: HashSet<String>,
    /// The language of the whole definition.
    query_language: QueryLanguage,
    findings: Vec<Diagnostic>,
    /// What is wrong with the graph: told only if nothing else is.
    graph_findings: Vec<Diagnostic>,
    /// One state without a machine: its transitions lead outside.
    is_lone: bool,
    /// How much text the findings are.
    findings_bytes: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Reader<'t> {
        Reader {
            text,
            states: Vec::new(),
            names: HashSet::new(),
            labels: HashSet::new(),
            query_language: QueryLanguage::JsonPath,
            findings: Vec::new(),
            graph_findings: Vec::new(),
            is_lone: false,
            findings_bytes: 0,
        }
    }

    fn definition(&mut self, document: &Node<'t>) -> Option<Definition> {
        let top = Object::of(document, Place::Root)?;
        self.known_fields(&top, table::DEFINITION);
        self.query_language = self.query_language(&top, QueryLanguage::JsonPath);
        let timeout_seconds = self.integer(&top, "TimeoutSeconds", 1..=setting::SECONDS_MAX);
        let version = self.string(&top, "Version").map(Arc::from);
        let machine = self.machine(&top, 0)?;
        Some(Definition {
            states: Vec::new(),
            machine,
            query_language: self.query_language,
            version,
            timeout_seconds,
            warnings: Vec::new(),
        })
    }

    /// One state as a definition. States to which it leads are there, and succeed.
    fn lone_state(&mut self, document: &Node<'t>) -> Option<Definition> {
        let states = Place::Root;
        let states = states.field("States");
        let object = Object::of(document, states.field(LONE_NAME))?;
        if let Some("JSONata") = document.get("QueryLanguage").and_then(Node::text) {
            self.query_language = QueryLanguage::Jsonata;
        }
        let machine = self.machine_of_one(&object, LONE_NAME);
        Some(Definition {
            states: Vec::new(),
            machine,
            query_language: self.query_language,
            version: None,
            timeout_seconds: None,
            warnings: Vec::new(),
        })
    }

    /// A definition if nothing is wrong, or all that is wrong, in the order of the text.
    fn finish(mut self, definition: Option<Definition>) -> Result<Definition, Vec<Diagnostic>> {
        let is_shapeless = |found: &Diagnostic| {
            found.severity == Severity::Error && found.code != Code::MissingTransitionTarget
        };
        if !self.findings.iter().any(is_shapeless) {
            self.findings.append(&mut self.graph_findings);
        }
        self.findings.sort_by_key(|found| found.offset);
        // A field that is read for two reasons is told once.
        self.findings.dedup();
        let is_error = |found: &Diagnostic| found.severity == Severity::Error;
        let states: Option<Vec<State>> = self.states.into_iter().collect();
        match (definition, states) {
            (Some(mut definition), Some(states)) if !self.findings.iter().any(is_error) => {
                definition.states = states;
                definition.warnings = self.findings;
                Ok(definition)
            }
            _ => Err(self.findings),
        }
    }

    /// A state outside of a lone state's definition.
    fn outside(&mut self, name: &str) -> StateId {
        let known = self.states.iter().position(|state| {
            state
                .as_ref()
                .is_some_and(|state| &*state.name == name && self.is_lone)
        });
        let index = known.unwrap_or(self.states.len());
        if known.is_none() {
            self.states.push(Some(State {
                name: Arc::from(name),
                comment: None,
                query_language: self.query_language,
                kind: Kind::Succeed(Box::new(Succeed {
                    flow: Flow::JsonPath(Box::<JsonPathFlow>::default()),
                })),
            }));
        }
        state_id(index)
    }

    fn has_room(&self) -> bool {
        self.findings.len() + self.graph_findings.len() < FINDINGS_MAX
            && self.findings_bytes < FINDINGS_BYTES_MAX
    }

    fn has_error(&self) -> bool {
        self.findings
            .iter()
            .any(|found| found.severity == Severity::Error)
    }

    fn error(&mut self, node: &Node<'_>, place: &Place<'_>, message: impl Into<String>) {
        self.find(Code::SchemaValidationFailed, node, place, message);
    }

    fn find(&mut self, code: Code, node: &Node<'_>, place: &Place<'_>, message: impl Into<String>) {
        let severity = code.severity();
        // One error must get through, or a definition with many warnings would be taken.
        let is_first_error = severity == Severity::Error && !self.has_error();
        if !self.has_room() && !is_first_error {
            return;
        }
        let message = message.into();
        let location = place.to_string();
        self.findings_bytes += message.len() + location.len();
        self.findings.push(Diagnostic {
            severity,
            code,
            message,
            location: Some(location),
            offset: node.start,
        });
    }
}

/// Ids fit: a definition is at most a megabyte.
fn state_id(index: usize) -> StateId {
    StateId(u32::try_from(index).unwrap_or(u32::MAX))
}
