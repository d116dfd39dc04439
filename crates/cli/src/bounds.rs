//! What one execution may grow to, as options of a server.

use clap::Args;
use everstep_engine::StateMachineLimits;
use everstep_server::Limits;

#[derive(Args, Clone, Debug)]
pub struct Bounds {
    /// Operations that one execution may have; AWS stops at 3,000
    #[arg(long, value_name = "N", default_value_t = Limits::default().execution_operations_max, value_parser = clap::value_parser!(u32).range(1..))]
    max_operations: u32,
    /// Bytes of payloads and errors that one execution may hold; AWS stops at 100 MB
    #[arg(long, value_name = "N", default_value_t = Limits::default().execution_bytes_max, value_parser = clap::value_parser!(u64).range(1..))]
    max_execution_bytes: u64,
    /// Events that the history of a state machine's execution may have; AWS stops at 25,000
    #[arg(long, value_name = "N", default_value_t = StateMachineLimits::default().history_events, value_parser = clap::value_parser!(u32).range(2..))]
    history_events: u32,
}

impl Bounds {
    /// Puts what was asked for into a server's limits.
    pub const fn apply(&self, limits: &mut Limits) {
        limits.execution_operations_max = self.max_operations;
        limits.execution_bytes_max = self.max_execution_bytes;
    }

    /// What state machines may do.
    pub fn of_state_machines(&self) -> StateMachineLimits {
        StateMachineLimits {
            history_events: self.history_events,
            ..StateMachineLimits::default()
        }
    }
}
