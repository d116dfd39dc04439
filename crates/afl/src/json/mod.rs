//! The reference's JSON: same members, same order, ids derived instead of random.

mod expr;
mod id;
mod resolved;
mod write;

pub use id::Id;
pub use resolved::resolved;
pub use write::Writer;

use crate::ast::{
    AndThen, Block, Body, Call, Catch, Caught, Facet, FacetKind, Implicit, Mixin, Name, Namespace,
    Param, Schema, Script, Step, Stmt, Then, Type, When,
};
use crate::diag::FileId;
use crate::program::{Program, Provenance, Sorted, Source, sorted};
use crate::span::Span;

/// The shape of the output.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Lines and indentation.
    pub pretty: bool,
    /// Write `location` members.
    pub locations: bool,
    /// Write `sourceId` and `provenance` into locations.
    pub provenance: bool,
    /// A `with` chain on a yield becomes one yield for each target, as in FFL.
    pub expand_yields: bool,
    /// Show the bytes of strings as the reference does: UTF-8 read as Latin-1.
    pub latin1: bool,
}

/// Writes a program. It should be free of syntax errors; what could not be read is left out.
#[must_use]
pub fn program(program: &Program<'_>, options: Options) -> String {
    let mut emit = Emit {
        w: Writer::new(options.pretty),
        options,
        sources: program.sources,
        file: 0,
    };
    emit.program(program);
    let mut text = emit.w.finish();
    text.push('\n');
    text
}

pub(crate) struct Emit<'p> {
    w: Writer,
    options: Options,
    sources: &'p [Source],
    file: FileId,
}

/// The parts of a yield: one for each target.
pub(crate) fn yields<'b, 's>(block: &'b Block<'s>, expand: bool) -> Vec<Target<'b, 's>> {
    let mut all = Vec::with_capacity(block.yields.len());
    for y in &block.yields {
        all.push(Target {
            call: Some(&y.call),
            target: y.call.target,
            args: &y.call.args,
            span: y.span,
        });
        if expand {
            all.extend(y.call.mixins.iter().map(|m| Target {
                call: None,
                target: m.target,
                args: &m.args,
                span: m.span,
            }));
        }
    }
    all
}

/// One target of a yield.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'b, 's> {
    /// The call as written, for the first target.
    pub call: Option<&'b Call<'s>>,
    pub target: Name<'s>,
    pub args: &'b [crate::ast::Arg<'s>],
    pub span: Span,
}

impl Emit<'_> {
    fn source_text(&self, span: Span) -> &str {
        self.sources
            .get(self.file as usize)
            .map_or("", |source| span.text(&source.text))
    }

    fn child(&self, parent: Id, kind: &str, index: usize, span: Span) -> Id {
        parent.child(kind, index, self.source_text(span))
    }

    /// `id` and `location`, the last members of most nodes.
    fn meta(&mut self, id: Id, span: Span) {
        self.w.member("id", &id.to_string());
        if self.options.locations {
            self.location(span);
        }
    }

    pub(super) fn location(&mut self, span: Span) {
        let Some(source) = self.sources.get(self.file as usize) else {
            return;
        };
        let (start, end) = (
            source.lines.place(&source.text, span.start),
            source.lines.place(&source.text, span.end),
        );
        let provenance = self.options.provenance;
        self.w.key("location");
        self.w.object(|w| {
            w.number("line", start.line);
            w.number("column", start.column);
            w.number("endLine", end.line);
            w.number("endColumn", end.column);
            if !provenance {
                return;
            }
            match &source.provenance {
                Provenance::File(path) => {
                    w.member("sourceId", &format!("file://{path}"));
                    w.key("provenance");
                    w.object(|w| {
                        w.member("type", "file");
                        w.member("path", path);
                    });
                }
                Provenance::Text => w.member("sourceId", &source.name),
            }
        });
    }

    fn program(&mut self, program: &Program<'_>) {
        self.w.open_object();
        self.w.member("type", "Program");
        let top = program.top_level();
        let id = program
            .sources
            .iter()
            .fold(Id::root("program"), |id, source| {
                id.child("source", 0, &source.name)
                    .child("text", 0, &source.text)
            });
        let namespaces: Vec<_> = program.namespaces().collect();
        let any = !namespaces.is_empty()
            || top.all_facets().next().is_some()
            || !top.implicits.is_empty()
            || !top.schemas.is_empty();
        if any {
            self.w.key("declarations");
            self.w.open_array();
            for (index, (file, namespace)) in namespaces.into_iter().enumerate() {
                self.file = file;
                self.w.element();
                self.namespace(self.root(index), file, namespace);
            }
            self.declarations(self.root(0), &top);
            self.w.close_array();
        }
        self.file = 0;
        let end = self.sources.first().map_or(0, |source| {
            crate::span::offset(source.text.trim_end().len())
        });
        self.meta(id, Span::new(0, end));
        self.w.close_object();
    }

    fn root(&self, index: usize) -> Id {
        Id::root(
            self.sources
                .get(self.file as usize)
                .map_or("", |source| source.name.as_str()),
        )
        .child("item", index, "")
    }

    fn namespace(&mut self, parent: Id, file: FileId, namespace: &Namespace<'_>) {
        let id = self.child(parent, "Namespace", 0, namespace.span);
        self.w.open_object();
        self.w.member("type", "Namespace");
        self.w.member("name", namespace.name.text);
        self.doc(namespace.doc);
        let uses: Vec<&str> = namespace
            .decls
            .iter()
            .filter_map(|decl| {
                if let crate::ast::Decl::Use(x) = decl {
                    Some(x.name.text)
                } else {
                    None
                }
            })
            .collect();
        if !uses.is_empty() {
            self.w.key("uses");
            self.w.array(uses, |w, name| w.string(name));
        }
        let sorted = sorted(file, namespace);
        if namespace
            .decls
            .iter()
            .any(|decl| !matches!(decl, crate::ast::Decl::Use(_)))
        {
            self.w.key("declarations");
            self.w.open_array();
            self.declarations(id, &sorted);
            self.w.close_array();
        }
        self.meta(id, namespace.span);
        self.w.close_object();
    }

    fn declarations(&mut self, parent: Id, sorted: &Sorted<'_, '_>) {
        for (index, (file, facet)) in sorted.all_facets().enumerate() {
            self.file = file;
            self.w.element();
            self.facet(parent, index, facet);
        }
        for (index, (file, implicit)) in sorted.implicits.iter().enumerate() {
            self.file = *file;
            self.w.element();
            self.implicit(parent, index, implicit);
        }
        for (index, (file, schema)) in sorted.schemas.iter().enumerate() {
            self.file = *file;
            self.w.element();
            self.schema(parent, index, schema);
        }
    }

    fn doc(&mut self, doc: Option<Name<'_>>) {
        let Some(doc) = doc.map(|doc| crate::doc::read(doc.text)) else {
            return;
        };
        let tags = |w: &mut Writer, (name, text): &(String, String)| {
            w.object(|w| {
                w.member("name", name);
                w.member("description", text);
            });
        };
        self.w.key("doc");
        self.w.object(|w| {
            w.member("description", &doc.description);
            w.key("params");
            w.array(&doc.params, tags);
            w.key("returns");
            w.array(&doc.returns, tags);
        });
    }

    fn facet(&mut self, parent: Id, index: usize, facet: &Facet<'_>) {
        let kind = match facet.kind {
            FacetKind::Facet => "FacetDecl",
            FacetKind::Event => "EventFacetDecl",
            FacetKind::Workflow => "WorkflowDecl",
        };
        let id = self.child(parent, kind, index, facet.span);
        self.w.open_object();
        self.w.member("type", kind);
        self.w.member("name", facet.sig.name.text);
        self.doc(facet.doc);
        self.params("params", &facet.sig.params);
        self.params("returns", facet.sig.returns.as_deref().unwrap_or_default());
        self.mixins("MixinSig", &facet.sig.mixins);
        if let Some(script) = &facet.pre_script {
            self.w.key("pre_script");
            self.script(id, script);
        }
        self.body(id, &facet.body);
        if let Some(catch) = &facet.catch {
            self.w.key("catch");
            self.catch(id, catch);
        }
        self.meta(id, facet.span);
        self.w.close_object();
    }

    fn body(&mut self, id: Id, body: &Body<'_>) {
        match body {
            Body::None => {}
            Body::Prompt(prompt) => {
                self.w.key("body");
                self.w.open_object();
                self.w.member("type", "PromptBlock");
                for word in ["system", "template", "model"] {
                    if let Some(value) = prompt.get(word) {
                        self.w.key(word);
                        self.literal(value.text);
                    }
                }
                self.meta(self.child(id, "PromptBlock", 0, prompt.span), prompt.span);
                self.w.close_object();
            }
            Body::Blocks(blocks) => {
                self.w.key("body");
                if let [block] = blocks.as_slice() {
                    return self.and_then(id, 0, block);
                }
                self.w.open_array();
                for (index, block) in blocks.iter().enumerate() {
                    self.w.element();
                    self.and_then(id, index, block);
                }
                self.w.close_array();
            }
        }
    }

    fn params(&mut self, key: &str, params: &[Param<'_>]) {
        if params.is_empty() {
            return;
        }
        self.w.key(key);
        self.w.open_array();
        for param in params {
            self.w.element();
            self.w.open_object();
            self.w.member("name", param.name.text);
            self.w.key("type");
            self.ty(&param.ty);
            if let Some(default) = &param.default {
                self.w.key("default");
                self.expr(default);
            }
            self.w.close_object();
        }
        self.w.close_array();
    }

    fn ty(&mut self, ty: &Type<'_>) {
        match ty {
            Type::Name(name) => self.w.string(name.text),
            Type::List(inner, _) => {
                self.w.open_object();
                self.w.member("type", "ArrayType");
                self.w.key("elementType");
                self.ty(inner);
                self.w.close_object();
            }
        }
    }

    fn mixins(&mut self, kind: &str, mixins: &[Mixin<'_>]) {
        if mixins.is_empty() {
            return;
        }
        self.w.key("mixins");
        self.w.open_array();
        for mixin in mixins {
            self.w.element();
            self.w.open_object();
            self.w.member("type", kind);
            self.w.member("target", mixin.target.text);
            self.args(&mixin.args);
            if let Some(alias) = mixin.alias {
                self.w.member("alias", alias.text);
            }
            self.w.close_object();
        }
        self.w.close_array();
    }

    fn script(&mut self, parent: Id, script: &Script<'_>) {
        self.w.open_object();
        self.w.member("type", "ScriptBlock");
        self.w.member(
            "language",
            script.language.map_or("python", |language| language.text),
        );
        self.w.key("code");
        if script.braced() {
            let code = script.text();
            self.text(&code);
        } else {
            self.literal(script.code.text);
        }
        self.meta(
            self.child(parent, "ScriptBlock", 0, script.span),
            script.span,
        );
        self.w.close_object();
    }

    fn and_then(&mut self, parent: Id, index: usize, block: &AndThen<'_>) {
        let id = self.child(parent, "AndThenBlock", index, block.span);
        self.w.open_object();
        self.w.member("type", "AndThenBlock");
        if let Some(foreach) = &block.foreach {
            self.w.key("foreach");
            self.w.open_object();
            self.w.member("type", "ForeachClause");
            self.w.member("variable", foreach.variable.text);
            self.w.key("iterable");
            self.expr(&foreach.list);
            self.w.close_object();
        }
        match &block.kind {
            Then::When(when) => self.when(id, when),
            Then::Script(script) => {
                self.w.key("script");
                self.script(id, script);
            }
            Then::Block(block) => self.block(id, block),
        }
        self.meta(id, block.span);
        self.w.close_object();
    }

    fn block(&mut self, parent: Id, block: &Block<'_>) {
        if !block.steps.is_empty() {
            self.w.key("steps");
            self.w.open_array();
            for (index, stmt) in block.steps.iter().enumerate() {
                self.w.element();
                self.stmt(parent, index, stmt);
            }
            self.w.close_array();
        }
        match yields(block, self.options.expand_yields).as_slice() {
            [] => {}
            [one] => {
                self.w.key("yield");
                self.yields(parent, 0, one);
            }
            many => {
                self.w.key("yields");
                self.w.open_array();
                for (index, one) in many.iter().enumerate() {
                    self.w.element();
                    self.yields(parent, index, one);
                }
                self.w.close_array();
            }
        }
    }

    fn yields(&mut self, parent: Id, index: usize, target: &Target<'_, '_>) {
        let id = self.child(parent, "YieldStmt", index, target.span);
        self.w.open_object();
        self.w.member("type", "YieldStmt");
        self.w.key("call");
        let mixins = target
            .call
            .filter(|_| !self.options.expand_yields)
            .map_or(&[][..], |call| &call.mixins);
        self.call_parts(id, target.target.text, target.args, mixins, target.span);
        self.meta(id, target.span);
        self.w.close_object();
    }

    fn stmt(&mut self, parent: Id, index: usize, stmt: &Stmt<'_>) {
        match stmt {
            Stmt::Step(step) => self.step(parent, index, step),
            Stmt::Log { args, span } => {
                self.w.open_object();
                self.w.member("type", "SysLogStmt");
                self.args(args);
                self.meta(self.child(parent, "SysLogStmt", index, *span), *span);
                self.w.close_object();
            }
            Stmt::Assert { condition, span } => {
                self.w.open_object();
                self.w.member("type", "SysAssertStmt");
                self.w.key("condition");
                self.expr(condition);
                self.meta(self.child(parent, "SysAssertStmt", index, *span), *span);
                self.w.close_object();
            }
        }
    }

    fn step(&mut self, parent: Id, index: usize, step: &Step<'_>) {
        let id = self.child(parent, "StepStmt", index, step.span);
        self.w.open_object();
        self.w.member("type", "StepStmt");
        self.w.member("name", step.name.text);
        self.w.key("call");
        self.call(id, &step.call);
        if let Some(body) = &step.body {
            self.w.key("body");
            self.and_then(id, 0, body);
        }
        if let Some(catch) = &step.catch {
            self.w.key("catch");
            self.catch(id, catch);
        }
        self.meta(id, step.span);
        self.w.close_object();
    }

    fn when(&mut self, parent: Id, when: &When<'_>) {
        self.w.key("when");
        let id = self.child(parent, "WhenBlock", 0, when.span);
        self.w.open_object();
        self.w.member("type", "WhenBlock");
        if !when.cases.is_empty() {
            self.w.key("cases");
            self.w.open_array();
            for (index, case) in when.cases.iter().enumerate() {
                self.w.element();
                let id = self.child(id, "WhenCase", index, case.span);
                self.w.open_object();
                self.w.member("type", "WhenCase");
                match &case.condition {
                    None => {
                        self.w.key("default");
                        self.w.raw("true");
                    }
                    Some(condition) => {
                        self.w.key("condition");
                        self.expr(condition);
                    }
                }
                self.block(id, &case.block);
                self.meta(id, case.span);
                self.w.close_object();
            }
            self.w.close_array();
        }
        self.meta(id, when.span);
        self.w.close_object();
    }

    fn catch(&mut self, parent: Id, catch: &Catch<'_>) {
        let id = self.child(parent, "CatchClause", 0, catch.span);
        self.w.open_object();
        self.w.member("type", "CatchClause");
        match &catch.kind {
            Caught::Block(block) => self.block(id, block),
            Caught::When(when) => self.when(id, when),
        }
        self.meta(id, catch.span);
        self.w.close_object();
    }

    fn schema(&mut self, parent: Id, index: usize, schema: &Schema<'_>) {
        let id = self.child(parent, "SchemaDecl", index, schema.span);
        self.w.open_object();
        self.w.member("type", "SchemaDecl");
        self.w.member("name", schema.name.text);
        self.doc(schema.doc);
        if schema.fields.is_empty() {
            self.w.key("fields");
            self.w.raw("[]");
        }
        self.params("fields", &schema.fields);
        self.meta(id, schema.span);
        self.w.close_object();
    }

    fn implicit(&mut self, parent: Id, index: usize, implicit: &Implicit<'_>) {
        let id = self.child(parent, "ImplicitDecl", index, implicit.span);
        self.w.open_object();
        self.w.member("type", "ImplicitDecl");
        self.w.member("name", implicit.name.text);
        self.w.key("call");
        self.call(id, &implicit.call);
        self.meta(id, implicit.span);
        self.w.close_object();
    }

    fn call(&mut self, parent: Id, call: &Call<'_>) {
        self.call_parts(
            parent,
            call.target.text,
            &call.args,
            &call.mixins,
            call.span,
        );
    }

    fn call_parts(
        &mut self,
        parent: Id,
        target: &str,
        args: &[crate::ast::Arg<'_>],
        mixins: &[Mixin<'_>],
        span: Span,
    ) {
        self.w.open_object();
        self.w.member("type", "CallExpr");
        self.w.member("target", target);
        self.args(args);
        self.mixins("MixinCall", mixins);
        self.meta(self.child(parent, "CallExpr", 0, span), span);
        self.w.close_object();
    }
}
