//! Grades, the list of known differences, and what a run says beside it.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

const LIST: &str = "tests/conformance/asl/differences.json";

/// What a case is held against, from the coarsest to the finest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// The status, and the output or the error; of a call, its answer or its exception.
    Result,
    Cause,
    /// The types of the history's events, in order.
    Types,
    /// Every field of every event but its time.
    Full,
}

impl Grade {
    const ALL: [Self; 4] = [Self::Result, Self::Cause, Self::Types, Self::Full];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Cause => "cause",
            Self::Types => "types",
            Self::Full => "full",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grade| grade.name() == text)
    }
}

/// One row of the list: the first grade at which a case differs, and why it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub id: String,
    pub grade: Grade,
    pub reason: String,
}

/// A case as the runner graded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub id: String,
    /// An execution has the first two grades, and all of them when its history was recorded; anything else has one.
    asked: Vec<Grade>,
    /// Those of them that it did not reach.
    missed: Vec<Grade>,
    said: String,
}

/// The list, as it is checked in.
pub fn known(root: &Path) -> Result<Vec<Difference>> {
    let text = std::fs::read_to_string(root.join(LIST)).with_context(|| LIST.to_owned())?;
    read_list(&text).with_context(|| LIST.to_owned())
}

fn read_list(text: &str) -> Result<Vec<Difference>> {
    let rows: Vec<Value> = serde_json::from_str(text).context("a list of rows")?;
    let mut known: Vec<Difference> = Vec::with_capacity(rows.len());
    for row in &rows {
        let field = |name: &str| {
            let text = row.get(name).and_then(Value::as_str).unwrap_or_default();
            anyhow::ensure!(!text.is_empty(), "{row}: a row says its {name}");
            Ok(text.to_owned())
        };
        let (id, grade, reason) = (field("id")?, field("grade")?, field("reason")?);
        let grade = Grade::parse(&grade).with_context(|| format!("{id}: {grade:?} is no grade"))?;
        let twice = known.iter().any(|other| other.id == id);
        anyhow::ensure!(!twice, "{id} stands twice in it");
        known.push(Difference { id, grade, reason });
    }
    Ok(known)
}

/// The ids of the recorded cases that hold a whole history.
pub fn histories(cases: &str) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for line in cases.lines().filter(|line| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).context("a case is JSON")?;
        let id = case.get("id").and_then(Value::as_str);
        if case.pointer("/expect/events").is_some() {
            found.insert(id.context("a case without id")?.to_owned());
        }
    }
    Ok(found)
}

/// The runner's lines.
pub fn cases(results: &str, histories: &BTreeSet<String>) -> Result<Vec<Case>> {
    let lines = results.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let graded: Value = serde_json::from_str(line).context("a result is JSON")?;
            case(&graded, histories).with_context(|| format!("a result of no known form: {line}"))
        })
        .collect()
}

fn case(graded: &Value, histories: &BTreeSet<String>) -> Option<Case> {
    let text = |name: &str| graded.get(name).and_then(Value::as_str);
    let reached = |grade: Grade| graded.get(grade.name()).and_then(Value::as_bool);
    let id = text("id")?.to_owned();
    let asked: Vec<Grade> = match text("kind")? {
        "execution" if histories.contains(&id) => Grade::ALL.into(),
        "execution" => vec![Grade::Result, Grade::Cause],
        _ => vec![Grade::Result],
    };
    let missed = asked.iter().copied();
    let missed = missed
        .filter(|grade| reached(*grade) != Some(true))
        .collect();
    let said = match (text("error"), text("got"), text("got_status")) {
        (Some(error), ..) => error.to_owned(),
        (None, Some(got), _) => format!("got {got}; want {}", text("want").unwrap_or("nothing")),
        (None, None, status) => status.unwrap_or("no more was said").to_owned(),
    };
    Some(Case {
        id,
        asked,
        missed,
        said,
    })
}

/// A run beside the list.
#[derive(Debug, Default)]
pub struct Verdict {
    pub passed: u64,
    /// Rows of the list that hold.
    pub expected: Vec<Difference>,
    /// One line each: a case that is worse or better than the list says, or a row of no case.
    pub findings: Vec<String>,
}

impl Verdict {
    /// `whole` says that every case was run: a row without its case is stale then.
    pub fn of(results: &[Case], known: &[Difference], whole: bool) -> Self {
        let mut verdict = Self::default();
        for case in results {
            let row = known.iter().find(|row| row.id == case.id);
            match (case.missed.first().copied(), row) {
                (None, None) => verdict.passed += 1,
                (Some(grade), Some(row)) if row.grade == grade => {
                    verdict.expected.push(row.clone());
                }
                (Some(grade), row) => verdict.findings.push(worse_or_other(case, grade, row)),
                (None, Some(_)) => verdict
                    .findings
                    .push(format!("{}: it passes: take it out of {LIST}", case.id)),
            }
        }
        let has_run = |row: &&Difference| results.iter().any(|case| case.id == row.id);
        let stale = known.iter().filter(|row| whole && !has_run(row));
        let stale = stale.map(|row| format!("{}: no case has this id; {LIST} lists it", row.id));
        verdict.findings.extend(stale);
        verdict
    }
}

fn worse_or_other(case: &Case, grade: Grade, row: Option<&Difference>) -> String {
    let listed = match row {
        None => String::new(),
        Some(row) if row.grade < grade => format!(
            " (it has come as far as {}: it stands at {} in {LIST})",
            grade.name(),
            row.grade.name()
        ),
        Some(row) => format!(" ({LIST} has it differ at {} only)", row.grade.name()),
    };
    format!("{}, {}{listed}: {}", case.id, grade.name(), case.said)
}

/// How many reach each grade, of those that are held against it.
pub fn summary(results: &[Case]) -> String {
    let shares = Grade::ALL.into_iter().filter_map(|grade| {
        let asked = results.iter().filter(|case| case.asked.contains(&grade));
        let (mut all, mut reached) = (0_u32, 0_u32);
        for case in asked {
            all += 1;
            reached += u32::from(!case.missed.contains(&grade));
        }
        let percent = 100.0 * f64::from(reached) / f64::from(all);
        let name = grade.name();
        (all > 0).then(|| format!("{name}: {reached} of {all} ({percent:.1} %)"))
    });
    shares.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
