//! The memory of this process, where the system tells it.

use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    if let Some(bytes) = resident_bytes() {
        registry.register(
            "resident_bytes",
            "Memory that this process holds",
            ConstGauge::new(bytes),
        );
    }
}

fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn this_process_holds_some_memory() {
        let bytes = super::resident_bytes().expect("told by Linux");
        assert!(bytes > 1 << 20, "{bytes}");
    }
}
