use super::*;
use crate::line::LogStream;
use crate::read::Window;
use std::ops::ControlFlow;

fn line(message: &str) -> LogLine {
    LogLine {
        time: "2026-01-01T00:00:00.000000Z".to_owned(),
        request_id: None,
        execution: None,
        stream: LogStream::Stdout,
        log_stream: "s".to_owned(),
        message: message.to_owned(),
    }
}

fn count(file: &LogFile) -> usize {
    let mut count = 0;
    file.scan(&Window::default(), |_| {
        count += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    count
}

#[test]
fn groups_are_those_that_were_made_and_those_that_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::open(folder.path(), Limits::default()).unwrap();
    logs.append(&logs.of_function("f"), &[line("x")]);
    assert!(logs.create("/made", GroupSettings::default()).unwrap());
    assert!(!logs.create("/made", GroupSettings::default()).unwrap());
    assert!(
        !logs
            .create("/aws/lambda/f", GroupSettings::default())
            .unwrap()
    );
    let groups: Vec<String> = logs.groups().unwrap().into_iter().collect();
    assert_eq!(groups, ["/aws/lambda/f", "/made"]);
    assert!(logs.group("/aws/lambda/f").is_some() && logs.group("/made").is_some());
    assert!(logs.group("/other").is_none());
    assert!(logs.delete("/made").unwrap() && !logs.delete("/made").unwrap());
    assert!(logs.delete("/aws/lambda/f").unwrap());
    assert!(logs.groups().unwrap().is_empty());
}

#[test]
fn settings_outlive_the_handle() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::open(folder.path(), Limits::default()).unwrap();
    logs.change("/aws/lambda/f", |settings| {
        settings.retention_days = Some(7)
    })
    .unwrap();
    drop(logs);
    let logs = Logs::open(folder.path(), Limits::default()).unwrap();
    assert_eq!(logs.retention("/aws/lambda/f"), Some(DAY * 7));
    assert_eq!(logs.retention("/aws/lambda/g"), Some(DAY * 30));
}

#[test]
fn settings_of_a_later_format_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("groups.json"),
        r#"{"format":2,"groups":{}}"#,
    )
    .unwrap();
    let refused = Logs::open(folder.path(), Limits::default()).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
}

#[test]
fn what_is_older_than_its_retention_goes() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        file_bytes_max: 150,
        retention: None,
        ..Limits::default()
    };
    let logs = Logs::open(folder.path(), limits).unwrap();
    for name in ["kept", "short"] {
        let file = logs.of_function(name);
        (0..3).for_each(|_| logs.append(&file, &[line("x")]));
    }
    logs.change("/aws/lambda/short", |settings| {
        settings.retention_days = Some(1)
    })
    .unwrap();
    logs.sweep(SystemTime::now() + DAY / 2).unwrap();
    assert_eq!(count(&logs.of_function("short")), 3);
    logs.sweep(SystemTime::now() + DAY * 2).unwrap();
    assert_eq!(count(&logs.of_function("short")), 0);
    assert_eq!(count(&logs.of_function("kept")), 3);
    // Positions of what is gone are not given again.
    logs.append(&logs.of_function("short"), &[line("later")]);
    assert!(logs.of_function("short").end().unwrap().file > 3);
}

#[test]
fn the_folder_has_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        file_bytes_max: 1_000,
        total_bytes_max: 5_000,
        files_kept: 100,
        ..Limits::default()
    };
    let logs = Logs::open(folder.path(), limits).unwrap();
    for round in 0..300 {
        logs.append(
            &logs.of_function(&format!("f{}", round % 3)),
            &[line(&format!("line {round}"))],
        );
    }
    let stored: u64 = logs.stored_bytes().unwrap().values().sum();
    assert!(stored <= 5_200, "{stored}");
    assert!(count(&logs.of_function("f2")) > 0);
}
