//! JSON text, member by member, indented by two blanks or compact.

use std::fmt::Write;

/// Writes JSON text. The caller keeps the order of members; the writer keeps commas and lines.
#[derive(Debug)]
pub struct Writer {
    out: String,
    pretty: bool,
    level: usize,
    empty: bool,
}

impl Writer {
    /// A writer with lines and indentation, or without.
    #[must_use]
    pub fn new(pretty: bool) -> Self {
        Self {
            out: String::with_capacity(1 << 12),
            pretty,
            level: 0,
            empty: true,
        }
    }

    /// The text.
    #[must_use]
    pub fn finish(self) -> String {
        self.out
    }

    fn line(&mut self) {
        if self.pretty {
            self.out.push('\n');
            for _ in 0..self.level {
                self.out.push_str("  ");
            }
        }
    }

    fn open(&mut self, bracket: char) {
        self.out.push(bracket);
        self.level += 1;
        self.empty = true;
    }

    fn close(&mut self, bracket: char) {
        self.level = self.level.saturating_sub(1);
        if !self.empty {
            self.line();
        }
        self.out.push(bracket);
        self.empty = false;
    }

    fn next(&mut self) {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        self.line();
    }

    /// An object whose members `fill` writes.
    pub fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.open('{');
        fill(self);
        self.close('}');
    }

    /// Begins an object; [`Writer::close_object`] ends it.
    pub fn open_object(&mut self) {
        self.open('{');
    }

    /// Ends an object.
    pub fn close_object(&mut self) {
        self.close('}');
    }

    /// Begins an array; [`Writer::element`] precedes each element.
    pub fn open_array(&mut self) {
        self.open('[');
    }

    /// Precedes an element of an array.
    pub fn element(&mut self) {
        self.next();
    }

    /// Ends an array.
    pub fn close_array(&mut self) {
        self.close(']');
    }

    /// An array with one element for each item.
    pub fn array<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) {
        self.open('[');
        for item in items {
            self.next();
            each(self, item);
        }
        self.close(']');
    }

    /// The name of a member; its value follows. The name must need no escapes.
    pub fn key(&mut self, name: &str) {
        self.next();
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str(if self.pretty { "\": " } else { "\":" });
    }

    /// A member that is a string.
    pub fn member(&mut self, name: &str, value: &str) {
        self.key(name);
        self.string(value);
    }

    /// A member that is a whole number.
    pub fn number(&mut self, name: &str, value: u32) {
        self.key(name);
        self.raw_fmt(format_args!("{value}"));
    }

    /// A string.
    pub fn string(&mut self, value: &str) {
        self.out.push('"');
        for c in value.chars() {
            self.unit(u32::from(c));
        }
        self.out.push('"');
    }

    /// A string given code point by code point; surrogates may stand alone.
    pub fn units(&mut self, fill: impl FnOnce(&mut dyn FnMut(u32))) {
        self.out.push('"');
        fill(&mut |unit| self.unit(unit));
        self.out.push('"');
    }

    fn unit(&mut self, unit: u32) {
        match char::from_u32(unit) {
            Some('"') => self.out.push_str("\\\""),
            Some('\\') => self.out.push_str("\\\\"),
            Some('\n') => self.out.push_str("\\n"),
            Some('\r') => self.out.push_str("\\r"),
            Some('\t') => self.out.push_str("\\t"),
            Some(c) if !c.is_control() => self.out.push(c),
            _ => self.raw_fmt(format_args!("\\u{unit:04x}")),
        }
    }

    /// Text that is JSON already.
    pub fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn raw_fmt(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.out.write_fmt(text);
    }
}
