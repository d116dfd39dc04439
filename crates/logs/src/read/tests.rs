use super::*;
use crate::folder::{Limits, Logs};
use crate::line::LogStream;

/// A group of two hundred lines over several files: one a second, in two streams.
fn sample() -> (tempfile::TempDir, Arc<LogFile>) {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        file_bytes_max: 4_000,
        files_kept: 100,
        ..Limits::default()
    };
    let logs = Logs::open(folder.path(), limits).unwrap();
    let file = logs.of_function("f");
    for second in 0..200_u64 {
        let line = LogLine {
            time: format!("{}000Z", time_text(second * 1_000)),
            request_id: None,
            execution: None,
            stream: LogStream::Stdout,
            log_stream: if second.is_multiple_of(2) {
                "even"
            } else {
                "odd"
            }
            .to_owned(),
            message: format!("line {second}"),
        };
        logs.append(&file, &[line]);
    }
    (folder, file)
}

fn seconds(file: &LogFile, window: &Window) -> Vec<u64> {
    let mut found = Vec::new();
    file.scan(window, |entry| {
        found.push(entry.at_ms / 1_000);
        ControlFlow::Continue(())
    })
    .unwrap();
    found
}

#[test]
fn a_window_of_time_is_exact() {
    let (_folder, file) = sample();
    for (from, until) in [(0, 199), (1, 1), (57, 123), (190, 300), (300, 400)] {
        let window = Window {
            from_ms: Some(from * 1_000),
            until_ms: Some(until * 1_000),
            ..Window::default()
        };
        let expected: Vec<u64> = (from..=until).filter(|second| *second < 200).collect();
        assert_eq!(seconds(&file, &window), expected, "{from}..={until}");
        // The second time, files are passed over by what is known of them.
        assert_eq!(seconds(&file, &window), expected, "{from}..={until}");
    }
}

#[test]
fn a_window_of_positions_is_exact() {
    let (_folder, file) = sample();
    let mut entries = Vec::new();
    file.scan(&Window::default(), |entry| {
        entries.push(entry);
        ControlFlow::Continue(())
    })
    .unwrap();
    let window = Window {
        from: Some(entries[50].position),
        before: Some(entries[150].position),
        ..Window::default()
    };
    assert_eq!(seconds(&file, &window), (50..150).collect::<Vec<u64>>());
    let behind = Window {
        from: Some(entries[120].end),
        ..Window::default()
    };
    assert_eq!(seconds(&file, &behind), (121..200).collect::<Vec<u64>>());
    assert_eq!(file.end().unwrap(), entries[199].end);
    let text = entries[199].end.to_string();
    assert_eq!(text.parse(), Ok(entries[199].end));
    assert_eq!("12".parse::<Position>(), Err(()));
}

#[test]
fn the_last_lines_are_found_across_files() {
    let (_folder, file) = sample();
    let last = |count, bytes_max| {
        let found = file.last(&Window::default(), count, bytes_max, |entry| {
            entry.line.log_stream == "odd"
        });
        found
            .unwrap()
            .iter()
            .map(|entry| entry.at_ms / 1_000)
            .collect::<Vec<u64>>()
    };
    assert_eq!(last(3, 1_000), [195, 197, 199]);
    assert_eq!(last(60, 10_000).len(), 60);
    assert_eq!(last(1_000, 10_000).len(), 100);
    assert_eq!(last(1_000, 16), [197, 199]);
}

#[test]
fn streams_are_summed_up_as_files_grow() {
    let (_folder, file) = sample();
    let streams = file.streams().unwrap();
    assert_eq!(streams.keys().collect::<Vec<_>>(), ["even", "odd"]);
    assert_eq!(
        (streams["odd"].first_ms, streams["odd"].last_ms),
        (1_000, 199_000)
    );
    assert_eq!(file.streams().unwrap(), streams);
}

#[test]
fn a_clock_that_goes_back_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::open(
        folder.path(),
        Limits {
            file_bytes_max: 300,
            ..Limits::default()
        },
    )
    .unwrap();
    let file = logs.of_function("f");
    for second in [5_000_u64, 5_001, 1_400, 1_401, 5_002] {
        let line = LogLine {
            time: format!("{}000Z", time_text(second * 1_000)),
            request_id: None,
            execution: None,
            stream: LogStream::Stderr,
            log_stream: "s".to_owned(),
            message: "x".to_owned(),
        };
        logs.append(&file, &[line]);
    }
    let early = Window {
        until_ms: Some(2_000_000),
        ..Window::default()
    };
    let late = Window {
        from_ms: Some(2_000_000),
        ..Window::default()
    };
    for _ in 0..2 {
        assert_eq!(seconds(&file, &early), [1_400, 1_401]);
        assert_eq!(seconds(&file, &late), [5_000, 5_001, 5_002]);
    }
}
