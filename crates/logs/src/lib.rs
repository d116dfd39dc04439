//! Captured logs: what functions print, written by the function host and read by the protocols.
//!
//! - `folder`: [`Logs`], the handle that all share; `file`: one group's files, which rotate and grow old; `read`: going through them.
//! - `settings`: what AWS's calls keep about a group: when it was made, how long its lines are kept, its tags.
//! - `pattern`: CloudWatch Logs' filter patterns. `insights`: its query language. Both are pure: text in, verdict out.
//!
//! It does not know: functions, executions, HTTP, who asks.
//!
//! Invariants
//! - One process writes a folder, through one [`Logs`]; readers share it, so a rotation never hides a line from them.
//! - A line keeps its [`Position`] for as long as it is kept, and no other line ever gets it.
//! - Nothing grows without bound: files by size and age, a group by its number of files, the folder by its total.

#![forbid(unsafe_code)]

mod file;
mod folder;
pub mod insights;
mod line;
mod name;
pub mod pattern;
mod read;
mod settings;
mod tail;

pub use file::LogFile;
pub use folder::{Limits, Logs};
pub use line::{LogLine, LogStream, time_text};
pub use name::{function_group, group_name, is_group_name};
pub use read::{Entry, Position, StreamSummary, Window};
pub use settings::GroupSettings;
pub use tail::Tail;
