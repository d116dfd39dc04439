//! Paths, and values that are written down, found or computed.

use std::ops::RangeInclusive;
use std::sync::Arc;

use everstep_expr::expression::Expression;
use everstep_expr::path::ReferencePath;

use super::Reader;
use super::fields::Object;
use super::place::Place;
use crate::definition::{QueryLanguage, ResultPath, Selection, Setting};
use crate::document::{Data, Node};

/// The most that a number of seconds may be.
pub(super) const SECONDS_MAX: u64 = 99_999_999;

/// What a path may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathKind {
    /// Any path: into the data, the context object or a variable.
    Any,
    /// One that finds one value, in the data or a variable.
    Reference,
    /// One that finds one value, also in the context object.
    ReferenceOrContext,
    /// Any path or a call of a function.
    Expression,
}

impl<'t> Reader<'t> {
    /// A string that is a path.
    pub(super) fn path_at(
        &mut self,
        node: &Node<'t>,
        place: &Place<'_>,
        kind: PathKind,
    ) -> Option<Expression> {
        let Some(text) = node.text() else {
            self.wrong_type(node, place, "String");
            return None;
        };
        let is_path = text.starts_with('$');
        let parsed = Expression::parse(text);
        let problem = match (kind, parsed) {
            (PathKind::Expression, Ok(expression)) => return Some(expression),
            (PathKind::Expression, Err(_)) => {
                "Value must be a valid JSONPath or a valid intrinsic function call".to_owned()
            }
            (PathKind::Any, Ok(expression)) if is_path => return Some(expression),
            (PathKind::Any, _) => "Value must be a valid JSONPath.".to_owned(),
            (PathKind::Reference | PathKind::ReferenceOrContext, Ok(expression))
                if is_path
                    && expression.is_reference_path()
                    && (kind == PathKind::ReferenceOrContext || !text.starts_with("$$")) =>
            {
                return Some(expression);
            }
            (PathKind::Reference | PathKind::ReferenceOrContext, _) => {
                "Value is not a Reference Path".to_owned()
            }
        };
        self.error(node, place, problem);
        None
    }

    /// `InputPath` and `OutputPath`.
    pub(super) fn selection(&mut self, object: &Object<'_, 't>, name: &str) -> Selection {
        let Some(node) = object.get(name) else {
            return Selection::Whole;
        };
        match &node.data {
            Data::Null => Selection::Nothing,
            Data::String(text) if text == "$" => Selection::Whole,
            _ => self
                .path_at(node, &object.place.field(name), PathKind::Any)
                .map_or(Selection::Whole, Selection::Path),
        }
    }

    pub(super) fn result_path(&mut self, object: &Object<'_, 't>) -> ResultPath {
        let Some(node) = object.get("ResultPath") else {
            return ResultPath::Whole;
        };
        let place = object.place.field("ResultPath");
        let text = match &node.data {
            Data::Null => return ResultPath::Discard,
            Data::String(text) => text,
            _ => {
                self.wrong_type(node, &place, "String");
                return ResultPath::Whole;
            }
        };
        if text == "$" {
            return ResultPath::Whole;
        }
        match ReferencePath::parse(text) {
            Ok(path) => ResultPath::At(path),
            Err(_) => {
                self.error(node, &place, "Value is not a Reference Path");
                ResultPath::Whole
            }
        }
    }

    /// A value in the first of two fields, or a path to it in the second.
    pub(super) fn setting<T>(
        &mut self,
        object: &Object<'_, 't>,
        [name, path_name]: [&str; 2],
        language: QueryLanguage,
        fixed: impl FnOnce(&mut Self, &Node<'t>, &Place<'_>) -> Option<T>,
    ) -> Option<Setting<T>> {
        self.only_one(object, &[name, path_name]);
        if let Some(node) = object.get(path_name) {
            return self
                .path_at(node, &object.place.field(path_name), PathKind::Reference)
                .map(Setting::Path);
        }
        let node = object.get(name)?;
        let place = object.place.field(name);
        if language == QueryLanguage::Jsonata
            && let Some(program) = self.program(node, &place)
        {
            return program.map(Setting::Jsonata);
        }
        fixed(self, node, &place).map(Setting::Fixed)
    }

    pub(super) fn integer_setting(
        &mut self,
        object: &Object<'_, 't>,
        names: [&str; 2],
        language: QueryLanguage,
        range: RangeInclusive<u64>,
    ) -> Option<Setting<u64>> {
        self.setting(object, names, language, |reader, node, place| {
            reader.integer_at(node, place, range)
        })
    }

    /// A text, or an expression that gives one.
    pub(super) fn text_setting(
        &mut self,
        object: &Object<'_, 't>,
        [name, path_name]: [&str; 2],
        language: QueryLanguage,
    ) -> Option<Setting<Arc<str>>> {
        self.only_one(object, &[name, path_name]);
        if let Some(node) = object.get(path_name) {
            return self
                .path_at(node, &object.place.field(path_name), PathKind::Expression)
                .map(Setting::Path);
        }
        let node = object.get(name)?;
        let place = object.place.field(name);
        if language == QueryLanguage::Jsonata
            && let Some(program) = self.program(node, &place)
        {
            return program.map(Setting::Jsonata);
        }
        let text = self.string(object, name)?;
        self.path_without_suffix(node, &place, text);
        Some(Setting::Fixed(Arc::from(text)))
    }
}
