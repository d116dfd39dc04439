//! Reading what test runners say about themselves: their closing lines and the reasons of their skips.

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Counts {
    pub const fn new(passed: u64, failed: u64, skipped: u64) -> Self {
        Self {
            passed,
            failed,
            skipped,
        }
    }

    pub fn total(self) -> u64 {
        self.passed + self.failed + self.skipped
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// The last closing line of a suite: pytest's (`== 1 failed, 3 passed in 0.2s ==`) or the plain
/// `3 passed, 1 failed, 0 skipped`. `None` when no line is one, which a caller counts as a failure.
pub fn closing(text: &str) -> Option<Counts> {
    text.lines().rev().find_map(closing_line)
}

fn closing_line(line: &str) -> Option<Counts> {
    let line = plain(line);
    let line = line.trim_matches(|c: char| c == '=' || c.is_whitespace());
    let line = line.split(" in ").next()?;
    let mut counts = Counts::default();
    let mut counted = false;
    for item in line.split(',') {
        let (number, word) = item.trim().split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match word.trim() {
            "passed" | "xpassed" => counts.passed += number,
            "failed" | "error" | "errors" => counts.failed += number,
            "skipped" | "xfailed" => counts.skipped += number,
            "warning" | "warnings" | "deselected" => continue,
            _ => return None,
        }
        counted = true;
    }
    counted.then_some(counts)
}

/// Nextest's summary: `Summary [ 0.1s] 5 tests run: 3 passed (1 slow), 1 failed, 1 timed out, 2 skipped`.
pub fn nextest(text: &str) -> Option<Counts> {
    text.lines().rev().find_map(|line| {
        let line = plain(line);
        let (head, items) = line
            .split_once(" tests run: ")
            .or_else(|| line.split_once(" test run: "))?;
        head.trim_start().starts_with("Summary").then_some(())?;
        let mut counts = Counts::default();
        for item in without_brackets(items).split(',') {
            let (number, word) = item.trim().split_once(' ')?;
            let number: u64 = number.parse().ok()?;
            match word.trim() {
                "passed" => counts.passed += number,
                "skipped" => counts.skipped += number,
                _ => counts.failed += number,
            }
        }
        Some(counts)
    })
}

/// The sum of all `test result:` lines of `cargo test`. `None` when there is none.
pub fn cargo_test(text: &str) -> Option<Counts> {
    let mut sum = None;
    for line in text.lines() {
        let line = plain(line);
        let Some((_, items)) = line.split_once("test result: ") else {
            continue;
        };
        let sum = sum.get_or_insert_with(Counts::default);
        let items = items.split_once(". ").map_or(items, |(_, rest)| rest);
        for item in items.split(';') {
            let Some((number, word)) = item.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match word {
                "passed" => sum.passed += number,
                "failed" => sum.failed += number,
                "ignored" => sum.skipped += number,
                _ => {}
            }
        }
    }
    sum
}

/// The skips a suite explains, as (how many, reason). Understood are pytest's `SKIPPED [3] file:12: reason` (with `-rs`)
/// and, for other suites, `SKIPPED name: reason` and `skipped 18 child: not built yet`.
pub fn skips(text: &str) -> Vec<(u64, String)> {
    text.lines()
        .filter_map(|line| {
            let line = plain(line);
            let rest = ["SKIPPED ", "skipped "]
                .iter()
                .find_map(|word| line.trim().strip_prefix(word))?
                .trim();
            let (first, reason) = rest.split_once(' ')?;
            let number = first.trim_start_matches('[').trim_end_matches(']').parse();
            let (number, reason) = number.map_or((1, rest), |number| (number, reason));
            Some((number, reason.trim().to_owned()))
        })
        .collect()
}

/// `5 passed (1 slow, 1 leaky), 2 failed` without what stands in brackets, which says how and not how many.
fn without_brackets(text: &str) -> String {
    let mut depth = 0_u32;
    text.chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect()
}

/// The line without terminal colours.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests;
