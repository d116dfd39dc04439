use super::*;

fn line(message: &str) -> LogLine {
    LogLine {
        time: "2026-01-01T00:00:00Z".to_owned(),
        request_id: Some("r".to_owned()),
        stream: LogStream::Stdout,
        log_stream: "s".to_owned(),
        message: message.to_owned(),
    }
}

#[test]
fn lines_come_back_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().to_owned(), 1 << 20, 2);
    let written = [line("plain"), line("quotes \" and\nline ends, ü")];
    logs.of("f").append(&written);
    let text = fs::read_to_string(folder.path().join("f.log")).unwrap();
    let read: Vec<LogLine> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(read, written);
}

#[test]
fn rotation_bounds_every_file_and_keeps_the_youngest() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(folder.path().to_owned(), 1000, 2);
    for number in 0..100 {
        logs.of("f").append(&[line(&format!("message {number}"))]);
    }
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["f.log", "f.log.1", "f.log.2"]);
    for name in &names {
        assert!(fs::metadata(folder.path().join(name)).unwrap().len() <= 1000);
    }
    let current = fs::read_to_string(folder.path().join("f.log")).unwrap();
    assert!(current.contains("message 99"));
}

#[test]
fn a_name_never_leaves_the_folder() {
    assert_eq!(file_stem("../../etc/passwd"), "______etc_passwd");
    assert_eq!(file_stem("my-function_1"), "my-function_1");
}

#[test]
fn the_tail_is_bounded_and_starts_at_a_line() {
    let mut tail = Tail::default();
    for number in 0..10_000 {
        tail.push(&format!("line {number}"));
    }
    let last = std::str::from_utf8(tail.last()).unwrap();
    assert!(last.len() <= Tail::BYTES_MAX && last.len() > Tail::BYTES_MAX - 20);
    assert!(last.starts_with("line ") && last.ends_with("line 9999\n"));
    tail.clear();
    tail.push(&"ü".repeat(5000));
    assert!(std::str::from_utf8(tail.last()).is_ok());
    assert!(tail.last().len() <= Tail::BYTES_MAX);
}
