//! What logs may take, as options of a server.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use everstep_logs::{Limits, Logs};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs of functions")]
pub struct LogOptions {
    /// A function's log goes on in another file at this size, in MiB; it does so once a day anyhow
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    log_file_size: u32,
    /// So many older files of each function are kept
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    log_files: usize,
    /// Days that lines are kept of functions whose log group has no retention of its own; 0 is for ever
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    log_retention: u32,
    /// All logs together, in MiB; what was written least recently goes first
    #[arg(long, value_name = "MIB", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    log_total_size: u32,
}

impl LogOptions {
    /// Opens the log folder below a data folder.
    pub fn open(&self, data: &Path) -> Result<Logs> {
        let folder = data.join("logs");
        let limits = Limits {
            file_bytes_max: u64::from(self.log_file_size) << 20,
            files_kept: self.log_files,
            retention: (self.log_retention > 0).then(|| DAY * self.log_retention),
            total_bytes_max: u64::from(self.log_total_size) << 20,
            ..Limits::default()
        };
        Logs::open(&folder, limits)
            .with_context(|| format!("the logs in {} can't be opened", folder.display()))
    }
}
