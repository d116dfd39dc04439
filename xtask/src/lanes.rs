//! The outside suites side by side: most of them wait most of the time, for timers, workers and each other's processes.

use std::path::Path;
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::binary::{self, Profile};
use crate::report::{Report, seconds};
use crate::suite::{self, Outcome, Suite};

/// As many run at a time; one where the machine has a single core.
const LANES: usize = 2;

/// Runs suites: those that need the machine for themselves at the end, the others in the order of the register, two at a time.
pub fn run(root: &Path, suites: &[&Suite], report: &mut Report) {
    let began = Instant::now();
    println!("\n── binary");
    let binary = match binary::build(root, Profile::Debug) {
        Ok(binary) => binary,
        Err(error) => {
            report.broke("binary", &error, began.elapsed());
            for suite in suites {
                report.skip(&suite.name, "the binary could not be built");
            }
            return;
        }
    };
    let built = seconds(began.elapsed());
    println!("── binary: {} ({built})", binary.display());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (alone, beside): (Vec<&Suite>, Vec<&Suite>) = suites
        .iter()
        .partition(|suite| suite.alone || cores == 1 || suites.len() == 1);
    if !beside.is_empty() {
        suite::prepare(root, &beside);
        side_by_side(root, &beside, &binary, report);
    }
    for suite in alone {
        println!("\n── {}", suite.name);
        enter(suite, one(root, suite, &binary, false), report);
    }
}

/// How one ended, and how long it took with what it needs.
type Ended = (Result<Outcome>, Duration);

fn one(root: &Path, suite: &Suite, binary: &Path, beside: bool) -> Ended {
    let began = Instant::now();
    let outcome = suite::run_as(root, suite, binary, &[], beside);
    (outcome, began.elapsed())
}

fn side_by_side(root: &Path, suites: &[&Suite], binary: &Path, report: &mut Report) {
    let (ended, ends) = mpsc::channel();
    let next = Mutex::new(suites.iter());
    std::thread::scope(|scope| {
        for _ in 0..LANES.min(suites.len()) {
            let (next, ended) = (&next, ended.clone());
            scope.spawn(move || {
                loop {
                    let suite = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(suite) = suite else { break };
                    println!("── {}: begins", suite.name);
                    if ended
                        .send((*suite, one(root, suite, binary, true)))
                        .is_err()
                    {
                        break;
                    }
                }
            });
        }
        drop(ended);
        for (suite, outcome) in ends {
            enter(suite, outcome, report);
        }
    });
}

fn enter(suite: &Suite, (outcome, took): Ended, report: &mut Report) {
    match outcome {
        Ok(Outcome::Ran {
            counts,
            skips,
            elapsed,
        }) => {
            let set_up = took.saturating_sub(elapsed);
            println!("── {}: set up in {}", suite.name, seconds(set_up));
            report.add(&suite.name, counts, &skips, elapsed);
        }
        Ok(Outcome::Skipped(reason)) => report.skip(&suite.name, &reason),
        Err(error) => report.broke(&suite.name, &error, took),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(name: &str, script: &str, alone: bool) -> Suite {
        Suite {
            name: name.to_owned(),
            command: ["sh", "-c", script].map(String::from).into(),
            needs: vec![],
            server_args: vec![],
            wants: None,
            limit: Duration::from_secs(20),
            alone,
        }
    }

    /// Each of the two ends only when the other has begun.
    #[test]
    fn two_run_at_a_time_and_every_one_is_counted() {
        let root = crate::root::TemporaryFolder::new("lanes").unwrap();
        let at = root.path().display();
        let meets = |mine: &str, other: &str| {
            format!(
                "touch {at}/{mine}; until [ -e {at}/{other} ]; do sleep 0.01; done; echo 2 passed, 0 failed, 0 skipped"
            )
        };
        let suites = [
            suite("a", &meets("a", "b"), false),
            suite("b", &meets("b", "a"), false),
            suite("c", "echo 0 passed, 1 failed, 0 skipped; exit 1", false),
        ];
        let mut report = Report::default();
        let suites: Vec<&Suite> = suites.iter().collect();
        side_by_side(root.path(), &suites, Path::new("/bin/true"), &mut report);
        assert_eq!(report.counts(), crate::counts::Counts::new(4, 1, 0));
        assert!(!report.close(Duration::ZERO));
    }
}
