use super::*;
use crate::line::LogStream;
use crate::read::{Entry, Window};
use std::ops::ControlFlow;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn line(message: &str) -> LogLine {
    LogLine {
        time: "2026-01-01T00:00:00.000000Z".to_owned(),
        request_id: Some("r".to_owned()),
        execution: None,
        stream: LogStream::Stdout,
        log_stream: "s".to_owned(),
        message: message.to_owned(),
    }
}

fn limits(file_bytes_max: u64, files_kept: usize) -> Limits {
    Limits {
        file_bytes_max,
        files_kept,
        ..Limits::default()
    }
}

fn all(file: &LogFile) -> Vec<Entry> {
    let mut entries = Vec::new();
    file.scan(&Window::default(), |entry| {
        entries.push(entry);
        ControlFlow::Continue(())
    })
    .unwrap();
    entries
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn lines_come_back_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = LogFile::new(folder.path(), "f", limits(1 << 20, 2));
    let written = [line("plain"), line("quotes \" and\nline ends, ü")];
    file.append(&written, NOW);
    let read: Vec<LogLine> = all(&file).into_iter().map(|entry| entry.line).collect();
    assert_eq!(read, written);
}

#[test]
fn rotation_bounds_every_file_and_keeps_the_youngest() {
    let folder = tempfile::tempdir().unwrap();
    let file = LogFile::new(folder.path(), "f", limits(1000, 2));
    for number in 0..100 {
        file.append(&[line(&format!("message {number}"))], NOW);
    }
    let names = names(folder.path());
    assert_eq!(names.len(), 3);
    for name in &names {
        assert!(fs::metadata(folder.path().join(name)).unwrap().len() <= 1100);
    }
    assert_eq!(all(&file).last().unwrap().line.message, "message 99");
}

#[test]
fn a_line_keeps_its_position_across_rotation_and_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let open = || LogFile::new(folder.path(), "f", limits(1000, 20));
    let mut seen: Vec<Entry> = Vec::new();
    for number in 0..60 {
        let file = open();
        file.append(&[line(&format!("message {number}"))], NOW);
        let now = all(&file);
        assert_eq!(now.len(), seen.len() + 1);
        assert_eq!(now[..seen.len()], seen[..]);
        seen = now;
    }
    assert!(names(folder.path()).len() > 3);
    let file = open();
    for entry in &seen {
        assert_eq!(file.at(entry.position).unwrap().as_ref(), Some(entry));
    }
}

#[test]
fn numbers_go_on_when_nothing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = LogFile::new(folder.path(), "f", limits(200, 0));
    let mut last = None;
    for number in 0..5 {
        file.append(&[line(&format!("message {number}"))], NOW);
        let only = all(&file);
        assert_eq!(only.len(), 1);
        assert!(last < Some(only[0].position));
        last = Some(only[0].position);
    }
}

#[test]
fn a_file_is_rotated_by_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let file = LogFile::new(
        folder.path(),
        "f",
        Limits {
            file_age_max: Duration::from_secs(60),
            ..limits(1 << 20, 4)
        },
    );
    file.append(&[line("first")], NOW);
    file.append(&[line("second")], NOW + Duration::from_secs(59));
    assert_eq!(names(folder.path()), ["f.log"]);
    file.append(&[line("third")], NOW + Duration::from_secs(61));
    assert_eq!(names(folder.path()), ["f.1.log", "f.log"]);
    assert_eq!(all(&file).len(), 3);
}

#[test]
fn a_file_of_before_there_were_headers_is_read_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let old = r#"{"time":"2026-01-01T00:00:00.000000Z","stream":"stdout","logStream":"s","message":"old"}"#;
    fs::write(folder.path().join("f.log"), format!("{old}\n")).unwrap();
    let file = LogFile::new(folder.path(), "f", limits(1 << 20, 2));
    file.append(&[line("new")], NOW);
    let messages: Vec<String> = all(&file)
        .into_iter()
        .map(|entry| entry.line.message)
        .collect();
    assert_eq!(messages, ["old", "new"]);
}
