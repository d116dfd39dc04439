//! Python code between braces, as it stands behind `script`.
//!
//! Only as much of Python is known here as finding the closing brace needs: its strings and its comments.

/// The offset just past the brace that closes the one at `open`, or nothing when it is never closed.
#[must_use]
pub fn closing_brace(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    let mut depth = 1_usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => {
                at = after_string(bytes, at, *byte);
                continue;
            }
            b'#' => {
                let rest = bytes.get(at..).unwrap_or_default();
                at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
                continue;
            }
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The offset just past a Python string; a one-line string that is not closed ends at its line.
fn after_string(bytes: &[u8], start: usize, quote: u8) -> usize {
    let triple = bytes.get(start..start + 3) == Some(&[quote, quote, quote]);
    let mut at = start + if triple { 3 } else { 1 };
    while let Some(byte) = bytes.get(at) {
        match *byte {
            b'\\' => at += 2,
            b'\n' if !triple => return at,
            b if b == quote && !triple => return at + 1,
            b if b == quote && bytes.get(at..at + 3) == Some(&[quote, quote, quote]) => {
                return at + 3;
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The code inside the braces of `text`: one newline at either end removed, then dedented; trimmed when it is a single line.
#[must_use]
pub fn code(text: &str) -> String {
    let inner = text.strip_prefix('{').unwrap_or(text);
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let inner = inner.strip_prefix('\n').unwrap_or(inner);
    let inner = inner.strip_suffix('\n').unwrap_or(inner);
    if !inner.contains('\n') {
        return inner.trim().to_owned();
    }
    let indent = |line: &str| line.chars().take_while(|c| c.is_whitespace()).count();
    let least = inner
        .split('\n')
        .filter(|line| !line.trim().is_empty())
        .map(indent)
        .min()
        .unwrap_or(0);
    if least == 0 {
        return inner.to_owned();
    }
    let mut out = String::with_capacity(inner.len());
    for (index, line) in inner.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        match line.char_indices().nth(least) {
            Some((at, _)) => out.push_str(line.get(at..).unwrap_or("")),
            None if line.chars().count() == least => {}
            None => out.push_str(line),
        }
    }
    out
}

/// The keys that the code sets with `result["key"] = ..`: behind a pre-script they are readable as `$.key`.
pub fn result_keys(code: &str) -> impl Iterator<Item = &str> {
    code.match_indices("result[").filter_map(|(at, found)| {
        let rest = code.get(at + found.len()..)?.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        rest.get(1..)?.split(quote).next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_in_strings_and_comments_do_not_count() {
        let text = "{ a = '}' # }\n b = {1: \"\"\"}\"\"\"} }x";
        assert_eq!(closing_brace(text.as_bytes(), 0), Some(text.len() - 1));
        assert_eq!(closing_brace(b"{ '}", 0), None);
    }

    #[test]
    fn code_is_dedented() {
        assert_eq!(code("{ x = 1 }"), "x = 1");
        assert_eq!(code("{\n    a\n      b\n\n    c\n}"), "a\n  b\n\nc");
    }

    #[test]
    fn keys_are_found() {
        assert_eq!(
            result_keys("result[\"a\"] = 1\nresult['b'] = 2").collect::<Vec<_>>(),
            ["a", "b"]
        );
    }
}
