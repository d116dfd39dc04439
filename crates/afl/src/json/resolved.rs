//! The resolved program: what a machine needs to run it, with every name, type, order and policy decided.
//!
//! Shape: `{format: 1, order, foreach, planHash, schemas: [..], facets: [..]}`, in source order. Each facet has `blocks`; each block `steps` with
//! `target` (full name), `args` with types and origins, `after` with reasons, and `policies` with the origin of every setting.

use super::{Emit, Writer};
use crate::ast::{
    AndThen, Arg, Block, Body, Call, Catch, Caught, Expr, Param, Script, Step, Stmt, Then, When,
};
use crate::check::names::{FacetInfo, Names, Scope};
use crate::check::{Collect, Options, Order};
use crate::program::Program;
use crate::resolve::{Model, Target, order, policy};

/// Writes the resolved program. It should have been checked without errors.
#[must_use]
pub fn resolved(program: &Program<'_>, options: Options, pretty: bool) -> String {
    let names = Names::new(program);
    let model = Model::new(&names);

    // The hash covers the compact form, so that it does not depend on how the output is laid out.
    let compact = write(program, &model, options, false, None);
    let hash = super::Id::root("plan")
        .child("resolved", 1, &compact)
        .to_string();

    write(program, &model, options, pretty, Some(&hash))
}

fn write<'s>(
    program: &Program<'s>,
    model: &Model<'_, '_, 's>,
    options: Options,
    pretty: bool,
    hash: Option<&str>,
) -> String {
    let shape = super::Options {
        pretty,
        locations: true,
        provenance: false,
        expand_yields: true,
        latin1: false,
    };
    let emit = Emit {
        w: Writer::new(pretty),
        options: shape,
        sources: program.sources,
        file: 0,
    };
    let mut out = Resolved {
        emit,
        model,
        options,
    };
    out.program(program, hash);
    let mut text = out.emit.w.finish();
    text.push('\n');
    text
}

struct Resolved<'m, 'n, 'p, 's> {
    emit: Emit<'m>,
    model: &'m Model<'n, 'p, 's>,
    options: Options,
}

impl<'p, 's> Resolved<'_, '_, 'p, 's> {
    fn program(&mut self, program: &Program<'s>, hash: Option<&str>) {
        self.emit.w.open_object();
        self.emit.w.number("format", 1);
        self.emit.w.member(
            "order",
            if self.options.order == Order::Declared {
                "declared"
            } else {
                "data"
            },
        );
        self.emit.w.member(
            "foreach",
            if self.options.collect == Collect::All {
                "collect"
            } else {
                "last"
            },
        );
        if let Some(hash) = hash {
            self.emit.w.member("planHash", hash);
        }
        self.emit.w.key("sources");
        self.emit
            .w
            .array(program.sources, |w, source| w.string(&source.name));
        self.schemas();
        self.emit.w.key("facets");
        self.emit.w.open_array();
        let mut facets = self.model.names.facets.clone();
        facets.sort_by_key(|facet| (facet.file, facet.decl.span));
        for facet in &facets {
            self.emit.w.element();
            self.facet(facet);
        }
        self.emit.w.close_array();
        self.emit.w.close_object();
    }

    fn schemas(&mut self) {
        self.emit.w.key("schemas");
        self.emit.w.open_array();
        let mut schemas = self.model.names.schemas.clone();
        schemas.sort_by_key(|schema| (schema.file, schema.decl.span));
        for schema in schemas {
            self.emit.file = schema.file;
            let scope = self.model.scope(schema.scope);
            self.emit.w.element();
            self.emit.w.open_object();
            self.emit.w.member("name", &schema.full());
            self.typed("fields", &schema.decl.fields, |model, field| {
                model.ty(&field.ty, scope).show(model)
            });
            self.emit.location(schema.decl.span);
            self.emit.w.close_object();
        }
        self.emit.w.close_array();
    }

    fn typed(
        &mut self,
        key: &str,
        params: &[Param<'s>],
        ty: impl Fn(&Model<'_, 'p, 's>, &Param<'s>) -> String,
    ) {
        self.emit.w.key(key);
        self.emit.w.open_array();
        for param in params {
            self.emit.w.element();
            self.emit.w.open_object();
            self.emit.w.member("name", param.name.text);
            self.emit.w.member("type", &ty(self.model, param));
            if let Some(default) = &param.default {
                self.emit.w.key("default");
                self.emit.expr(default);
            }
            self.emit.w.close_object();
        }
        self.emit.w.close_array();
    }

    fn facet(&mut self, facet: &FacetInfo<'p, 's>) {
        self.emit.file = facet.file;
        let scope = self.model.scope(facet.scope);
        let collect = self.options.collect;
        self.emit.w.open_object();
        self.emit.w.member("name", &facet.full());
        self.emit.w.member("kind", facet.decl.kind.words());
        self.emit.w.key("reachesEvent");
        self.emit.w.raw(if self.model.reaches_event(facet.id) {
            "true"
        } else {
            "false"
        });
        self.typed("params", facet.params(), |model, param| {
            model.param_ty(facet, param).show(model)
        });
        self.typed("returns", facet.returns(), |model, output| {
            model.output_ty(facet, output, collect).show(model)
        });
        self.mixins(&facet.decl.sig.mixins, scope);
        if let Some(script) = &facet.decl.pre_script {
            self.emit.w.key("preScript");
            self.script(script);
        }
        match &facet.decl.body {
            Body::None => {}
            Body::Prompt(prompt) => {
                self.emit.w.key("prompt");
                self.emit.w.open_object();
                for word in ["system", "template", "model"] {
                    if let Some(value) = prompt.get(word) {
                        self.emit.w.key(word);
                        self.emit.literal(value.text);
                    }
                }
                self.emit.w.close_object();
            }
            Body::Blocks(blocks) => {
                self.emit.w.key("blocks");
                self.emit.w.open_array();
                for then in blocks {
                    self.emit.w.element();
                    self.then(then, scope);
                }
                self.emit.w.close_array();
            }
        }
        if let Some(catch) = &facet.decl.catch {
            self.catch(catch, scope);
        }
        self.emit.location(facet.decl.span);
        self.emit.w.close_object();
    }

    fn mixins(&mut self, mixins: &[crate::ast::Mixin<'s>], scope: &Scope<'s>) {
        if mixins.is_empty() {
            return;
        }
        self.emit.w.key("mixins");
        self.emit.w.open_array();
        for mixin in mixins {
            self.emit.w.element();
            self.emit.w.open_object();
            let facet = self.model.names.facet(mixin.target.text, scope).one();
            self.emit.w.member(
                "target",
                &facet.map_or_else(|| mixin.target.text.to_owned(), |facet| facet.full()),
            );
            if let Some(alias) = mixin.alias {
                self.emit.w.member("alias", alias.text);
            }
            self.emit.args(&mixin.args);
            self.emit.w.close_object();
        }
        self.emit.w.close_array();
    }

    fn script(&mut self, script: &Script<'s>) {
        self.emit.w.open_object();
        self.emit.w.member(
            "language",
            script.language.map_or("python", |language| language.text),
        );
        self.emit.w.member("code", &script.text());
        self.emit.w.close_object();
    }

    fn then(&mut self, then: &AndThen<'s>, scope: &Scope<'s>) {
        self.emit.w.open_object();
        if let Some(foreach) = &then.foreach {
            self.emit.w.key("foreach");
            self.emit.w.open_object();
            self.emit.w.member("variable", foreach.variable.text);
            self.emit.w.key("list");
            self.emit.expr(&foreach.list);
            self.emit.w.close_object();
        }
        match &then.kind {
            Then::Block(block) => self.block(block, scope),
            Then::When(when) => self.when(when, scope),
            Then::Script(script) => {
                self.emit.w.key("script");
                self.script(script);
            }
        }
        self.emit.location(then.span);
        self.emit.w.close_object();
    }

    fn when(&mut self, when: &When<'s>, scope: &Scope<'s>) {
        self.emit.w.key("cases");
        self.emit.w.open_array();
        for case in &when.cases {
            self.emit.w.element();
            self.emit.w.open_object();
            match &case.condition {
                Some(condition) => {
                    self.emit.w.key("condition");
                    self.emit.expr(condition);
                }
                None => {
                    self.emit.w.key("default");
                    self.emit.w.raw("true");
                }
            }
            self.block(&case.block, scope);
            self.emit.w.close_object();
        }
        self.emit.w.close_array();
    }

    fn block(&mut self, block: &Block<'s>, scope: &Scope<'s>) {
        let order = order::of_block(self.model, block, scope, self.options.order);
        self.emit.w.key("steps");
        self.emit.w.open_array();
        for (at, stmt) in block.steps.iter().enumerate() {
            self.emit.w.element();
            self.emit.w.open_object();
            match stmt {
                Stmt::Step(step) => self.step(step, scope),
                Stmt::Log { args, .. } => {
                    self.emit.w.member("sys", "log");
                    self.emit.args(args);
                }
                Stmt::Assert { condition, .. } => {
                    self.emit.w.member("sys", "assert");
                    self.emit.w.key("condition");
                    self.emit.expr(condition);
                }
            }
            self.after(block, &order.edges, at);
            self.emit.location(stmt.span());
            self.emit.w.close_object();
        }
        self.emit.w.close_array();
        self.emit.w.key("yields");
        self.emit.w.open_array();
        for target in super::yields(block, true) {
            self.emit.w.element();
            self.emit.w.open_object();
            self.emit
                .w
                .member("target", crate::check::names::short(target.target.text));
            self.emit.args(target.args);
            self.emit.w.close_object();
        }
        self.emit.w.close_array();
    }

    fn after(&mut self, block: &Block<'s>, edges: &[order::Edge], at: usize) {
        let edges: Vec<order::Edge> = edges.iter().copied().filter(|edge| edge.to == at).collect();
        self.emit.w.key("after");
        self.emit.w.array(edges, |w, edge| {
            w.object(|w| {
                let name = block
                    .steps
                    .get(edge.from)
                    .and_then(Stmt::step)
                    .map_or("", |step| step.name.text);
                w.member("step", name);
                w.member(
                    "why",
                    if edge.why == order::Why::Data {
                        "data"
                    } else {
                        "declared"
                    },
                );
            });
        });
    }

    fn step(&mut self, step: &Step<'s>, scope: &Scope<'s>) {
        self.emit.w.member("name", step.name.text);
        match self.model.target(step.call.target.text, scope) {
            Target::Facet(facet) => {
                self.emit.w.member("target", &facet.full());
                self.emit.w.member("kind", facet.decl.kind.words());
                self.facet_args(&facet, &step.call, scope);
            }
            Target::Schema(schema) => {
                self.emit.w.member("target", &schema.full());
                self.emit.w.member("kind", "schema");
                self.emit.args(&step.call.args);
            }
            Target::Unknown => {
                self.emit.w.member("target", step.call.target.text);
                self.emit.w.member("kind", "external");
                self.emit.args(&step.call.args);
            }
        }
        self.mixins(&step.call.mixins, scope);
        self.policies(&step.call, scope);
        if let Some(body) = &step.body {
            self.emit.w.key("body");
            self.then(body, scope);
        }
        if let Some(catch) = &step.catch {
            self.catch(catch, scope);
        }
    }

    /// Every parameter that gets a value, and from where: the call, an implicit, the default.
    fn facet_args(&mut self, facet: &FacetInfo<'p, 's>, call: &Call<'s>, scope: &Scope<'s>) {
        let mut implicits = self.model.implicits(scope);
        implicits.retain(|(_, implicit)| {
            self.model
                .implicit_facet(implicit)
                .is_some_and(|of| of.id == facet.id)
        });
        self.emit.w.key("args");
        self.emit.w.open_array();
        for param in facet.params() {
            let named =
                |args: &'_ [Arg<'s>]| args.iter().position(|arg| arg.name.text == param.name.text);
            let from_call = named(&call.args)
                .and_then(|at| call.args.get(at))
                .map(|arg| (&arg.value, "call".to_owned()));
            let from_implicit = || {
                implicits.iter().find_map(|(_, implicit)| {
                    let args = &implicit.decl.call.args;
                    named(args)
                        .and_then(|at| args.get(at))
                        .map(|arg| (&arg.value, format!("implicit {}", implicit.decl.name.text)))
                })
            };
            let value: Option<(&Expr<'s>, String)> =
                from_call.or_else(from_implicit).or_else(|| {
                    param
                        .default
                        .as_ref()
                        .map(|default| (default, "default".to_owned()))
                });
            let Some((value, source)) = value else {
                continue;
            };
            let ty = self.model.param_ty(facet, param).show(self.model);
            self.emit.w.element();
            self.emit.w.open_object();
            self.emit.w.member("name", param.name.text);
            self.emit.w.member("type", &ty);
            self.emit.w.key("value");
            self.emit.expr(value);
            self.emit.w.member("source", &source);
            self.emit.w.close_object();
        }
        self.emit.w.close_array();
    }

    fn policies(&mut self, call: &Call<'s>, scope: &Scope<'s>) {
        let policies = policy::effective(self.model, call, scope);
        self.emit.w.key("policies");
        self.emit.w.open_array();
        for policy in policies {
            self.emit.w.element();
            self.emit.w.open_object();
            self.emit.w.member("name", policy.facet.name());
            self.emit.w.member("facet", &policy.facet.full());
            self.emit.w.member("source", &policy.source.to_string());
            self.emit.w.key("settings");
            self.emit.w.open_array();
            for setting in policy.settings {
                self.emit.w.element();
                self.emit.w.open_object();
                self.emit.w.member("name", setting.name);
                self.emit.w.key("value");
                self.emit.expr(setting.value);
                self.emit.w.member("source", &setting.source.to_string());
                self.emit.w.close_object();
            }
            self.emit.w.close_array();
            self.emit.w.close_object();
        }
        self.emit.w.close_array();
    }

    fn catch(&mut self, catch: &Catch<'s>, scope: &Scope<'s>) {
        self.emit.w.key("catch");
        self.emit.w.open_object();
        match &catch.kind {
            Caught::Block(block) => self.block(block, scope),
            Caught::When(when) => self.when(when, scope),
        }
        self.emit.w.close_object();
    }
}
