//! How and where a function's code is run.

use serde::{Deserialize, Serialize};

/// Processes of a function, and what each of them takes at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scaling {
    /// Processes that are kept although nothing is to do.
    pub workers_min: u32,
    /// A lower limit than the server's; of a function that runs elsewhere, how many calls it gets at once.
    pub workers_max: Option<u32>,
    /// Invocations that one process takes at once: AWS's `PerExecutionEnvironmentMaxConcurrency`.
    pub concurrency: Option<u32>,
}

/// A function that is reached by Lambda's Invoke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Of the server, such as `http://127.0.0.1:8080`, or of the call, which then ends with `/invocations`.
    pub url: String,
    /// Name or ARN of the function there; its name here if absent.
    #[serde(default)]
    pub function: Option<String>,
    /// Calls are signed for this region. Without it they are signed if the URL is that of AWS's Lambda or a profile is named.
    #[serde(default)]
    pub region: Option<String>,
    /// Profile of AWS's shared configuration whose credentials sign.
    #[serde(default)]
    pub profile: Option<String>,
}
