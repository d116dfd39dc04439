//! What the tests evaluate expressions against. The fuzz targets in `fuzz/` take it from here, too.

use everstep_expr::expression::Scope;
use everstep_expr::json::{Map, Value};

/// A scope whose chance counts from 0.
pub struct Given {
    pub input: Value,
    pub context: Value,
    pub variables: Map,
    pub drawn: u64,
}

impl Given {
    pub fn input(input: Value) -> Self {
        Self {
            input,
            context: Value::Null,
            variables: Map::new(),
            drawn: 0,
        }
    }
}

impl Scope for Given {
    fn input(&self) -> &Value {
        &self.input
    }

    fn context(&self) -> &Value {
        &self.context
    }

    fn variable(&self, name: &str) -> Option<&Value> {
        self.variables.get(name)
    }

    fn chance(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn - 1
    }
}
