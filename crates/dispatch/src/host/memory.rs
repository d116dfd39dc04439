//! How much memory a worker and its descendants take for themselves.
//!
//! Counted is what would be lost with them: anonymous and shared memory. Pages of files, programs and libraries above all, belong to the
//! system's cache and to all workers alike. There is no limit of the kernel's behind this: address space and data segment say nothing of
//! runtimes that reserve gigabytes which they never touch, and control groups need a delegation that a development machine seldom has.

use std::fs;

/// Processes of one worker that are looked at; more are not counted.
const PROCESSES_MAX: usize = 256;

/// Whether the process and its descendants together take more than `limit_bytes`; then how much it is.
pub(super) fn excess(pid: i32, limit_bytes: u64) -> Option<u64> {
    let tree = tree(pid);
    let quick: u64 = tree.iter().map(|pid| resident(*pid)).sum();
    if quick <= limit_bytes {
        return None;
    }
    // Forked processes share pages until they write to them: the exact look is dear, and only needed near the limit.
    let exact: u64 = tree.iter().map(|pid| share(*pid)).sum();
    (exact > limit_bytes).then_some(exact)
}

/// The process and its descendants.
fn tree(pid: i32) -> Vec<i32> {
    let mut all = vec![pid];
    let mut at = 0;
    while let Some(next) = all.get(at).copied() {
        at += 1;
        let Ok(threads) = fs::read_dir(format!("/proc/{next}/task")) else {
            continue;
        };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            all.extend(
                children
                    .split_whitespace()
                    .filter_map(|id| id.parse::<i32>().ok()),
            );
        }
        if all.len() >= PROCESSES_MAX {
            break;
        }
    }
    all
}

fn resident(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    sum(&text, &["RssAnon:", "RssShmem:"])
}

/// As [`resident`], but a page that n processes share counts for one n-th in each.
fn share(pid: i32) -> u64 {
    match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        Ok(text) if text.contains("Pss_Anon:") => sum(&text, &["Pss_Anon:", "Pss_Shmem:"]),
        _ => resident(pid),
    }
}

/// Lines such as `RssAnon:      148 kB`, in bytes.
fn sum(text: &str, names: &[&str]) -> u64 {
    text.lines()
        .filter_map(|line| {
            let figure = names.iter().find_map(|name| line.strip_prefix(name))?;
            figure.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
        })
        .map(|kibibytes| kibibytes * 1024)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_and_its_child_are_counted_together() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .spawn()
            .unwrap();
        let both = tree(pid);
        assert!(both.contains(&pid) && both.contains(&i32::try_from(child.id()).unwrap()));
        assert!(excess(pid, 0).unwrap() > 100 * 1024);
        assert_eq!(excess(pid, 1 << 50), None);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn figures_are_read_with_their_unit() {
        let text = "Name:\tx\nRssAnon:\t     148 kB\nRssFile:\t 9 kB\nRssShmem:\t       2 kB\n";
        assert_eq!(sum(text, &["RssAnon:", "RssShmem:"]), 150 * 1024);
    }
}
