use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::collapse;

/// Title (the first heading of level one) and plain text of a Markdown file. Code blocks and raw HTML are left out.
pub(super) fn read(raw: &str) -> (Option<String>, String) {
    let mut reader = Reader::default();
    for event in Parser::new_ext(raw, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        reader.take(event);
    }
    reader.close_line();
    (reader.title, reader.lines.join("\n"))
}

#[derive(Default)]
struct Reader {
    lines: Vec<String>,
    line: String,
    title: Option<String>,
    in_code: bool,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => self.in_code = true,
            Event::End(TagEnd::CodeBlock) => {
                self.in_code = false;
                self.line.clear();
            }
            Event::Start(
                Tag::Paragraph | Tag::Heading { .. } | Tag::Item | Tag::TableCell | Tag::TableRow,
            )
            | Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell | TagEnd::TableRow) => {
                self.close_line()
            }
            Event::End(TagEnd::Heading(level)) => {
                if level == HeadingLevel::H1 && self.title.is_none() {
                    self.title = Some(collapse(&self.line)).filter(|title| !title.is_empty());
                }
                self.close_line();
            }
            Event::Text(text) | Event::Code(text) if !self.in_code => self.line.push_str(&text),
            Event::SoftBreak | Event::HardBreak => self.line.push(' '),
            _ => {}
        }
    }

    fn close_line(&mut self) {
        let line = collapse(&self.line);
        self.line.clear();
        if !line.is_empty() {
            self.lines.push(line);
        }
    }
}
