//! How functions are run: options that every kind of server has.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use everstep_dispatch::HostOptions;

#[derive(Args, Clone, Debug)]
pub struct HostArguments {
    /// Folder of functions: `everstep.toml` or a SAM `template.yaml` in it or in its sub-folders; loaded again when something changes
    #[arg(long, value_name = "DIR")]
    pub functions: Option<PathBuf>,
    /// Processes of all functions together
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub max_workers: usize,
    /// Processes of one function; its own `max_workers` may be lower
    #[arg(long, default_value_t = 16, value_name = "N")]
    pub max_workers_per_function: usize,
    /// Seconds after which an idle process is ended
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub worker_idle: u64,
    /// Invocations of one function that may wait for a process; further ones are refused
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub max_queued: usize,
    /// Let functions take more memory than they have
    #[arg(long)]
    pub no_memory_limit: bool,
}

impl HostArguments {
    /// Puts what was asked for into a host's options.
    pub fn apply(&self, options: &mut HostOptions) {
        options.max_workers = self.max_workers.max(1);
        options.max_workers_per_function = self.max_workers_per_function.max(1);
        options.idle_timeout = Duration::from_secs(self.worker_idle);
        options.max_queued_per_function = self.max_queued;
        options.memory_enforced = !self.no_memory_limit;
    }
}

#[derive(Args, Clone, Debug)]
pub struct FunctionEnvironment {
    /// Python interpreter for functions that name none of their own
    #[arg(long, default_value = "python3", env = "EVERSTEP_PYTHON")]
    python: PathBuf,
    /// Region in the ARNs
    #[arg(long, default_value = "us-east-1", env = "AWS_REGION", value_parser = crate::arguments::region)]
    pub region: String,
}

impl FunctionEnvironment {
    /// Puts what was asked for into a host's options.
    pub fn apply(&self, options: &mut HostOptions) {
        options.python.clone_from(&self.python);
        options.region.clone_from(&self.region);
    }
}
