//! What the expressions of one state look at.

use std::cell::OnceCell;

use everstep_expr::json::Value;
use everstep_expr::jsonata;

use super::chance::Chance;
use super::context;
use super::event::FrameId;
use super::flow::Environment;
use super::state::State;

/// What the expressions of one state look at. The context object is built when it is first asked for.
pub(crate) struct Scene<'s> {
    pub state: &'s State,
    pub frame: FrameId,
    pub now_ms: u64,
    pub limits: &'s jsonata::Limits,
    pub chance: &'s mut Chance,
    pub token: Option<String>,
    /// The item of an iteration that is about to begin.
    pub item: Option<(u32, Value)>,
    pub context: OnceCell<Value>,
}

impl Environment for Scene<'_> {
    fn context(&self) -> &Value {
        self.context.get_or_init(|| {
            context::build(
                self.state,
                self.frame,
                self.token.as_deref(),
                self.item.clone(),
            )
        })
    }

    fn variable(&self, name: &str) -> Option<&Value> {
        Some(self.state.variable(self.frame, name)?.value())
    }

    fn now_ms(&self) -> u64 {
        self.now_ms
    }

    fn chance(&mut self) -> u64 {
        self.chance.draw()
    }

    fn limits(&self) -> &jsonata::Limits {
        self.limits
    }
}
