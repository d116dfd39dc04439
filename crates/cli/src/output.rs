//! How data is written: tables for people, JSON for programs.

use std::io::Write as _;

use anyhow::Result;
use serde_json::Value;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    #[default]
    Table,
    Json,
}

/// Writes a line of data to standard output. A reader that has gone away ends the program quietly.
pub fn line(text: impl std::fmt::Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}

/// Writes what is read to standard output as it comes, and ends its line.
pub fn copied(from: &mut dyn std::io::Read) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = std::io::copy(from, &mut out)
        .and_then(|_| writeln!(out))
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}

/// Writes a line for the person at the terminal to standard error.
pub fn note(text: impl std::fmt::Display) {
    // Nobody can be told that standard error is gone.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

pub fn json(value: &Value) -> Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// Columns of one table: a title and the path of the member below a row.
pub type Column<'a> = (&'a str, &'a str);

/// Writes rows as a table without frames.
pub fn table(columns: &[Column<'_>], rows: &[Value]) -> Result<()> {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(columns.iter().map(|(title, _)| *title));
    for row in rows {
        table.add_row(
            columns
                .iter()
                .map(|(_, path)| text(row.pointer(path).unwrap_or(&Value::Null))),
        );
    }
    let drawn = table.to_string();
    drawn.lines().try_for_each(|row| line(row.trim_end()))
}

/// A value as it stands in a table.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
