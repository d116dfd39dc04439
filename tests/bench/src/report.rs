//! Figures as the lines of a Markdown table.

use std::time::Duration;

/// Durations of many calls, sorted when asked.
#[derive(Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    pub fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// In microseconds: the value that `percent` of the calls stayed below.
    pub fn percentile_us(&mut self, percent: usize) -> u128 {
        self.0.sort_unstable();
        let at = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(at).map_or(0, Duration::as_micros)
    }
}

/// Prints one row: what, figure, remark.
#[expect(clippy::print_stdout, reason = "this is the program's output")]
pub fn row(what: &str, figure: impl std::fmt::Display, remark: impl std::fmt::Display) {
    println!("| {what} | {figure} | {remark} |");
}

pub fn head() {
    row("what", "figure", "remark");
    row("---", "---", "---");
}
