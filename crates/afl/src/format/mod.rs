//! One style, for every source.
//!
//! The formatter prints the tree again, comments at their places. It keeps what has a meaning (strings, scripts, order), normalises the rest, and
//! breaks lines only where both references allow it, so that formatted sources stay readable for them. Formatting twice changes nothing, and the
//! formatted source has the same tree.

mod expr;
mod layout;

pub use expr::{flat, path, ty};

use crate::ast::{
    AndThen, Block, Body, Catch, Caught, Decl, Facet, File, Item, Name, Namespace, Prompt, Schema,
    Script, Stmt, Then, When,
};
use crate::lex::Comment;
use layout::{Doc, text};

/// How wide a line may be, in characters.
pub const WIDTH: usize = 100;

/// Formats a source without syntax errors.
#[must_use]
pub fn format(source: &str, file: &File<'_>) -> String {
    let mut printer = Printer::new(source, &file.comments);
    printer.file(file);
    printer.out
}

struct Printer<'c, 's> {
    source: &'c str,
    comments: &'c [Comment],
    /// How many comments were printed.
    printed: usize,
    out: String,
    level: usize,
    /// Where in the source the last printed thing ended.
    last: u32,
    /// Whether nothing was printed in this block yet.
    first: bool,
    of: std::marker::PhantomData<&'s ()>,
}

impl<'c, 's> Printer<'c, 's> {
    fn new(source: &'c str, comments: &'c [Comment]) -> Self {
        Self {
            source,
            comments,
            printed: 0,
            out: String::with_capacity(source.len() + 64),
            level: 0,
            last: 0,
            first: true,
            of: std::marker::PhantomData,
        }
    }

    fn between(&self, from: u32, to: u32) -> &'c str {
        self.source.get(from as usize..to as usize).unwrap_or("")
    }

    /// The text of a comment. A doc comment that documents nothing becomes an ordinary one: it must not come to stand before a declaration as its
    /// documentation, and the references refuse it.
    fn comment(&self, comment: Comment) -> String {
        let words = self
            .between(comment.span.start, comment.span.end)
            .trim_end();
        match words
            .strip_prefix("/**")
            .and_then(|rest| rest.strip_suffix("*/"))
        {
            Some(inner) => format!("/*{}*/", inner.trim_start_matches('*')),
            None => words.to_owned(),
        }
    }

    fn next_comment(&self, before: u32) -> Option<Comment> {
        self.comments
            .get(self.printed)
            .copied()
            .filter(|comment| comment.span.start < before)
    }

    /// Ends the current line and begins the one of what starts at `start` in the source: a blank line there stays a blank line.
    fn begin(&mut self, start: u32) {
        while let Some(comment) = self.next_comment(start) {
            self.line(comment.span.start);
            let words = self.comment(comment);
            self.out.push_str(&words);
            self.printed += 1;
            self.last = comment.span.end;
        }
        self.line(start);
    }

    fn line(&mut self, start: u32) {
        let gap = self.between(self.last, start);
        let blank = gap.matches('\n').count() > 1 && !self.first;
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        if blank {
            self.out.push('\n');
        }
        self.out.extend(std::iter::repeat_n("    ", self.level));
        self.first = false;
        self.last = self.last.max(start);
    }

    /// Ends what was begun: `end` is its end in the source. A comment behind it on the same line stays there.
    fn end(&mut self, end: u32) {
        self.last = self.last.max(end);
        while let Some(comment) = self.comments.get(self.printed).copied() {
            let same_line = comment.span.start >= end
                && comment.trailing
                && !self.between(end, comment.span.start).contains('\n');
            let between = self.between(end, comment.span.start);
            if !same_line || !between.trim_matches([' ', '\t', ';', ',']).is_empty() {
                break;
            }
            self.out.push(' ');
            let words = self.comment(comment);
            self.out.push_str(&words);
            self.printed += 1;
            self.last = comment.span.end;
        }
    }

    /// The comments before `start` inside a list: each on its own line.
    fn comments_inside(&mut self, start: u32) -> Vec<Doc> {
        let mut parts = Vec::new();
        while let Some(comment) = self.next_comment(start) {
            parts.push(Doc::Verbatim(self.comment(comment)));
            parts.push(Doc::Hard);
            self.printed += 1;
        }
        parts
    }

    fn write(&mut self, doc: &Doc) {
        layout::write(&mut self.out, doc, self.level, WIDTH);
    }

    /// ` {`, what `fill` prints one level deeper, `}`. `open` is the place behind the brace in the source, `close` that of the closing one.
    fn braces(&mut self, open: u32, close: u32, fill: impl FnOnce(&mut Self)) {
        self.out.push_str(" {");
        let empty = self.out.len();
        self.level += 1;
        self.first = true;
        self.end(open);
        fill(self);
        self.inner_comments(close);
        self.level -= 1;
        if self.out.len() > empty {
            self.first = true;
            self.line(close);
        }
        self.out.push('}');
        self.first = false;
        self.last = close + 1;
    }

    /// The comments that remain before a closing brace.
    fn inner_comments(&mut self, close: u32) {
        while let Some(comment) = self.next_comment(close) {
            self.line(comment.span.start);
            let words = self.comment(comment);
            self.out.push_str(&words);
            self.printed += 1;
            self.last = comment.span.end;
        }
    }

    fn file(&mut self, file: &File<'s>) {
        for item in &file.items {
            match item {
                Item::Namespace(namespace) => self.namespace(namespace),
                Item::Decl(decl) => self.decl(decl),
            }
        }
        self.inner_comments(u32::MAX);
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn doc(&mut self, doc: Option<Name<'s>>) {
        let Some(doc) = doc else { return };
        let lines: Vec<&str> = crate::doc::lines(doc.text).collect();
        let from = lines
            .iter()
            .position(|line| !line.is_empty())
            .unwrap_or(lines.len());
        let to = lines
            .iter()
            .rposition(|line| !line.is_empty())
            .map_or(from, |at| at + 1);
        let lines = lines.get(from..to).unwrap_or_default();
        let indent = "    ".repeat(self.level);
        match lines {
            [] => self.out.push_str("/** */"),
            [line] if !line.starts_with(['*', '/', ' ', '\t']) => {
                self.out.push_str("/** ");
                self.out.push_str(line);
                self.out.push_str(" */");
            }
            lines => {
                self.out.push_str("/**");
                for line in lines {
                    let mark = if line.is_empty() { " *" } else { " * " };
                    self.out.extend(["\n", indent.as_str(), mark, line]);
                }
                self.out.extend(["\n", indent.as_str(), " */"]);
            }
        }
        self.last = doc.span.end;
        self.out.extend(["\n", indent.as_str()]);
        self.first = false;
    }

    fn namespace(&mut self, namespace: &Namespace<'s>) {
        self.begin(
            namespace
                .doc
                .map_or(namespace.span.start, |doc| doc.span.start),
        );
        self.doc(namespace.doc);
        self.out.push_str("namespace ");
        self.out.push_str(namespace.name.text);
        let open = self.brace_behind(namespace.name.span.end);
        self.braces(open, namespace.span.end.saturating_sub(1), |p| {
            namespace.decls.iter().for_each(|decl| p.decl(decl))
        });
        self.end(namespace.span.end);
    }

    /// The place behind the next `{` in the source.
    fn brace_behind(&self, from: u32) -> u32 {
        let rest = self.source.get(from as usize..).unwrap_or("");
        from + crate::span::offset(rest.find('{').map_or(0, |at| at + 1))
    }

    fn decl(&mut self, decl: &Decl<'s>) {
        match decl {
            Decl::Use(x) => {
                self.begin(x.span.start);
                self.out.push_str("use ");
                self.out.push_str(x.name.text);
            }
            Decl::Implicit(implicit) => {
                self.begin(implicit.span.start);
                let call = self.call(&implicit.call);
                self.write(&Doc::All(vec![
                    text(format!("implicit {} = ", implicit.name.text)),
                    call,
                ]));
            }
            Decl::Schema(schema) => self.schema(schema),
            Decl::Facet(facet) => self.facet(facet),
        }
        self.end(decl.span().end);
    }

    fn schema(&mut self, schema: &Schema<'s>) {
        self.begin(schema.doc.map_or(schema.span.start, |doc| doc.span.start));
        self.doc(schema.doc);
        self.out.push_str("schema ");
        self.out.push_str(schema.name.text);
        let open = self.brace_behind(schema.name.span.end);
        let last = schema.fields.len().saturating_sub(1);
        self.braces(open, schema.span.end.saturating_sub(1), |p| {
            for (at, field) in schema.fields.iter().enumerate() {
                p.begin(field.span.start);
                p.out
                    .push_str(&format!("{}: {}", field.name.text, ty(&field.ty)));
                if at < last {
                    p.out.push(',');
                }
                p.end(field.span.end);
            }
        });
    }

    fn facet(&mut self, facet: &Facet<'s>) {
        self.begin(facet.doc.map_or(facet.span.start, |doc| doc.span.start));
        self.doc(facet.doc);
        let sig = self.sig(facet.kind.words(), &facet.sig);
        self.write(&sig);
        self.last = self.last.max(facet.sig.span.end);
        if let Some(script) = &facet.pre_script {
            self.out.push(' ');
            self.script(script);
        }
        match &facet.body {
            Body::None => {}
            Body::Prompt(prompt) => self.prompt(prompt),
            Body::Blocks(blocks) => blocks.iter().for_each(|block| self.and_then(block)),
        }
        if let Some(catch) = &facet.catch {
            self.catch(catch);
        }
    }

    fn script(&mut self, script: &Script<'s>) {
        self.out.push_str("script ");
        if let Some(language) = script.language {
            self.out.push_str(language.text);
            self.out.push(' ');
        }
        self.out.push_str(script.code.text);
        self.last = script.span.end;
    }

    fn prompt(&mut self, prompt: &Prompt<'s>) {
        self.out.push_str(" prompt");
        let open = self.brace_behind(prompt.span.start);
        self.braces(open, prompt.span.end.saturating_sub(1), |p| {
            for (word, value) in &prompt.directives {
                p.begin(word.span.start);
                p.out.extend([word.text, " ", value.text]);
                p.end(value.span.end);
            }
        });
    }

    fn and_then(&mut self, then: &AndThen<'s>) {
        self.out.push_str(" andThen");
        if let Some(foreach) = &then.foreach {
            let list = flat(&foreach.list);
            self.out
                .extend([" foreach ", foreach.variable.text, " in ", list.as_str()]);
        }
        match &then.kind {
            Then::Block(block) => self.block(block),
            Then::When(when) => self.when(when),
            Then::Script(script) => {
                self.out.push(' ');
                self.script(script);
            }
        }
    }

    fn block(&mut self, block: &Block<'s>) {
        self.braces(
            block.span.start + 1,
            block.span.end.saturating_sub(1),
            |p| {
                for stmt in &block.steps {
                    p.stmt(stmt);
                }
                for y in &block.yields {
                    p.begin(y.span.start);
                    let call = p.call(&y.call);
                    p.write(&Doc::All(vec![text("yield "), call]));
                    p.end(y.span.end);
                }
            },
        );
    }

    fn stmt(&mut self, stmt: &Stmt<'s>) {
        self.begin(stmt.span().start);
        match stmt {
            Stmt::Step(step) => {
                let call = self.call(&step.call);
                self.write(&Doc::All(vec![
                    text(format!("{} = ", step.name.text)),
                    call,
                ]));
                self.last = self.last.max(step.call.span.end);
                if let Some(body) = &step.body {
                    self.and_then(body);
                }
                if let Some(catch) = &step.catch {
                    self.catch(catch);
                }
            }
            Stmt::Log { args, span } => {
                let args = self.args("sys.log(", args, span.end);
                self.write(&args);
            }
            Stmt::Assert { condition, .. } => {
                let condition = self.expr(condition);
                self.write(&Doc::All(vec![text("sys.assert("), condition, text(")")]));
            }
        }
        self.end(stmt.span().end);
    }

    fn catch(&mut self, catch: &Catch<'s>) {
        self.out.push_str(" catch");
        match &catch.kind {
            Caught::Block(block) => self.block(block),
            Caught::When(when) => self.when(when),
        }
    }

    fn when(&mut self, when: &When<'s>) {
        self.out.push_str(" when");
        let open = self.brace_behind(when.span.start);
        self.braces(open, when.span.end.saturating_sub(1), |p| {
            for case in &when.cases {
                p.begin(case.span.start);
                let condition = case
                    .condition
                    .as_ref()
                    .map_or_else(|| text("_"), |condition| p.expr(condition));
                p.write(&Doc::All(vec![text("case "), condition, text(" =>")]));
                p.block(&case.block);
                p.end(case.span.end);
            }
        });
    }
}
