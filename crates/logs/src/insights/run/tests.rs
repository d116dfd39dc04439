use super::*;
use crate::insights::Error;

/// `TIME STREAM MESSAGE`, a time being seconds since 1970.
fn record(line: &str, number: usize) -> Record {
    let mut parts = line.splitn(3, ' ');
    let at: i64 = parts.next().unwrap().parse().unwrap();
    Record {
        at_ms: at * 1_000,
        log: "000000000000:/aws/lambda/f".to_owned(),
        log_stream: parts.next().unwrap().to_owned(),
        ptr: format!("{number:03}"),
        request_id: line.contains("r-1").then(|| "r-1".to_owned()),
        message: parts.next().unwrap().replace("\\t", "\t").to_owned(),
    }
}

fn run(query: &Query, records: &[Record]) -> Vec<Vec<(String, String)>> {
    let mut run = Run::new(
        query,
        Limits {
            rows: 1_000,
            bytes_max: 1 << 20,
        },
    );
    for record in records {
        run.push(record.clone()).unwrap();
    }
    run.finish()
}

fn shown(rows: &[Vec<(String, String)>]) -> Vec<String> {
    let cell = |(name, value): &(String, String)| format!("{name}: {value}");
    rows.iter()
        .map(|row| {
            row.iter()
                .filter(|(name, _)| name != "@ptr")
                .map(cell)
                .collect::<Vec<_>>()
                .join("; ")
        })
        .collect()
}

/// Files of records (`# TIME STREAM MESSAGE`), queries (`? …`, over as many lines as they have) and the rows they answer (`> …`), or the
/// place and the beginning of what is wrong with them (`! START END MESSAGE`).
#[test]
fn queries_answer_as_the_cases_say() {
    let (mut count, mut wrong) = (0, Vec::new());
    for text in [
        include_str!("../cases/callbacks.txt"),
        include_str!("../cases/commands.txt"),
        include_str!("../cases/expressions.txt"),
        include_str!("../cases/lambda.txt"),
        include_str!("../cases/malformed.txt"),
    ] {
        let mut records = Vec::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(line) = line.strip_prefix("# ") {
                records.push(record(line, records.len()));
            }
            let Some(first) = line.strip_prefix("? ") else {
                continue;
            };
            let mut query = first.to_owned();
            while let Some(more) = lines.peek().and_then(|line| line.strip_prefix("? ")) {
                query = format!("{query}\n{more}");
                lines.next();
            }
            let mut expected = Vec::new();
            while let Some(line) = lines.peek().filter(|line| line.starts_with(['>', '!'])) {
                expected.push((*line).to_owned());
                lines.next();
            }
            let found: Vec<String> = match Query::parse(&query) {
                Ok(query) => shown(&run(&query, &records))
                    .iter()
                    .map(|row| format!("> {row}"))
                    .collect(),
                Err(Error {
                    start,
                    end,
                    message,
                }) => vec![format!("! {start} {end} {message}")],
            };
            if found != expected {
                wrong.push(format!("{query}\n{found:#?}\ninstead of\n{expected:#?}"));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(count > 80, "{count}");
}

fn numbered(count: usize) -> impl Iterator<Item = Record> {
    (0..count).map(|number| Record {
        at_ms: number as i64,
        message: format!("{{\"number\":{number},\"text\":\"{}\"}}", "x".repeat(100)),
        ..Record::default()
    })
}

#[test]
fn the_first_of_many_rows_take_little_room() {
    for (query, first) in [
        ("fields number | limit 3", "number: 49999"),
        ("fields number | sort number asc | limit 3", "number: 0"),
    ] {
        let query = Query::parse(query).unwrap();
        let mut run = Run::new(
            &query,
            Limits {
                rows: 10,
                bytes_max: 100_000,
            },
        );
        for record in numbered(50_000) {
            run.push(record).unwrap();
        }
        let rows = shown(&run.finish());
        assert_eq!((rows.len(), rows[0].as_str()), (3, first));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for query in [
        "dedup number",
        "stats count(*) by number",
        "stats count_distinct(number)",
        "stats pct(number, 50)",
    ] {
        let query = Query::parse(query).unwrap();
        let mut run = Run::new(
            &query,
            Limits {
                rows: 10,
                bytes_max: 100_000,
            },
        );
        let refused = numbered(50_000).find_map(|record| run.push(record).err());
        assert_eq!(refused, Some(OutOfRoom { bytes_max: 100_000 }));
    }
}

#[test]
fn depth_is_bounded() {
    for text in [
        format!("filter {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("filter {} a", "not ".repeat(100_000)),
        format!("filter {}1", "-".repeat(100_000)),
        format!("filter {}1", "1^".repeat(100_000)),
    ] {
        assert!(Query::parse(&text).is_err());
    }
}
