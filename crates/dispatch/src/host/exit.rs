//! Lambda's wording for the end of a process.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// For example `Runtime exited with error: exit status 1`, `Runtime exited with error: signal: killed`.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(signal)) => {
            let core = if status.core_dumped() {
                " (core dumped)"
            } else {
                ""
            };
            format!(
                "Runtime exited with error: signal: {}{core}",
                signal_name(signal)
            )
        }
        (None, None) => "Runtime exited with error: unknown status".to_owned(),
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        10 => "user defined signal 1",
        11 => "segmentation fault",
        12 => "user defined signal 2",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_processes_read_as_on_lambda() {
        let cases = [
            (0, "Runtime exited without providing a reason"),
            (1 << 8, "Runtime exited with error: exit status 1"),
            (255 << 8, "Runtime exited with error: exit status 255"),
            (9, "Runtime exited with error: signal: killed"),
            (
                11 | 0x80,
                "Runtime exited with error: signal: segmentation fault (core dumped)",
            ),
            (40, "Runtime exited with error: signal: signal 40"),
        ];
        for (raw, text) in cases {
            assert_eq!(describe(ExitStatus::from_raw(raw)), text);
        }
    }
}
