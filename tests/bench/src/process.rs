//! What a process and its children used, and what the disk was asked for: the same reading for every system under test.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// User and system time of one process.
pub fn cpu(id: u32) -> Result<Duration> {
    let (_, used) = stat(id).context("the process has ended")?;
    Ok(used)
}

/// User and system time of everything that the process has started and that is still there, itself not counted.
pub fn children_cpu(id: u32) -> Result<Duration> {
    let mut parents = BTreeMap::new();
    let mut used = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if let Some((parent, cpu)) = stat(process) {
            parents.insert(process, parent);
            used.insert(process, cpu);
        }
    }
    let below = |process: u32| {
        std::iter::successors(parents.get(&process), |parent| parents.get(parent))
            .any(|parent| *parent == id)
    };
    Ok(used
        .iter()
        .filter(|(process, _)| below(**process))
        .map(|(_, cpu)| *cpu)
        .sum())
}

/// Parent and time used; `None` when there is no such process. The clock ticks are those of Linux: 10 ms.
fn stat(id: u32) -> Option<(u32, Duration)> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let parent = fields.get(1)?.parse().ok()?;
    let ticks: u64 = fields
        .iter()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Some((parent, Duration::from_millis(ticks * 10)))
}

/// Flushes that the machine's disks have been asked for since it was started (field 16 of `/sys/block/*/stat`): every `fsync` of every process, so that
/// the figure is fair to all systems and true on a calm machine alone. `None` where the kernel does not count them.
pub fn flushes() -> Option<u64> {
    let mut total = None;
    for entry in std::fs::read_dir("/sys/block").ok()?.flatten() {
        let text = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(count) = text
            .split_whitespace()
            .nth(15)
            .and_then(|count| count.parse::<u64>().ok())
        {
            *total.get_or_insert(0) += count;
        }
    }
    total
}
