//! Going through the lines of a group, forwards or from its end, across its files.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::file::{LogFile, Part};
use crate::line::{LogLine, time_text};

/// What every line begins with; its time follows.
const TIME: &[u8] = b"{\"time\":\"";
/// A time to its milliseconds: `2026-11-21T13:00:00.123`.
const TIME_LENGTH: usize = 23;

/// Where a line begins: the number of its file, and the offset in it. As text, twenty digits each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub file: u64,
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}{:020}", self.file, self.offset)
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Position, ()> {
        let digits = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_digit());
        let (file, offset) = text.split_at_checked(20).filter(|_| digits).ok_or(())?;
        Ok(Position {
            file: file.parse().map_err(|_| ())?,
            offset: offset.parse().map_err(|_| ())?,
        })
    }
}

/// A line where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub position: Position,
    /// Where the next line begins.
    pub end: Position,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    pub line: LogLine,
}

/// Which lines are looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    /// Milliseconds since 1970, inclusive.
    pub from_ms: Option<u64>,
    /// Milliseconds since 1970, inclusive.
    pub until_ms: Option<u64>,
    /// Lines that begin here or later.
    pub from: Option<Position>,
    /// Lines that begin before.
    pub before: Option<Position>,
}

/// What is known of a stream of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSummary {
    pub first_ms: u64,
    pub last_ms: u64,
    /// Of its messages.
    pub bytes: u64,
}

/// What is known of a file up to an offset.
#[derive(Clone, Debug, Default)]
struct Summary {
    upto: u64,
    streams: BTreeMap<String, StreamSummary>,
}

impl Summary {
    fn add(&mut self, entry: &Entry) {
        let bytes = entry.line.message.len() as u64;
        let at = entry.at_ms;
        let stream = self
            .streams
            .entry(entry.line.log_stream.clone())
            .or_insert(StreamSummary {
                first_ms: at,
                last_ms: at,
                bytes: 0,
            });
        stream.first_ms = stream.first_ms.min(at);
        stream.last_ms = stream.last_ms.max(at);
        stream.bytes += bytes;
    }

    /// Whether a line of the window can be among those that were summed up.
    fn may_hold(&self, window: &Window) -> bool {
        self.streams.values().any(|stream| {
            window.from_ms.is_none_or(|from| stream.last_ms >= from)
                && window.until_ms.is_none_or(|until| stream.first_ms <= until)
        })
    }
}

/// Summaries by the number of their file.
#[derive(Default)]
pub(crate) struct Summaries(Mutex<BTreeMap<u64, Arc<Summary>>>);

impl Summaries {
    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Summary>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn forget(&self, number: u64) {
        self.all().remove(&number);
    }

    pub(crate) fn clear(&self) {
        self.all().clear();
    }

    /// Brings the summary of a file up to its present length.
    fn of(&self, part: &Part) -> io::Result<Arc<Summary>> {
        let known = self.all().get(&part.number).cloned().unwrap_or_default();
        if known.upto >= part.length {
            return Ok(known);
        }
        let mut summary = Summary::clone(&known);
        let window = Window {
            from: Some(Position {
                file: part.number,
                offset: known.upto,
            }),
            ..Window::default()
        };
        let mut upto = known.upto;
        let _: ControlFlow<()> = lines(part, &window, |entry| {
            upto = entry.end.offset;
            summary.add(&entry);
            ControlFlow::Continue(())
        })?;
        summary.upto = upto;
        let summary = Arc::new(summary);
        self.all().insert(part.number, Arc::clone(&summary));
        Ok(summary)
    }
}

impl LogFile {
    /// Visits the lines of a window in the order in which they were written, until told to stop. Blocks.
    ///
    /// # Errors
    /// The file system's.
    pub fn scan(
        &self,
        window: &Window,
        mut visit: impl FnMut(Entry) -> ControlFlow<()>,
    ) -> io::Result<()> {
        for part in self.parts()? {
            if self.holds(&part, window)? && lines(&part, window, &mut visit)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The last lines of a window that `matches`, oldest first: at most `count`, and no more of them than fit into `bytes_max`. Blocks.
    ///
    /// # Errors
    /// The file system's.
    pub fn last(
        &self,
        window: &Window,
        count: usize,
        bytes_max: usize,
        mut matches: impl FnMut(&Entry) -> bool,
    ) -> io::Result<Vec<Entry>> {
        let mut found: VecDeque<Entry> = VecDeque::new();
        let mut bytes_left = bytes_max;
        for part in self.parts()?.into_iter().rev() {
            if !self.holds(&part, window)? {
                continue;
            }
            let wanted = count - found.len();
            let (mut here, mut bytes) = (VecDeque::new(), 0);
            let _: ControlFlow<()> = lines(&part, window, |entry| {
                if matches(&entry) {
                    bytes += entry.line.message.len();
                    here.push_back(entry);
                    while here.len() > wanted || (bytes > bytes_left && here.len() > 1) {
                        bytes -= here
                            .pop_front()
                            .map_or(0, |entry: Entry| entry.line.message.len());
                    }
                }
                ControlFlow::Continue(())
            })?;
            bytes_left = bytes_left.saturating_sub(bytes);
            while let Some(entry) = here.pop_back() {
                found.push_front(entry);
            }
            if found.len() >= count || bytes_left == 0 {
                break;
            }
        }
        Ok(found.into())
    }

    /// The line that begins at a position.
    ///
    /// # Errors
    /// The file system's.
    pub fn at(&self, position: Position) -> io::Result<Option<Entry>> {
        let window = Window {
            from: Some(position),
            ..Window::default()
        };
        let mut found = None;
        self.scan(&window, |entry| {
            found = Some(entry);
            ControlFlow::Break(())
        })?;
        Ok(found.filter(|entry| entry.position == position))
    }

    /// Where the next line will begin.
    ///
    /// # Errors
    /// The file system's.
    pub fn end(&self) -> io::Result<Position> {
        let parts = self.parts()?;
        Ok(parts
            .last()
            .map_or_else(Position::default, |part| Position {
                file: part.number,
                offset: part.length,
            }))
    }

    /// Every stream by name. The first call reads everything, later ones what has come since.
    ///
    /// # Errors
    /// The file system's.
    pub fn streams(&self) -> io::Result<BTreeMap<String, StreamSummary>> {
        let mut streams: BTreeMap<String, StreamSummary> = BTreeMap::new();
        for part in self.parts()? {
            for (name, here) in &self.summaries.of(&part)?.streams {
                streams
                    .entry(name.clone())
                    .and_modify(|all| {
                        all.first_ms = all.first_ms.min(here.first_ms);
                        all.last_ms = all.last_ms.max(here.last_ms);
                        all.bytes += here.bytes;
                    })
                    .or_insert_with(|| here.clone());
            }
        }
        Ok(streams)
    }

    fn holds(&self, part: &Part, window: &Window) -> io::Result<bool> {
        let Window { from, before, .. } = window;
        if from.is_some_and(|from| part.number < from.file)
            || before.is_some_and(|before| part.number > before.file)
        {
            return Ok(false);
        }
        if window.from_ms.is_none() && window.until_ms.is_none() {
            return Ok(true);
        }
        Ok(self.summaries.of(part)?.may_hold(window))
    }
}

/// The lines of one file.
fn lines(
    part: &Part,
    window: &Window,
    mut visit: impl FnMut(Entry) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let first = window
        .from
        .filter(|from| from.file == part.number)
        .map_or(0, |from| from.offset);
    let end = window
        .before
        .filter(|before| before.file == part.number)
        .map_or(part.length, |before| before.offset.min(part.length));
    let mut file = &part.file;
    file.seek(SeekFrom::Start(first))?;
    let mut reader = BufReader::with_capacity(64 * 1024, file.take(end.saturating_sub(first)));
    let bounds = Bounds::of(window);
    let mut line = Vec::new();
    let mut offset = first;
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)? as u64;
        // The last line may be half written.
        if line.last() != Some(&b'\n') {
            return Ok(ControlFlow::Continue(()));
        }
        let position = Position {
            file: part.number,
            offset,
        };
        offset += length;
        if !bounds.admit(&line) {
            continue;
        }
        let Ok(line) = serde_json::from_slice::<LogLine>(&line) else {
            continue;
        };
        let at_ms = line.unix_ms();
        let inside = window.from_ms.is_none_or(|from| at_ms >= from)
            && window.until_ms.is_none_or(|until| at_ms <= until);
        let end = Position {
            file: part.number,
            offset,
        };
        if inside
            && visit(Entry {
                position,
                end,
                at_ms,
                line,
            })
            .is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
}

/// A window's times as lines carry theirs: texts of one width are compared before anything is parsed.
struct Bounds {
    from: Option<String>,
    until: Option<String>,
}

impl Bounds {
    fn of(window: &Window) -> Bounds {
        Bounds {
            from: window.from_ms.map(time_text),
            until: window.until_ms.map(time_text),
        }
    }

    /// False only for a line that is certainly outside.
    fn admit(&self, line: &[u8]) -> bool {
        let time = line
            .strip_prefix(TIME)
            .and_then(|rest| rest.get(..TIME_LENGTH));
        let Some(time) = time.filter(|time| time.get(19) == Some(&b'.')) else {
            return true;
        };
        self.from
            .as_ref()
            .is_none_or(|from| time >= from.as_bytes())
            && self
                .until
                .as_ref()
                .is_none_or(|until| time <= until.as_bytes())
    }
}

#[cfg(test)]
mod tests;
