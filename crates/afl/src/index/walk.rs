//! The walk that collects the index.

use super::{Entry, Symbol};
use crate::ast::{
    AndThen, Arg, Block, Call, Catch, Caught, Decl, Expr, ExprKind, Mixin, Name, Param, Step, Stmt,
    Then, Type, When,
};
use crate::check::Collect;
use crate::check::names::{FacetInfo, Map, Names, Scope, member, short};
use crate::diag::FileId;
use crate::program::Program;
use crate::resolve::ty::Ty;
use crate::resolve::{Model, Target};
use crate::span::{Span, offset};

pub(super) fn entries<'p, 's>(
    program: &'p Program<'s>,
    names: &Names<'p, 's>,
    model: &Model<'_, 'p, 's>,
) -> Vec<Entry> {
    let mut walk = Walk {
        names,
        model,
        out: Vec::new(),
        file: 0,
        scope: model.scope(0),
        facet: None,
        steps: Map::default(),
        variables: Vec::new(),
    };
    for (file, namespace) in program.namespaces() {
        walk.file = file;
        walk.define(
            namespace.name,
            Symbol::Namespace(namespace.name.text.to_owned()),
            None,
        );
        for decl in &namespace.decls {
            if let Decl::Use(x) = decl
                && names.has_namespace(x.name.text)
            {
                walk.refer(x.name, Symbol::Namespace(x.name.text.to_owned()), None);
            }
        }
    }
    for schema in &names.schemas {
        walk.file = schema.file;
        walk.scope = model.scope(schema.scope);
        walk.define(schema.decl.name, Symbol::Schema(schema.id), None);
        for field in &schema.decl.fields {
            let ty = model.ty(&field.ty, walk.scope);
            walk.define(
                field.name,
                Symbol::Field(schema.id, field.name.text.to_owned()),
                Some(ty),
            );
            walk.ty(&field.ty);
        }
    }
    for (number, implicit) in names.implicits.iter().enumerate() {
        walk.file = implicit.file;
        walk.scope = model.scope(implicit.scope);
        walk.define(implicit.decl.name, Symbol::Implicit(number), None);
        walk.call(&implicit.decl.call);
    }
    for facet in &names.facets {
        walk.facet(facet);
    }
    walk.out
}

struct Walk<'m, 'n, 'p, 's> {
    names: &'m Names<'p, 's>,
    model: &'m Model<'n, 'p, 's>,
    out: Vec<Entry>,
    file: FileId,
    scope: &'n Scope<'s>,
    facet: Option<FacetInfo<'p, 's>>,
    steps: Map<&'s str, (Name<'s>, Target<'p, 's>)>,
    variables: Vec<(Name<'s>, Ty)>,
}

impl<'p, 's> Walk<'_, '_, 'p, 's> {
    fn push(&mut self, span: Span, symbol: Symbol, definition: bool, ty: Option<Ty>) {
        self.out.push(Entry {
            file: self.file,
            span,
            symbol,
            definition,
            ty,
        });
    }

    fn define(&mut self, name: Name<'s>, symbol: Symbol, ty: Option<Ty>) {
        self.push(name.span, symbol, true, ty);
    }

    fn refer(&mut self, name: Name<'s>, symbol: Symbol, ty: Option<Ty>) {
        self.push(name.span, symbol, false, ty);
    }

    /// A possibly qualified name: its namespace and its last part are two occurrences.
    fn qualified(&mut self, name: Name<'s>, symbol: Symbol) {
        let last = offset(short(name.text).len());
        let split = name.span.end.saturating_sub(last);
        if split > name.span.start {
            let namespace = name
                .text
                .get(..name.text.len() - last as usize - 1)
                .unwrap_or("");
            self.push(
                Span::new(name.span.start, split - 1),
                Symbol::Namespace(namespace.to_owned()),
                false,
                None,
            );
        }
        self.push(Span::new(split, name.span.end), symbol, false, None);
    }

    fn ty(&mut self, ty: &Type<'s>) {
        let name = crate::check::names::type_name(ty);
        match self.names.schema(name.text, self.scope).one() {
            Some(schema) => self.qualified(name, Symbol::Schema(schema.id)),
            None => {
                if let Some(facet) = self.names.facet_as_type(name.text) {
                    self.qualified(name, Symbol::Facet(facet.id));
                }
            }
        }
    }

    fn facet(&mut self, facet: &FacetInfo<'p, 's>) {
        self.file = facet.file;
        self.scope = self.model.scope(facet.scope);
        self.facet = Some(*facet);
        let sig = &facet.decl.sig;
        self.define(sig.name, Symbol::Facet(facet.id), None);
        for param in facet.params() {
            let ty = self.model.param_ty(facet, param);
            self.define(
                param.name,
                Symbol::Param(facet.id, param.name.text.to_owned()),
                Some(ty),
            );
            self.param(param);
        }
        for output in facet.returns() {
            let ty = self.model.output_ty(facet, output, Collect::All);
            self.define(
                output.name,
                Symbol::Output(facet.id, output.name.text.to_owned()),
                Some(ty),
            );
            self.param(output);
        }
        for mixin in &sig.mixins {
            self.mixin(mixin);
        }
        self.steps.clear();
        for then in facet.decl.body.blocks() {
            // Steps stay known in the later blocks: a `when` may read them.
            self.then(then, None);
        }
        if let Some(catch) = &facet.decl.catch {
            self.catch(catch);
        }
        self.facet = None;
    }

    fn param(&mut self, param: &'p Param<'s>) {
        self.ty(&param.ty);
        if let Some(default) = &param.default {
            self.expr(default);
        }
    }

    fn mixin(&mut self, mixin: &'p Mixin<'s>) {
        let facet = self.names.facet(mixin.target.text, self.scope).one();
        if let Some(facet) = facet {
            self.qualified(mixin.target, Symbol::Facet(facet.id));
        }
        self.args(facet, &mixin.args);
        if let Some(alias) = mixin.alias {
            self.define(alias, Symbol::Alias(self.file, alias.span), None);
        }
    }

    fn args(&mut self, facet: Option<FacetInfo<'p, 's>>, args: &'p [Arg<'s>]) {
        for arg in args {
            if let Some((facet, param)) = facet
                .and_then(|facet| member(facet.params(), arg.name.text).map(|param| (facet, param)))
            {
                let ty = self.model.param_ty(&facet, param);
                self.refer(
                    arg.name,
                    Symbol::Param(facet.id, arg.name.text.to_owned()),
                    Some(ty),
                );
            }
            self.expr(&arg.value);
        }
    }

    fn call(&mut self, call: &'p Call<'s>) -> Target<'p, 's> {
        let target = self.model.target(call.target.text, self.scope);
        match target {
            Target::Facet(facet) => {
                self.qualified(call.target, Symbol::Facet(facet.id));
                self.args(Some(facet), &call.args);
            }
            Target::Schema(schema) => {
                self.qualified(call.target, Symbol::Schema(schema.id));
                for arg in &call.args {
                    if member(&schema.decl.fields, arg.name.text).is_some() {
                        self.refer(
                            arg.name,
                            Symbol::Field(schema.id, arg.name.text.to_owned()),
                            None,
                        );
                    }
                }
                self.args(None, &call.args);
            }
            Target::Unknown => self.args(None, &call.args),
        }
        call.mixins.iter().for_each(|mixin| self.mixin(mixin));
        target
    }

    fn then(&mut self, then: &'p AndThen<'s>, step: Option<&'p Call<'s>>) {
        let mut pushed = false;
        if let Some(foreach) = &then.foreach {
            let element = match self.expr(&foreach.list) {
                Ty::List(element) => *element,
                _ => Ty::Any,
            };
            self.define(
                foreach.variable,
                Symbol::Variable(self.file, foreach.variable.span),
                Some(element.clone()),
            );
            self.variables.push((foreach.variable, element));
            pushed = true;
        }
        match &then.kind {
            Then::Block(block) => self.block(block, step),
            Then::When(when) => self.when(when, step),
            Then::Script(_) => {}
        }
        if pushed {
            self.variables.pop();
        }
    }

    fn when(&mut self, when: &'p When<'s>, step: Option<&'p Call<'s>>) {
        for case in &when.cases {
            if let Some(condition) = &case.condition {
                self.expr(condition);
            }
            self.block(&case.block, step);
        }
    }

    fn catch(&mut self, catch: &'p Catch<'s>) {
        match &catch.kind {
            Caught::Block(block) => self.block(block, None),
            Caught::When(when) => self.when(when, None),
        }
    }

    fn block(&mut self, block: &'p Block<'s>, step: Option<&'p Call<'s>>) {
        for stmt in &block.steps {
            match stmt {
                Stmt::Step(step) => self.step(step),
                Stmt::Log { args, .. } => self.args(None, args),
                Stmt::Assert { condition, .. } => {
                    self.expr(condition);
                }
            }
        }
        for target in crate::json::yields(block, true) {
            self.yields(target.target, target.args, step);
        }
    }

    fn step(&mut self, step: &'p Step<'s>) {
        let target = self.call(&step.call);
        let ty = match target {
            Target::Facet(facet) => Some(Ty::Step(facet.id)),
            Target::Schema(schema) => Some(Ty::Schema(schema.id)),
            Target::Unknown => None,
        };
        self.define(step.name, Symbol::Step(self.file, step.name.span), ty);
        self.steps.insert(step.name.text, (step.name, target));
        if let Some(body) = &step.body {
            self.then(body, Some(&step.call));
        }
        if let Some(catch) = &step.catch {
            self.catch(catch);
        }
    }

    fn yields(&mut self, target: Name<'s>, args: &'p [Arg<'s>], step: Option<&'p Call<'s>>) {
        let name = short(target.text);
        let Some(own) = self.facet else { return };
        let alias = own
            .decl
            .sig
            .mixins
            .iter()
            .find(|mixin| mixin.alias.is_some_and(|alias| alias.text == name));
        let mixin = alias.or_else(|| {
            own.decl
                .sig
                .mixins
                .iter()
                .find(|mixin| short(mixin.target.text) == name)
        });
        let facet = match (step.filter(|call| short(call.target.text) == name), mixin) {
            (Some(call), _) => self.names.facet(call.target.text, self.scope).one(),
            (None, _) if own.name() == name => Some(own),
            (None, mixin) => {
                mixin.and_then(|mixin| self.names.facet(mixin.target.text, self.scope).one())
            }
        };
        match (alias.and_then(|mixin| mixin.alias), facet) {
            (Some(alias), _) => self.refer(target, Symbol::Alias(self.file, alias.span), None),
            (None, Some(facet)) => self.qualified(target, Symbol::Facet(facet.id)),
            (None, None) => {}
        }
        for arg in args {
            if let Some((facet, output)) = facet.and_then(|facet| {
                member(facet.returns(), arg.name.text).map(|output| (facet, output))
            }) {
                let ty = self.model.output_ty(&facet, output, Collect::All);
                self.refer(
                    arg.name,
                    Symbol::Output(facet.id, arg.name.text.to_owned()),
                    Some(ty),
                );
            }
            self.expr(&arg.value);
        }
    }

    /// Notes the names in an expression; the type is known for references only.
    fn expr(&mut self, expr: &'p Expr<'s>) -> Ty {
        match &expr.kind {
            ExprKind::Input(path) => return self.input(path),
            ExprKind::Step(path) => return self.step_path(path),
            ExprKind::Concat(items) | ExprKind::List(items) => items.iter().for_each(|item| {
                self.expr(item);
            }),
            ExprKind::Map(entries) => entries.iter().for_each(|entry| {
                self.expr(&entry.value);
            }),
            ExprKind::Unary(_, operand) => {
                self.expr(operand);
            }
            ExprKind::Binary(_, pair) | ExprKind::Index(pair) => {
                self.expr(&pair.0);
                self.expr(&pair.1);
            }
            ExprKind::Str(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Null
            | ExprKind::Error => {}
        }
        Ty::Any
    }

    fn input(&mut self, path: &[Name<'s>]) -> Ty {
        let Some((first, rest)) = path.split_first() else {
            return Ty::Any;
        };
        let variable = self
            .variables
            .iter()
            .rev()
            .find(|(name, _)| name.text == first.text)
            .cloned();
        let ty = match (variable, self.facet) {
            (Some((name, ty)), _) => {
                self.refer(
                    *first,
                    Symbol::Variable(self.file, name.span),
                    Some(ty.clone()),
                );
                ty
            }
            (None, Some(facet)) => {
                if let Some(param) = member(facet.params(), first.text) {
                    let ty = self.model.param_ty(&facet, param);
                    self.refer(
                        *first,
                        Symbol::Param(facet.id, first.text.to_owned()),
                        Some(ty.clone()),
                    );
                    ty
                } else {
                    let alias = facet
                        .decl
                        .sig
                        .mixins
                        .iter()
                        .filter_map(|mixin| mixin.alias)
                        .find(|alias| alias.text == first.text);
                    if let Some(alias) = alias {
                        self.refer(*first, Symbol::Alias(self.file, alias.span), None);
                    }
                    Ty::Any
                }
            }
            (None, None) => Ty::Any,
        };
        self.below(ty, rest)
    }

    fn step_path(&mut self, path: &[Name<'s>]) -> Ty {
        let Some((first, rest)) = path.split_first() else {
            return Ty::Any;
        };
        let Some((name, target)) = self.steps.get(first.text).copied() else {
            return Ty::Any;
        };
        let ty = match target {
            Target::Facet(facet) => Ty::Step(facet.id),
            Target::Schema(schema) => Ty::Schema(schema.id),
            Target::Unknown => Ty::Any,
        };
        self.refer(*first, Symbol::Step(self.file, name.span), Some(ty.clone()));
        self.below(ty, rest)
    }

    fn below(&mut self, mut ty: Ty, path: &[Name<'s>]) -> Ty {
        for name in path {
            let next = match ty {
                Ty::Schema(id) => self.names.schemas.get(id).and_then(|schema| {
                    let field = member(&schema.decl.fields, name.text)?;
                    Some((
                        Symbol::Field(id, name.text.to_owned()),
                        self.model.ty(&field.ty, self.model.scope(schema.scope)),
                    ))
                }),
                Ty::Step(id) => self.names.facets.get(id).and_then(|facet| {
                    let output = member(facet.returns(), name.text);
                    let found = output.map(|output| {
                        (
                            Symbol::Output(id, name.text.to_owned()),
                            self.model.output_ty(facet, output, Collect::All),
                        )
                    });
                    found.or_else(|| {
                        let param = member(facet.params(), name.text)?;
                        Some((
                            Symbol::Param(id, name.text.to_owned()),
                            self.model.param_ty(facet, param),
                        ))
                    })
                }),
                _ => None,
            };
            let Some((symbol, found)) = next else {
                return Ty::Any;
            };
            self.refer(*name, symbol, Some(found.clone()));
            ty = found;
        }
        ty
    }
}
