//! Files, namespaces and declarations.

use super::Parser;
use crate::ast::{
    AndThen, Body, Catch, Caught, Decl, Facet, FacetKind, File, Implicit, Item, Name, Namespace,
    Param, Prompt, Schema, Script, Sig, Type, Use,
};
use crate::diag::Rule;
use crate::lex::Kind;
use crate::span::Span;

const STARTS: [&str; 8] = [
    "namespace",
    "use",
    "uses",
    "facet",
    "event",
    "workflow",
    "schema",
    "implicit",
];

impl<'s> Parser<'s, '_> {
    pub(super) fn file(&mut self) -> File<'s> {
        let mut file = File::default();
        loop {
            let doc = self.doc();
            let token = self.peek();
            match token.kind {
                Kind::End => {
                    self.undocumented(doc);
                    return file;
                }
                Kind::Newline => self.at += 1,
                _ => {
                    if let Some(item) = self.item(doc) {
                        file.items.push(item);
                    }
                }
            }
        }
    }

    /// The doc comment in front of a declaration. Several in a row leave the last; the others become comments.
    fn doc(&mut self) -> Option<Name<'s>> {
        let mut doc: Option<crate::lex::Token> = None;
        let mut at = self.at;
        while matches!(self.token(at).kind, Kind::Newline | Kind::Doc) {
            let token = self.token(at);
            if token.kind == Kind::Doc {
                // Of several, the reference takes the first and we the nearest; the others are comments.
                let kept = doc.filter(|_| self.options.reference).unwrap_or(token);
                for other in [doc, Some(token)]
                    .into_iter()
                    .flatten()
                    .filter(|other| other.span != kept.span)
                {
                    self.comments.push(crate::lex::Comment {
                        span: other.span,
                        trailing: false,
                    });
                }
                doc = Some(kept);
            }
            at += 1;
        }
        self.at = at;
        if let Some(doc) = doc {
            let between = Span::new(doc.span.end, self.token(at).span.start).text(self.source);
            if between.find('/').is_some_and(|comment| {
                between
                    .get(comment..)
                    .is_some_and(|rest| rest.contains('\n'))
            }) {
                self.refuse(doc.span, "The reference allows no comment line between a doc comment and its declaration");
            }
        }
        doc.map(|token| Name {
            text: self.text(token),
            span: token.span,
        })
    }

    /// Reports a doc comment that documents nothing.
    fn undocumented(&mut self, doc: Option<Name<'s>>) {
        if let Some(doc) = doc {
            let message =
                "A doc comment belongs before a namespace, facet, event facet, workflow or schema";
            if self.options.reference {
                self.last_error = None;
                self.error(Rule::MisplacedDoc, doc.span, message);
                self.last_error = None;
            }
            self.comments.push(crate::lex::Comment {
                span: doc.span,
                trailing: false,
            });
        }
    }

    fn item(&mut self, doc: Option<Name<'s>>) -> Option<Item<'s>> {
        if self.at_word("namespace") {
            return self.namespace(doc).map(Item::Namespace);
        }
        if self.at_word("use") || self.at_word("uses") {
            let span = self.peek().span;
            self.error(Rule::Expected, span, "A `use` stands inside a namespace");
            self.last_error = None;
        }
        let schema = self.at_word("schema").then(|| self.peek().span);
        let decl = self.decl(doc)?;
        if let (Some(span), Decl::Schema(schema)) = (schema, &decl) {
            let text = format!(
                "Schema '{}' must be defined inside a namespace. Top-level schemas are not allowed.",
                schema.name.text
            );
            self.last_error = None;
            self.error(Rule::SchemaAtTopLevel, span.to(schema.name.span), text);
            self.last_error = None;
        }
        Some(Item::Decl(decl))
    }

    fn namespace(&mut self, doc: Option<Name<'s>>) -> Option<Namespace<'s>> {
        let start = self.bump().span.start;
        let name = self.qualified("the namespace's name")?;
        self.brace_ahead();
        if !self.expect(Kind::LBrace, "`{`") {
            self.next_declaration();
            return Some(Namespace {
                doc,
                name,
                decls: Vec::new(),
                span: self.since(start),
            });
        }
        let mut decls = Vec::new();
        loop {
            let doc = self.doc();
            match self.kind() {
                Kind::RBrace => {
                    self.undocumented(doc);
                    self.at += 1;
                    break;
                }
                Kind::End => {
                    self.undocumented(doc);
                    self.expected("`}` to close the namespace");
                    if let Some(error) = self.errors.last_mut() {
                        error.relate(0, name.span, "this namespace");
                    }
                    break;
                }
                _ if self.at_word("namespace") => {
                    let span = self.peek().span;
                    self.error(
                        Rule::Expected,
                        span,
                        format!(
                            "Namespaces do not nest: is a `}}` missing for `{}`?",
                            name.text
                        ),
                    );
                    self.last_error = None;
                    break;
                }
                _ => decls.extend(self.decl(doc)),
            }
        }
        Some(Namespace {
            doc,
            name,
            decls,
            span: self.since(start),
        })
    }

    fn decl(&mut self, doc: Option<Name<'s>>) -> Option<Decl<'s>> {
        let start = self.peek();
        let word = if start.kind == Kind::Ident {
            self.text(start)
        } else {
            ""
        };
        if matches!(word, "use" | "uses" | "implicit") {
            self.undocumented(doc);
        }
        let before = self.at;
        let decl = match word {
            "use" | "uses" => self.use_decl().map(Decl::Use),
            "facet" => self.facet(doc, FacetKind::Facet),
            "workflow" => self.facet(doc, FacetKind::Workflow),
            "event" => {
                self.at += 1;
                if self.at_word("facet") {
                    self.facet(doc, FacetKind::Event)
                } else {
                    self.expected("`facet` behind `event`");
                    None
                }
            }
            "schema" => self.schema(doc).map(Decl::Schema),
            "implicit" => self.implicit().map(Decl::Implicit),
            _ => {
                self.unknown_declaration(word, start.span);
                None
            }
        };
        let stuck = decl.is_none() || self.last_error.is_some_and(|at| at == self.at);
        if stuck {
            if self.at == before {
                self.at += 1;
            }
            self.next_declaration();
        } else if self.token(self.at).kind == Kind::Semi {
            self.at += 1;
            while self.token(self.at).kind == Kind::Newline {
                self.at += 1;
            }
        }
        decl.map(|decl| respan(decl, start.span.start))
    }

    fn unknown_declaration(&mut self, word: &str, span: Span) {
        let inside = "a declaration: `facet`, `event facet`, `workflow`, `schema`, `implicit`, `use` or `namespace`";
        self.expected(inside);
        if let Some(last) = self.errors.last_mut()
            && last.span == span
            && !word.is_empty()
        {
            *last = last.clone().did_you_mean(word, span, STARTS);
        }
    }

    /// Skips to the next line that begins a declaration, or to a closing brace.
    fn next_declaration(&mut self) {
        let mut open = 0_usize;
        loop {
            let token = self.token(self.at);
            let first =
                self.at == 0 || matches!(self.token(self.at - 1).kind, Kind::Newline | Kind::Doc);
            match token.kind {
                Kind::End => return,
                Kind::Doc if first => return,
                Kind::Ident if first && STARTS.contains(&self.text(token)) => return,
                Kind::LBrace | Kind::HashBrace => open += 1,
                Kind::RBrace if open == 0 => return,
                Kind::RBrace => open -= 1,
                _ => {}
            }
            self.at += 1;
        }
    }

    fn use_decl(&mut self) -> Option<Use<'s>> {
        let start = self.bump().span.start;
        let name = self.qualified("the name of a namespace")?;
        Some(Use {
            name,
            span: self.since(start),
        })
    }

    fn implicit(&mut self) -> Option<Implicit<'s>> {
        let start = self.bump().span.start;
        let name = self.name("a name for the implicit")?;
        self.expect(Kind::Eq, "`=`").then_some(())?;
        let call = self.call("the facet whose parameters it supplies")?;
        Some(Implicit {
            name,
            call,
            span: self.since(start),
        })
    }

    fn schema(&mut self, doc: Option<Name<'s>>) -> Option<Schema<'s>> {
        let start = self.bump().span.start;
        let name = self.name("the schema's name")?;
        self.brace_ahead();
        self.expect(Kind::LBrace, "`{`").then_some(())?;
        self.skip_newlines();
        let fields = self.params(Kind::RBrace, "a field");
        for field in &fields {
            if let Some(default) = &field.default {
                self.last_error = None;
                self.error(
                    Rule::Expected,
                    default.span,
                    "Fields of a schema have no defaults",
                );
                self.last_error = None;
            }
        }
        self.expect(Kind::RBrace, "`}` or `,`").then_some(())?;
        Some(Schema {
            doc,
            name,
            fields,
            span: self.since(start),
        })
    }

    fn facet(&mut self, doc: Option<Name<'s>>, kind: FacetKind) -> Option<Decl<'s>> {
        let start = self.bump().span.start;
        let sig = self.sig()?;
        let mut facet = Facet {
            kind,
            doc,
            sig,
            pre_script: None,
            body: Body::None,
            catch: None,
            span: Span::at(start),
        };
        // Behind a signature the reference of AFL allows a newline only before `script` and `prompt`; behind a block or a script before all.
        let mut free = self.ffl();
        if self.tail("script", true) {
            facet.pre_script = self.script_block();
            free = true;
        } else if self.prompt_ahead() {
            facet.body = Body::Prompt(self.prompt()?);
            free = false;
        }
        if !matches!(facet.body, Body::Prompt(_)) {
            let mut blocks: Vec<AndThen<'s>> = Vec::new();
            while self.tail("andThen", free) {
                blocks.push(self.and_then(true)?);
                free = true;
            }
            if !blocks.is_empty() {
                facet.body = Body::Blocks(blocks);
            }
        }
        if self.tail("catch", free) {
            facet.catch = self.catch_clause();
        }
        facet.span = self.since(start);
        Some(Decl::Facet(Box::new(facet)))
    }

    fn sig(&mut self) -> Option<Sig<'s>> {
        let name = self.name("a name")?;
        let start = name.span.start;
        self.expect(Kind::LParen, "`(`").then_some(())?;
        let params = self.signature_params();
        let mut returns = None;
        if self.tail_kind(Kind::Arrow) {
            self.at += 1;
            if !self.expect(Kind::LParen, "`(` around the outputs") {
                return Some(Sig {
                    name,
                    params,
                    returns,
                    mixins: Vec::new(),
                    span: self.since(start),
                });
            }
            returns = Some(self.signature_params());
        }
        let free = self.ffl();
        let mut mixins = Vec::new();
        while self.tail("with", free) {
            let mixin = self.mixin()?;
            if let Some(alias) = mixin.alias {
                self.ffl_only(alias.span, "`as` in a signature");
            }
            mixins.push(mixin);
        }
        Some(Sig {
            name,
            params,
            returns,
            mixins,
            span: self.since(start),
        })
    }

    fn signature_params(&mut self) -> Vec<Param<'s>> {
        self.parens += 1;
        let open = self.at;
        self.skip_newlines();
        let params = self.params(Kind::RParen, "a parameter");
        if params.is_empty() && self.at > open {
            let span = self.peek().span;
            self.refuse(
                span,
                "The reference does not allow a line end between empty parentheses",
            );
        }
        self.expect(Kind::RParen, "`)` or `,`");
        self.parens -= 1;
        params
    }

    /// `name: type [= expr], ..` up to `close`, which stays.
    fn params(&mut self, close: Kind, what: &str) -> Vec<Param<'s>> {
        let mut params = Vec::new();
        while self.kind() != close && self.kind() != Kind::End {
            let before = self.at;
            match self.param(what) {
                Some(param) => params.push(param),
                None => self.skip_to_comma(close),
            }
            self.skip_newlines();
            if !self.eat(Kind::Comma) {
                if self.kind() == close {
                    break;
                }
                self.expected(if close == Kind::RBrace {
                    "`,` or `}`"
                } else {
                    "`,` or `)`"
                });
                if self.at == before || self.kind() != Kind::Ident {
                    self.skip_to_comma(close);
                    if !self.eat(Kind::Comma) {
                        break;
                    }
                }
                self.skip_newlines();
                continue;
            }
            self.skip_newlines();
            self.check_trailing(close);
        }
        params
    }

    fn param(&mut self, what: &str) -> Option<Param<'s>> {
        let name = self.name(what)?;
        self.expect(Kind::Colon, "`:` and a type").then_some(())?;
        let ty = self.ty()?;
        let default = if self.eat(Kind::Eq) {
            Some(self.expr()?)
        } else {
            None
        };
        Some(Param {
            name,
            ty,
            default,
            span: self.since(name.span.start),
        })
    }

    fn ty(&mut self) -> Option<Type<'s>> {
        let token = self.peek();
        if token.kind != Kind::LBracket {
            let name = self.qualified("a type")?;
            let builtin = ["String", "Long", "Int", "Double", "Boolean", "Json"];
            if self.options.reference
                && !builtin.contains(&name.text)
                && builtin.iter().any(|b| name.text.starts_with(b))
            {
                self.refuse(
                    name.span,
                    "The reference reads the name of a builtin type at the beginning of this name",
                );
            }
            return Some(Type::Name(name));
        }
        let inside = self.enter();
        self.at += usize::from(inside);
        let inner = if inside { self.ty() } else { None };
        self.leave();
        let inner = inner?;
        self.expect(Kind::RBracket, "`]`");
        Some(Type::List(Box::new(inner), self.since(token.span.start)))
    }

    /// Whether `word` continues the declaration, possibly on a later line; then it is taken. `free` tells whether the reference allows a newline here.
    pub(super) fn tail(&mut self, word: &str, free: bool) -> bool {
        let (at, token) = self.beyond(self.at);
        let docs = (self.at..at).any(|i| self.token(i).kind == Kind::Doc);
        if token.kind != Kind::Ident || self.text(token) != word || (docs && self.options.reference)
        {
            return false;
        }
        // `catch = F()` is a step of that name.
        if self.token(at + 1).kind == Kind::Eq {
            return false;
        }
        self.take_lines(at, free);
        self.at += 1;
        true
    }

    fn tail_kind(&mut self, kind: Kind) -> bool {
        let (at, token) = self.beyond(self.at);
        let docs = (self.at..at).any(|i| self.token(i).kind == Kind::Doc);
        let found = token.kind == kind && !(docs && self.options.reference);
        if found {
            self.take_lines(at, false);
        }
        found
    }

    fn prompt_ahead(&mut self) -> bool {
        let (at, token) = self.beyond(self.at);
        if token.kind != Kind::Ident
            || self.text(token) != "prompt"
            || self.beyond(at + 1).1.kind != Kind::LBrace
        {
            return false;
        }
        self.take_lines(at, true);
        self.at += 1;
        true
    }

    /// Goes on to `at`, reporting line ends that the reference does not allow.
    fn take_lines(&mut self, at: usize, free: bool) {
        let lines = (self.at..at).any(|i| self.token(i).kind == Kind::Newline);
        if lines && !free {
            let span = self.token(at).span;
            self.refuse(span, "The reference does not allow a line end before this");
        }
        while self.at < at {
            if self.token(self.at).kind == Kind::Doc {
                self.stray_doc()
            } else {
                self.at += 1
            }
        }
    }

    /// Takes line ends in front of a `{`.
    pub(super) fn brace_ahead(&mut self) {
        let _ = self.tail_kind(Kind::LBrace);
    }

    fn prompt(&mut self) -> Option<Prompt<'s>> {
        let start = self.token(self.at - 1).span.start;
        if self.kind() == Kind::Newline {
            self.brace_ahead();
        }
        self.expect(Kind::LBrace, "`{`").then_some(())?;
        let mut directives = Vec::new();
        loop {
            self.skip_newlines();
            let token = self.peek();
            match token.kind {
                Kind::RBrace => {
                    self.at += 1;
                    break;
                }
                Kind::Ident if matches!(self.text(token), "system" | "template" | "model") => {
                    self.at += 1;
                    let value = self.peek();
                    if !self.expect(Kind::Str, "a string") {
                        self.skip_line();
                        continue;
                    }
                    let name = |t: crate::lex::Token| Name {
                        text: self.text(t),
                        span: t.span,
                    };
                    directives.push((name(token), name(value)));
                }
                Kind::End => {
                    self.expected("`}` to close the prompt");
                    break;
                }
                _ => {
                    self.expected("`system`, `template`, `model` or `}`");
                    self.skip_line();
                }
            }
        }
        Some(Prompt {
            directives,
            span: self.since(start),
        })
    }

    /// What stands behind the word `script`.
    pub(super) fn script_block(&mut self) -> Option<Script<'s>> {
        let start = self.token(self.at - 1).span.start;
        let (at, token) = self.beyond(self.at);
        if matches!(token.kind, Kind::Ident | Kind::Code | Kind::Str) {
            self.take_lines(at, token.kind != Kind::Str);
        }
        let token = self.peek();
        let language = (token.kind == Kind::Ident).then(|| Name {
            text: self.text(token),
            span: token.span,
        });
        if let Some(language) = language {
            self.at += 1;
            if language.text != "python" && !self.ffl() {
                self.refuse(language.span, "The reference knows only `python` here");
            }
        }
        let code = self.peek();
        if !matches!(code.kind, Kind::Str | Kind::Code) {
            self.expected("the code, as a string or between braces");
            return None;
        }
        self.at += 1;
        Some(Script {
            language,
            code: Name {
                text: self.text(code),
                span: code.span,
            },
            span: self.since(start),
        })
    }

    pub(super) fn catch_clause(&mut self) -> Option<Catch<'s>> {
        let start = self.token(self.at - 1).span.start;
        let kind = if self.tail("when", true) {
            Caught::When(self.when()?)
        } else {
            Caught::Block(self.block()?)
        };
        Some(Catch {
            kind,
            span: self.since(start),
        })
    }
}

fn respan(decl: Decl<'_>, start: u32) -> Decl<'_> {
    match decl {
        Decl::Facet(mut facet) => {
            facet.span.start = start;
            Decl::Facet(facet)
        }
        Decl::Use(_) | Decl::Schema(_) | Decl::Implicit(_) => decl,
    }
}
