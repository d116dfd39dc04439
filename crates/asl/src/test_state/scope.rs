//! What a tested state's expressions look at, and where its data has passed.

use std::collections::BTreeMap;
use std::sync::Arc;

use everstep_expr::json::{Map, Value};
use everstep_expr::jsonata;

use crate::machine::Chance;
use crate::machine::flow::{Environment, Point};

/// What a tested state's expressions look at.
pub(super) struct Scope {
    context: Value,
    /// The context object without what one iteration adds.
    base: Map,
    pub variables: Map,
    now_ms: u64,
    chance: Chance,
    limits: jsonata::Limits,
    pub passed: BTreeMap<Point, Value>,
}

impl Scope {
    pub fn new(
        context: Map,
        variables: Map,
        now_ms: u64,
        chance: Chance,
        limits: jsonata::Limits,
    ) -> Self {
        Self {
            context: context.clone().into(),
            base: context,
            variables,
            now_ms,
            chance,
            limits,
            passed: BTreeMap::new(),
        }
    }

    /// Looks at one item of a Map state.
    pub fn at_item(&mut self, index: usize, item: &Value) {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        let item: Map = [("Index", Value::from(index)), ("Value", item.clone())]
            .into_iter()
            .collect();
        let map: Map = [("Item", Value::from(item))].into_iter().collect();
        let mut context = self.base.clone();
        context.insert("Map", map.into());
        self.context = context.into();
    }

    /// Looks at no item any more.
    pub fn behind_items(&mut self) {
        self.context = self.base.clone().into();
    }

    pub fn assign(&mut self, assigned: &[(Arc<str>, Value)]) {
        for (name, value) in assigned {
            self.variables.insert(name.clone(), value.clone());
        }
    }
}

impl Environment for Scope {
    fn context(&self) -> &Value {
        &self.context
    }

    fn variable(&self, name: &str) -> Option<&Value> {
        self.variables.get(name)
    }

    fn now_ms(&self) -> u64 {
        self.now_ms
    }

    fn chance(&mut self) -> u64 {
        self.chance.draw()
    }

    fn limits(&self) -> &jsonata::Limits {
        &self.limits
    }

    fn passed(&mut self, point: Point, data: &Value) {
        self.passed.insert(point, data.clone());
    }
}
