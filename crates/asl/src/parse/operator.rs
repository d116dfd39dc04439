//! The operators of choice rules.

use crate::choice::{Class, Relation, Type};

/// What a rule can ask, by the name of its field.
#[derive(Clone, Copy)]
pub(super) enum Operator {
    And,
    Or,
    Not,
    Is(Class),
    Matches,
    Compares {
        of: Type,
        relation: Relation,
        is_path: bool,
    },
}

impl Operator {
    /// The operator of that name.
    pub fn parse(name: &str) -> Option<Operator> {
        const CLASSES: [(&str, Class); 6] = [
            ("IsPresent", Class::Present),
            ("IsNull", Class::Null),
            ("IsNumeric", Class::Numeric),
            ("IsString", Class::String),
            ("IsBoolean", Class::Boolean),
            ("IsTimestamp", Class::Timestamp),
        ];
        match name {
            "And" => return Some(Operator::And),
            "Or" => return Some(Operator::Or),
            "Not" => return Some(Operator::Not),
            "StringMatches" => return Some(Operator::Matches),
            _ => {}
        }
        if let Some((_, class)) = CLASSES.iter().find(|(known, _)| *known == name) {
            return Some(Operator::Is(*class));
        }
        let (name, is_path) = match name.strip_suffix("Path") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (of, relation) = [
            ("String", Type::String),
            ("Numeric", Type::Numeric),
            ("Timestamp", Type::Timestamp),
            ("Boolean", Type::Boolean),
        ]
        .into_iter()
        .find_map(|(prefix, of)| Some((of, name.strip_prefix(prefix)?)))?;
        let relation = match relation {
            "Equals" => Relation::Equals,
            "LessThan" => Relation::LessThan,
            "GreaterThan" => Relation::GreaterThan,
            "LessThanEquals" => Relation::LessThanEquals,
            "GreaterThanEquals" => Relation::GreaterThanEquals,
            _ => return None,
        };
        if of == Type::Boolean && relation != Relation::Equals {
            return None;
        }
        Some(Operator::Compares {
            of,
            relation,
            is_path,
        })
    }
}
