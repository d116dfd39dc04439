//! Text that fits itself to a line: the usual algebra of groups, which are laid flat when they fit and broken when they do not.

/// A piece of text that can be laid flat or broken.
#[derive(Debug, Clone)]
pub enum Doc {
    /// Words without line ends.
    Text(String),
    /// Words with line ends of their own, which stay as they are.
    Verbatim(String),
    /// A blank when flat, a line end when broken.
    Line,
    /// Nothing when flat, a line end when broken.
    Soft,
    /// Always a line end; the groups around it are broken.
    Hard,
    /// Deeper by one level where lines end inside.
    Indent(Box<Doc>),
    /// Laid flat as a whole, or broken at its own lines.
    Group(Box<Doc>),
    /// One after the other.
    All(Vec<Doc>),
}

/// Text.
pub fn text(words: impl Into<String>) -> Doc {
    Doc::Text(words.into())
}

/// `open`, items with commas, `close`: on one line or one item a line.
pub fn list(open: &str, items: Vec<Doc>, close: &str) -> Doc {
    if items.is_empty() {
        return text(format!("{open}{close}"));
    }
    let mut inner = vec![Doc::Soft];
    let last = items.len() - 1;
    for (at, item) in items.into_iter().enumerate() {
        inner.push(item);
        if at < last {
            inner.push(text(","));
            inner.push(Doc::Line);
        }
    }
    let inner = Doc::Indent(Box::new(Doc::All(inner)));
    Doc::Group(Box::new(Doc::All(vec![
        text(open),
        inner,
        Doc::Soft,
        text(close),
    ])))
}

/// Writes a piece at the end of `out`, whose last line is `column` wide.
pub fn write(out: &mut String, doc: &Doc, level: usize, width: usize) {
    let mut column = out
        .rsplit('\n')
        .next()
        .map_or(0, |line| line.chars().count());
    let mut open: Vec<(usize, bool, &Doc)> = vec![(level, false, doc)];
    while let Some((level, flat, doc)) = open.pop() {
        match doc {
            Doc::Text(words) => {
                out.push_str(words);
                column += words.chars().count();
            }
            Doc::Verbatim(words) => {
                out.push_str(words);
                let tail = words
                    .rsplit('\n')
                    .next()
                    .map_or(0, |line| line.chars().count());
                column = if words.contains('\n') {
                    tail
                } else {
                    column + tail
                };
            }
            Doc::Line if flat => {
                out.push(' ');
                column += 1;
            }
            Doc::Soft if flat => {}
            Doc::Line | Doc::Soft | Doc::Hard => {
                let kept = out.trim_end_matches(' ').len();
                out.truncate(kept);
                out.push('\n');
                out.extend(std::iter::repeat_n("    ", level));
                column = level * 4;
            }
            Doc::Indent(inner) => open.push((level + 1, flat, inner)),
            Doc::Group(inner) => {
                let fits =
                    flat || (!breaks(inner) && fits(inner, &open, width.saturating_sub(column)));
                open.push((level, fits, inner));
            }
            Doc::All(parts) => open.extend(parts.iter().rev().map(|part| (level, flat, part))),
        }
    }
}

/// Whether a piece holds a line end that is always one.
fn breaks(doc: &Doc) -> bool {
    let mut open = vec![doc];
    while let Some(doc) = open.pop() {
        match doc {
            Doc::Hard => return true,
            Doc::Indent(inner) | Doc::Group(inner) => open.push(inner),
            Doc::All(parts) => open.extend(parts),
            Doc::Text(_) | Doc::Verbatim(_) | Doc::Line | Doc::Soft => {}
        }
    }
    false
}

/// Whether a piece laid flat, and what follows it up to the next possible line end, has room.
fn fits(doc: &Doc, behind: &[(usize, bool, &Doc)], room: usize) -> bool {
    let mut left = room;
    let mut open: Vec<(bool, bool, &Doc)> = behind
        .iter()
        .map(|(_, flat, doc)| (true, *flat, *doc))
        .collect();
    open.push((false, true, doc));
    while let Some((after, flat, doc)) = open.pop() {
        let words = match doc {
            Doc::Text(words) => words.chars().count(),
            // Text that brings its own line ends is judged by its first line.
            Doc::Verbatim(words) => match words.split_once('\n') {
                Some((first, _)) => return first.chars().count() <= left,
                None => words.chars().count(),
            },
            Doc::Line if flat => 1,
            Doc::Soft if flat => 0,
            Doc::Line | Doc::Soft | Doc::Hard => return after,
            Doc::Indent(inner) => {
                open.push((after, flat, inner));
                0
            }
            // What follows counts as flat too, so that the first of several lists is the one that breaks.
            Doc::Group(inner) => {
                open.push((after, true, inner));
                0
            }
            Doc::All(parts) => {
                open.extend(parts.iter().rev().map(|part| (after, flat, part)));
                0
            }
        };
        let Some(rest) = left.checked_sub(words) else {
            return false;
        };
        left = rest;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(doc: &Doc, width: usize) -> String {
        let mut out = String::new();
        write(&mut out, doc, 0, width);
        out
    }

    #[test]
    fn what_fits_stays_on_a_line() {
        let call = list("F(", vec![text("a = 1"), text("b = 2")], ")");
        assert_eq!(laid(&call, 20), "F(a = 1, b = 2)");
        assert_eq!(laid(&call, 10), "F(\n    a = 1,\n    b = 2\n)");
    }

    #[test]
    fn a_line_end_inside_breaks_all_groups_around() {
        let call = list(
            "F(",
            vec![Doc::All(vec![text("// why"), Doc::Hard, text("a = 1")])],
            ")",
        );
        assert_eq!(laid(&call, 80), "F(\n    // why\n    a = 1\n)");
    }
}
