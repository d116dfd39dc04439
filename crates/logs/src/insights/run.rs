//! Running a query: records in, rows out.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::HashSet;

use super::evaluate::Row;
use super::expression::Expression;
use super::parse::{Query, Stage, Stats};
use super::record::{Found, Record};
use super::stats::State;
use super::value::Value;

/// What a query may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows of a query that names no limit itself.
    pub rows: usize,
    /// Of all rows and groups that are held at once, about.
    pub bytes_max: usize,
}

/// The query would hold more than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the query holds more than {bytes_max} bytes")]
pub struct OutOfRoom {
    pub bytes_max: usize,
}

/// A query that is being run.
pub struct Run<'q> {
    query: &'q Query,
    /// Stages that need one record at a time.
    head: &'q [Stage],
    /// Those behind the sink.
    tail: &'q [Stage],
    sink: Sink<'q>,
    limits: Limits,
    taken: u64,
    /// Records that passed the filters before anything was sorted or grouped.
    pub matched: u64,
}

enum Sink<'q> {
    Groups(Groups<'q>),
    Rows(Rows<'q>),
}

impl<'q> Run<'q> {
    #[must_use]
    pub fn new(query: &'q Query, limits: Limits) -> Run<'q> {
        let at = query.stages.iter().position(|stage| !stage.needs_one_row());
        let (head, rest) = query.stages.split_at(at.unwrap_or(query.stages.len()));
        let (sink, tail) = match rest {
            [Stage::Stats(stats), tail @ ..] => (Sink::Groups(Groups::new(stats)), tail),
            [Stage::Sort(keys), tail @ ..] => {
                (Sink::Rows(Rows::new(keys, kept(tail, &limits))), tail)
            }
            // Without an order of its own a query is answered newest first.
            tail => (Sink::Rows(Rows::new(&[], kept(tail, &limits))), tail),
        };
        Run {
            query,
            head,
            tail,
            sink,
            limits,
            taken: 0,
            matched: 0,
        }
    }

    /// Takes a record in.
    ///
    /// # Errors
    /// [`OutOfRoom`].
    pub fn push(&mut self, record: Record) -> Result<(), OutOfRoom> {
        self.taken += 1;
        let row = Row {
            found: Some(Found::new(record)),
            values: Vec::new(),
            number: self.taken,
        };
        let Some(row) = self.head.iter().try_fold(row, |row, stage| stage.one(row)) else {
            return Ok(());
        };
        self.matched += 1;
        let bytes = match &mut self.sink {
            Sink::Groups(groups) => {
                groups.add(&row);
                groups.bytes
            }
            Sink::Rows(rows) => {
                rows.add(row, self.limits.bytes_max);
                rows.bytes
            }
        };
        if bytes > self.limits.bytes_max {
            return Err(OutOfRoom {
                bytes_max: self.limits.bytes_max,
            });
        }
        Ok(())
    }

    /// The rows: names and texts of what is there.
    #[must_use]
    pub fn finish(self) -> Vec<Vec<(String, String)>> {
        let mut rows = match self.sink {
            Sink::Groups(groups) => groups.finish(),
            Sink::Rows(rows) => rows.finish(),
        };
        for stage in self.tail {
            rows = stage.all(rows);
        }
        if !self
            .query
            .stages
            .iter()
            .any(|stage| matches!(stage, Stage::Limit(_)))
        {
            rows.truncate(self.limits.rows);
        }
        rows.iter().map(|row| self.query.shown_of(row)).collect()
    }
}

impl Query {
    fn shown_of(&self, row: &Row) -> Vec<(String, String)> {
        let ptr = "@ptr".to_owned();
        let of_record = (self.of_records && !self.shown.contains(&ptr)).then_some(&ptr);
        let names = self.shown.iter().chain(of_record);
        names
            .filter_map(|name| Some((name.clone(), row.field(name).text()?)))
            .collect()
    }
}

/// How many rows are enough for the stages behind; `None` where all have to be seen.
fn kept(tail: &[Stage], limits: &Limits) -> Option<usize> {
    for stage in tail {
        match stage {
            Stage::Limit(limit) => return Some(*limit),
            Stage::Columns(_) | Stage::Extract(_) => {}
            Stage::Filter(_) | Stage::Sort(_) | Stage::Dedup(_) | Stage::Stats(_) => return None,
        }
    }
    Some(limits.rows)
}

impl Stage {
    fn needs_one_row(&self) -> bool {
        matches!(
            self,
            Stage::Columns(_) | Stage::Filter(_) | Stage::Extract(_)
        )
    }

    /// What a row becomes, if it stays.
    fn one(&self, mut row: Row) -> Option<Row> {
        match self {
            Stage::Columns(columns) => {
                for column in columns {
                    // A field by its own name needs no copy.
                    if matches!(&column.expression, Expression::Field(name) if *name == column.name)
                    {
                        continue;
                    }
                    let value = column.expression.of(&row);
                    row.set(&column.name, value);
                }
            }
            Stage::Filter(condition) => {
                if !condition.of(&row).truth() {
                    return None;
                }
            }
            Stage::Extract(extract) => {
                let text = extract.from.of(&row).text().unwrap_or_default();
                let found = extract.regex.captures(&text);
                for (index, name) in extract.names.iter().enumerate() {
                    let part = found.as_ref().and_then(|found| found.get(index + 1));
                    let value =
                        part.map_or(Value::Missing, |part| Value::Text(part.as_str().to_owned()));
                    row.set(name, value);
                }
            }
            Stage::Sort(_) | Stage::Dedup(_) | Stage::Limit(_) | Stage::Stats(_) => {}
        }
        Some(row)
    }

    fn all(&self, mut rows: Vec<Row>) -> Vec<Row> {
        match self {
            Stage::Columns(_) | Stage::Filter(_) | Stage::Extract(_) => {
                rows.into_iter().filter_map(|row| self.one(row)).collect()
            }
            Stage::Sort(keys) => {
                let mut sorted = Rows::new(keys, None);
                rows.into_iter().for_each(|row| sorted.add(row, usize::MAX));
                sorted.finish()
            }
            Stage::Dedup(keys) => {
                let mut seen = HashSet::new();
                rows.retain(|row| {
                    let key: Vec<Option<String>> =
                        keys.iter().map(|key| key.of(row).text()).collect();
                    // What lacks a field is the duplicate of nothing.
                    key.iter().any(Option::is_none) || seen.insert(key)
                });
                rows
            }
            Stage::Limit(limit) => {
                rows.truncate(*limit);
                rows
            }
            Stage::Stats(stats) => {
                let mut groups = Groups::new(stats);
                rows.iter().for_each(|row| groups.add(row));
                groups.finish()
            }
        }
    }
}

/// Rows that are sorted, of which perhaps only the first are kept.
struct Rows<'q> {
    /// None at all is newest first.
    keys: &'q [(Expression, bool)],
    kept: Option<usize>,
    rows: Vec<(Vec<Value>, Row)>,
    bytes: usize,
}

impl<'q> Rows<'q> {
    fn new(keys: &'q [(Expression, bool)], kept: Option<usize>) -> Rows<'q> {
        Rows {
            keys,
            kept,
            rows: Vec::new(),
            bytes: 0,
        }
    }

    fn add(&mut self, row: Row, bytes_max: usize) {
        let key: Vec<Value> = if self.keys.is_empty() {
            vec![row.field("@timestamp")]
        } else {
            self.keys.iter().map(|(key, _)| key.of(&row)).collect()
        };
        self.bytes += row.bytes();
        self.rows.push((key, row));
        // Only at twice the number, or each row would cost a sort.
        let enough = self
            .kept
            .is_some_and(|kept| self.rows.len() >= kept.max(32).saturating_mul(2));
        if enough || (self.bytes > bytes_max && self.kept.is_some()) {
            self.prune();
        }
    }

    fn prune(&mut self) {
        self.sort();
        self.rows.truncate(self.kept.unwrap_or(usize::MAX));
        self.bytes = self.rows.iter().map(|(_, row)| row.bytes()).sum();
    }

    fn sort(&mut self) {
        let keys = self.keys;
        self.rows.sort_by(|(one, row), (two, other)| {
            let down = |index: usize| keys.get(index).is_none_or(|(_, down)| *down);
            let turned =
                |ordering: Ordering, down: bool| if down { ordering.reverse() } else { ordering };
            let mut pairs = one.iter().zip(two).enumerate();
            let by_keys = pairs.find_map(|(index, (one, two))| {
                Some(turned(one.order(two), down(index))).filter(|ordering| ordering.is_ne())
            });
            by_keys.unwrap_or_else(|| turned(row.number.cmp(&other.number), down(0)))
        });
    }

    fn finish(mut self) -> Vec<Row> {
        self.prune();
        self.rows.into_iter().map(|(_, row)| row).collect()
    }
}

/// Groups in the order of their first records.
struct Groups<'q> {
    stats: &'q Stats,
    places: HashMap<Vec<Option<String>>, usize>,
    groups: Vec<(Vec<Value>, Vec<State>)>,
    bytes: usize,
}

impl<'q> Groups<'q> {
    fn new(stats: &'q Stats) -> Groups<'q> {
        let mut groups = Groups {
            stats,
            places: HashMap::new(),
            groups: Vec::new(),
            bytes: 0,
        };
        if stats.by.is_empty() {
            // Of nothing there is a count, too.
            groups.begin(Vec::new());
            groups.places.insert(Vec::new(), 0);
        }
        groups
    }

    fn begin(&mut self, key: Vec<Value>) {
        let states = self
            .stats
            .aggregates
            .iter()
            .map(|(_, aggregate)| aggregate.begin())
            .collect();
        self.bytes += key.iter().map(|value| 2 * value.bytes()).sum::<usize>() + 200;
        self.groups.push((key, states));
    }

    fn add(&mut self, row: &Row) {
        let key: Vec<Value> = self
            .stats
            .by
            .iter()
            .map(|column| column.expression.of(row))
            .collect();
        let texts: Vec<Option<String>> = key.iter().map(Value::text).collect();
        let place = match self.places.get(&texts) {
            Some(place) => *place,
            None => {
                self.begin(key);
                let place = self.groups.len() - 1;
                self.places.insert(texts, place);
                place
            }
        };
        let Some((_, states)) = self.groups.get_mut(place) else {
            return;
        };
        for ((_, aggregate), state) in self.stats.aggregates.iter().zip(states) {
            self.bytes += aggregate.add(state, row);
        }
    }

    fn finish(self) -> Vec<Row> {
        let Stats {
            aggregates,
            columns,
            by,
        } = self.stats;
        let rows = self
            .groups
            .into_iter()
            .zip(1..)
            .map(|((key, states), number)| {
                let mut row = Row {
                    found: None,
                    values: Vec::new(),
                    number,
                };
                for (column, value) in by.iter().zip(key) {
                    row.set(&column.name, value);
                }
                for ((text, aggregate), state) in aggregates.iter().zip(states) {
                    row.set(text, aggregate.finish(state));
                }
                for column in columns {
                    let value = column.expression.of(&row);
                    row.set(&column.name, value);
                }
                row
            });
        rows.collect()
    }
}

#[cfg(test)]
mod tests;
