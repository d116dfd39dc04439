//! Between the compiler's words and the protocol's: offsets and UTF-16 positions, paths and URIs, findings and diagnostics.

use everstep_afl::diag::{Diagnostic, FileId, Severity};
use everstep_afl::program::Source;
use everstep_afl::span::{Lines, Span};
use gen_lsp_types as lsp;
use std::path::{Path, PathBuf};

/// The offset of a position; behind the end of a line it is the line's end.
pub fn offset(text: &str, lines: &Lines, position: lsp::Position) -> u32 {
    if position.line as usize >= lines.count() {
        return u32::try_from(text.len()).unwrap_or(u32::MAX);
    }
    let start = lines.start_of(position.line as usize);
    let line = text
        .get(start as usize..)
        .unwrap_or("")
        .split('\n')
        .next()
        .unwrap_or("")
        .trim_end_matches('\r');
    let mut units = 0;
    for (at, c) in line.char_indices() {
        if units >= position.character {
            return start + u32::try_from(at).unwrap_or(0);
        }
        units += if c.len_utf16() == 2 { 2 } else { 1 };
    }
    start + u32::try_from(line.len()).unwrap_or(0)
}

/// The position of an offset.
pub fn position(source: &Source, at: u32) -> lsp::Position {
    let line = source.lines.line_of(at);
    let before = Span::new(source.lines.start_of(line), at).text(&source.text);
    let units: usize = before.chars().map(char::len_utf16).sum();
    lsp::Position {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        character: u32::try_from(units).unwrap_or(u32::MAX),
    }
}

/// The range of a span.
pub fn range(source: &Source, span: Span) -> lsp::Range {
    lsp::Range {
        start: position(source, span.start),
        end: position(source, span.end),
    }
}

/// A place in a file, for other files too.
pub fn location(sources: &[Source], file: FileId, span: Span) -> Option<lsp::Location> {
    let source = sources.get(file as usize)?;
    Some(lsp::Location {
        uri: lsp::Uri(source.name.clone()),
        range: range(source, span),
    })
}

/// A finding as the editor shows it.
pub fn diagnostic(sources: &[Source], finding: &Diagnostic) -> lsp::Diagnostic {
    let range = sources
        .get(finding.file as usize)
        .map(|source| range(source, finding.span))
        .unwrap_or_default();
    let message = match &finding.help {
        Some(help) => format!("{}\n{help}", finding.message),
        None => finding.message.clone(),
    };
    let related = finding.related.iter().filter_map(|related| {
        Some(lsp::DiagnosticRelatedInformation {
            location: location(sources, related.file, related.span)?,
            message: related.text.clone(),
        })
    });
    let related: Vec<_> = related.collect();
    lsp::Diagnostic {
        range,
        severity: Some(match finding.severity {
            Severity::Error => lsp::DiagnosticSeverity::Error,
            Severity::Warning => lsp::DiagnosticSeverity::Warning,
            Severity::Note => lsp::DiagnosticSeverity::Hint,
        }),
        code: Some(lsp::Code::String(finding.rule.id().to_owned())),
        code_description: None,
        source: Some("everstep".to_owned()),
        message: message.into(),
        tags: None,
        related_information: (!related.is_empty()).then_some(related),
        data: None,
    }
}

/// The path of a `file:` URI.
pub fn path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let mut bytes = Vec::with_capacity(rest.len());
    let mut left = rest.as_bytes();
    while let Some((first, tail)) = left.split_first() {
        let escaped = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                left = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                left = tail;
            }
        }
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

/// The `file:` URI of a path.
pub fn uri(path: &Path) -> String {
    let mut out = String::from("file://");
    for byte in path.to_string_lossy().bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_utf_16() {
        let source = Source::text("x", "a\n😀b");
        let place = lsp::Position {
            line: 1,
            character: 2,
        };
        assert_eq!(position(&source, 6), place);
        assert_eq!(offset(&source.text, &source.lines, place), 6);
    }

    #[test]
    fn uris_and_paths_round_trip() {
        let path_of = PathBuf::from("/a b/ü.afl");
        assert_eq!(uri(&path_of), "file:///a%20b/%C3%BC.afl");
        assert_eq!(path(&uri(&path_of)), Some(path_of));
    }
}
