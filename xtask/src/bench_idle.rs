//! `cargo xtask bench idle`: how soon a fresh server is ready, and what it holds in memory when nobody asks anything.

use crate::binary::{self, Profile};
use crate::root;
use crate::server::Server;
use anyhow::{Context, Result};
use std::path::Path;
use std::time::Duration;

const STARTS: usize = 20;

/// Long enough for allocations of the start to settle, short enough to be patient for.
const REST: Duration = Duration::from_secs(2);

pub fn run(root: &Path, args: &[String]) -> Result<()> {
    anyhow::ensure!(args.is_empty(), "idle takes no arguments");
    let binary = binary::build(root, Profile::Release)?;
    let size = std::fs::metadata(&binary)
        .context("the binary's size")?
        .len();
    let log = root::scratch(root, "log")?.join("bench-idle.log");
    let mut ready = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        ready.push(Server::start(&binary, &[], &log)?.ready_after());
    }
    let server = Server::start(&binary, &[], &log)?;
    std::thread::sleep(REST);
    let resident = resident(server.process())?;
    print!("{}", table(&mut ready, resident, size));
    Ok(())
}

/// Resident memory of a process in KiB, from the kernel's own account.
fn resident(process: u32) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("{path} has no VmRSS"))
}

fn table(ready: &mut [Duration], resident_kib: u64, binary_bytes: u64) -> String {
    ready.sort_unstable();
    let at = |part: usize| ready.get(ready.len().saturating_sub(1) * part / 100);
    let ms = |part: usize| at(part).map_or(0.0, |d| d.as_secs_f64() * 1_000.0);
    format!(
        "| what | build for | measured |\n|---|---|---|\n\
         | ready, empty store, {} starts | ≤ 300 ms | p50 {:.0} ms, max {:.0} ms |\n\
         | RSS when idle | ≤ 60 MB | {:.1} MB |\n\
         | binary | < 60 MB | {:.1} MB |\n",
        ready.len(),
        ms(50),
        ms(100),
        resident_kib as f64 * 1_024.0 / 1e6,
        binary_bytes as f64 / 1e6,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_memory_can_be_read() {
        let kib = resident(std::process::id()).unwrap();
        assert!((100..10_000_000).contains(&kib), "{kib} KiB");
    }

    #[test]
    fn figures_stand_beside_their_goals() {
        let mut ready = [30, 10, 20].map(Duration::from_millis);
        let text = table(&mut ready, 50_000, 12_300_000);
        assert!(
            text.contains("3 starts | ≤ 300 ms | p50 20 ms, max 30 ms |"),
            "{text}"
        );
        assert!(
            text.contains("| ≤ 60 MB | 51.2 MB |") && text.ends_with("| 12.3 MB |\n"),
            "{text}"
        );
    }
}
