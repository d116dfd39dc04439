//! What happens to errors: retriers and catchers.

use std::sync::Arc;

use everstep_expr::jsonata;
use everstep_expr::template::Template;

use super::{ResultPath, StateId};

/// The errors that a retrier or catcher is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorNames(pub Vec<Arc<str>>);

impl ErrorNames {
    /// Whether an error of that name is among them.
    ///
    /// `States.ALL` is every error but those that no state can mend, `States.TaskFailed` every error of a task but its time-out, and
    /// `States.Timeout` a missed heartbeat too.
    #[must_use]
    pub fn matches(&self, error: &str) -> bool {
        self.0.iter().any(|name| match &**name {
            "States.ALL" => error != "States.Runtime",
            "States.TaskFailed" => !matches!(
                error,
                "States.Timeout" | "States.DataLimitExceeded" | "States.Runtime"
            ),
            "States.Timeout" => matches!(error, "States.Timeout" | "States.HeartbeatTimeout"),
            name => name == error,
        })
    }
}

/// Tries again what failed.
#[derive(Clone, Debug)]
pub struct Retrier {
    /// Which errors.
    pub errors: ErrorNames,
    /// The time before the first new attempt.
    pub interval_seconds: u64,
    /// How often. 0: never.
    pub max_attempts: u64,
    /// How much longer each further time is than the one before.
    pub backoff_rate: f64,
    /// The longest time between attempts.
    pub max_delay_seconds: Option<u64>,
    /// How chance changes these times.
    pub jitter: Jitter,
}

impl Retrier {
    /// The time before the next attempt after so many new ones, without chance.
    #[must_use]
    pub fn delay_ms(&self, tried: u32) -> u64 {
        let exponent = i32::try_from(tried).unwrap_or(i32::MAX);
        let seconds = self.interval_seconds as f64 * self.backoff_rate.powi(exponent);
        let capped = match self.max_delay_seconds {
            Some(max) => seconds.min(max as f64),
            None => seconds,
        };
        // A cast of what is too large gives the largest number.
        (capped * 1_000.0) as u64
    }
}

/// How chance changes the time before a new attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jitter {
    /// Not at all.
    #[default]
    None,
    /// It is any time up to the computed one.
    Full,
}

/// Goes on elsewhere after an error.
#[derive(Debug)]
pub struct Catcher {
    /// Which errors.
    pub errors: ErrorNames,
    /// Where it goes on.
    pub next: StateId,
    /// What becomes of the error's data.
    pub flow: CatchFlow,
}

/// What becomes of a caught error's data, in the language of its state.
#[derive(Debug)]
pub enum CatchFlow {
    /// It goes into the state's input.
    JsonPath {
        /// Where in the input.
        result_path: ResultPath,
        /// The variables that are set.
        assign: Option<Template>,
    },
    /// `$states.errorOutput` holds it.
    Jsonata {
        /// The state's output. Absent: the error's data.
        output: Option<jsonata::Template>,
        /// The variables that are set.
        assign: Option<jsonata::Template>,
    },
}
