use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use super::collapse;

/// Elements whose text is no part of what the page says.
const SKIPPED: [&str; 6] = ["nav", "template", "noscript", "svg", "form", "button"];

/// Elements that stand within a line; every other one starts a new line.
const INLINE: [&str; 22] = [
    "a", "abbr", "b", "bdi", "cite", "code", "data", "dfn", "em", "i", "img", "kbd", "mark", "q",
    "s", "samp", "small", "span", "strong", "sub", "sup", "time",
];

/// Title (the first `h1`, else the `title` element) and plain text of an HTML file.
///
/// Tokens are enough for text, and unlike a tree they cost no memory or stack on a hostile page.
pub(super) fn read(raw: &str) -> (Option<String>, String) {
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(raw));
    while !input.is_empty() {
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
    let mut reader = tokenizer.sink.0.take();
    reader.close_line();
    (reader.heading.or(reader.title), reader.lines.join("\n"))
}

/// The tokenizer hands out tokens by shared reference, hence the cell.
#[derive(Default)]
struct Sink(RefCell<Reader>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut reader = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) => reader.text(&text),
            Token::TagToken(tag) => return reader.tag(&tag),
            Token::DoctypeToken(_)
            | Token::CommentToken(_)
            | Token::NullCharacterToken
            | Token::EOFToken
            | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

#[derive(Default)]
struct Reader {
    lines: Vec<String>,
    line: String,
    title: Option<String>,
    heading: Option<String>,
    /// The raw element (script, style, title) that the text belongs to.
    raw: Option<String>,
    /// The skipped element that is open, and how many of its kind are nested.
    skipped: Option<(String, usize)>,
}

impl Reader {
    fn text(&mut self, text: &str) {
        match self.raw.as_deref() {
            Some("title") => self.title.get_or_insert_default().push_str(text),
            Some(_) => {}
            None if self.skipped.is_none() => self.line.push_str(text),
            None => {}
        }
    }

    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        if let Some((skipped, depth)) = &mut self.skipped {
            if name == skipped {
                match tag.kind {
                    TagKind::StartTag => *depth += 1,
                    TagKind::EndTag => *depth -= 1,
                }
                if *depth == 0 {
                    self.skipped = None;
                }
            }
        } else if tag.kind == TagKind::StartTag && !tag.self_closing && SKIPPED.contains(&name) {
            self.close_line();
            self.skipped = Some((name.to_owned(), 1));
        } else if name == "br" {
            self.line.push(' ');
        } else if !INLINE.contains(&name) {
            self.close_block(name);
        }
        self.raw_text(tag)
    }

    fn close_block(&mut self, name: &str) {
        if name == "h1" && self.heading.is_none() {
            self.heading = Some(collapse(&self.line)).filter(|heading| !heading.is_empty());
        }
        self.close_line();
    }

    /// Inside these elements a tag is only text, and the tokenizer has to be told so.
    fn raw_text(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        let kind = match name {
            "script" => RawKind::ScriptData,
            "style" | "iframe" | "noembed" | "noframes" => RawKind::Rawtext,
            "title" | "textarea" => RawKind::Rcdata,
            _ => return TokenSinkResult::Continue,
        };
        match tag.kind {
            TagKind::StartTag => {
                // A title inside an SVG picture is not the page's.
                let is_second_title = name == "title" && self.title.is_some();
                self.raw = Some(
                    if is_second_title {
                        "second title"
                    } else {
                        name
                    }
                    .to_owned(),
                );
                TokenSinkResult::RawData(kind)
            }
            TagKind::EndTag => {
                self.raw = None;
                self.title = self.title.take().map(|title| collapse(&title));
                TokenSinkResult::Continue
            }
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
