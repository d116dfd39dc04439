//! The ledger of one `cargo xtask test`: what was counted, what was skipped and why, what failed.

use crate::counts::Counts;
use std::time::Duration;

#[derive(Debug, Default)]
pub struct Report {
    counts: Counts,
    skips: Vec<String>,
    failures: Vec<String>,
}

impl Report {
    /// One check with a yes or no, such as the formatter.
    pub fn check(&mut self, name: &str, passed: bool, elapsed: Duration) {
        let counts = if passed {
            Counts::new(1, 0, 0)
        } else {
            Counts::new(0, 1, 0)
        };
        self.add(name, counts, &[], elapsed);
    }

    /// A suite that counted itself. Skips it did not explain are listed as such.
    pub fn add(&mut self, name: &str, counts: Counts, skips: &[(u64, String)], elapsed: Duration) {
        self.counts += counts;
        if counts.failed > 0 {
            self.failures.push(format!("{name}: {}", counts.failed));
        }
        let mut unexplained = counts.skipped;
        for (number, reason) in skips {
            self.skips.push(format!("{name}: {number} × {reason}"));
            unexplained = unexplained.saturating_sub(*number);
        }
        if unexplained > 0 {
            self.skips
                .push(format!("{name}: {unexplained} × no reason given"));
        }
        println!("── {name}: {counts} ({})", seconds(elapsed));
    }

    /// A suite that did not run at all counts as one skip.
    pub fn skip(&mut self, name: &str, reason: &str) {
        self.add(
            name,
            Counts::new(0, 0, 1),
            &[(1, reason.to_owned())],
            Duration::ZERO,
        );
    }

    /// A step that broke before it could count anything.
    pub fn broke(&mut self, name: &str, error: &anyhow::Error, elapsed: Duration) {
        println!("{name}: {error:#}");
        self.check(name, false, elapsed);
    }

    /// What has been counted so far.
    #[cfg(test)]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Prints skips, failures and, as the last line, the sum. True when nothing failed.
    pub fn close(&self, elapsed: Duration) -> bool {
        println!("\n── all in {}", seconds(elapsed));
        for skip in &self.skips {
            println!("skipped  {skip}");
        }
        for failure in &self.failures {
            println!("FAILED   {failure}");
        }
        println!("{}", self.counts);
        self.counts.failed == 0
    }
}

/// `0.4 s`, `61.0 s`: one unit for every step, so that columns can be compared.
pub fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_anywhere_makes_the_whole_fail() {
        let mut report = Report::default();
        report.check("fmt", true, Duration::ZERO);
        report.add(
            "wire",
            Counts::new(7, 0, 2),
            &[(1, "why".into())],
            Duration::ZERO,
        );
        assert!(report.close(Duration::ZERO));
        assert_eq!(report.skips, ["wire: 1 × why", "wire: 1 × no reason given"]);
        report.broke("rust", &anyhow::anyhow!("does not compile"), Duration::ZERO);
        report.skip("afl", "not here");
        assert_eq!(report.counts, Counts::new(8, 1, 3));
        assert!(!report.close(Duration::ZERO));
        assert_eq!(report.failures, ["rust: 1"]);
    }
}
