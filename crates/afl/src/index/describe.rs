//! What to tell about a name: its declaration, its documentation, its type, the policies of a step.

use super::{Entry, Symbol};
use crate::ast::{Call, Name, Param, Stmt};
use crate::check::names::Names;
use crate::format::{flat, ty};
use crate::program::Program;
use crate::resolve::{Model, policy};
use crate::span::Span;

/// Markdown about an occurrence.
#[must_use]
pub fn describe<'p, 's>(program: &'p Program<'s>, names: &Names<'p, 's>, model: &Model<'_, 'p, 's>, entry: &Entry) -> String {
    let (code, doc) = match &entry.symbol {
        Symbol::Namespace(name) => (format!("namespace {name}"), program.namespaces().filter(|(_, n)| n.name.text == name).find_map(|(_, n)| n.doc)),
        Symbol::Facet(id) => match names.facets.get(*id) {
            Some(facet) => {
                let returns = facet.decl.sig.returns.as_ref().map_or_else(String::new, |returns| format!(" => ({})", list(returns)));
                let mixins: String = facet.decl.sig.mixins.iter().map(|mixin| format!(" with {}(..)", mixin.target.text)).collect();
                (format!("{} {}({}){returns}{mixins}", facet.decl.kind.words(), facet.full(), list(facet.params())), facet.decl.doc)
            }
            None => return String::new(),
        },
        Symbol::Schema(id) => match names.schemas.get(*id) {
            Some(schema) => (format!("schema {} {{ {} }}", schema.full(), list(&schema.decl.fields)), schema.decl.doc),
            None => return String::new(),
        },
        Symbol::Implicit(number) => match names.implicits.get(*number) {
            Some(implicit) => {
                let call = &implicit.decl.call;
                let args: Vec<String> = call.args.iter().map(|arg| format!("{} = {}", arg.name.text, flat(&arg.value))).collect();
                (format!("implicit {} = {}({})", implicit.decl.name.text, call.target.text, args.join(", ")), None)
            }
            None => return String::new(),
        },
        Symbol::Param(id, name) | Symbol::Output(id, name) => {
            let word = if matches!(entry.symbol, Symbol::Param(..)) { "parameter" } else { "output" };
            let of = names.facets.get(*id).map_or_else(String::new, |facet| facet.full());
            (format!("({word}) {name}: {}\n// of {of}", shown(model, entry)), None)
        }
        Symbol::Field(id, name) => {
            let of = names.schemas.get(*id).map_or_else(String::new, |schema| schema.full());
            (format!("(field) {name}: {}\n// of {of}", shown(model, entry)), None)
        }
        Symbol::Step(file, span) => return step(program, names, model, *file, *span, entry),
        Symbol::Variable(..) => (format!("(foreach variable) {}", shown(model, entry)), None),
        Symbol::Alias(..) => ("(mixin alias)".to_owned(), None),
    };
    markdown(&code, doc)
}

fn markdown(code: &str, doc: Option<Name<'_>>) -> String {
    let mut out = format!("```afl\n{code}\n```\n");
    if let Some(doc) = doc.map(|doc| crate::doc::read(doc.text)) {
        out.push_str(&format!("\n{}\n", doc.description));
        for (name, text) in &doc.params {
            out.push_str(&format!("\n- `{name}`: {text}"));
        }
        for (name, text) in &doc.returns {
            out.push_str(&format!("\n- returns `{name}`: {text}"));
        }
    }
    out
}

fn shown(model: &Model<'_, '_, '_>, entry: &Entry) -> String {
    entry.ty.as_ref().map_or_else(|| "unknown".to_owned(), |ty| ty.show(model))
}

fn list(params: &[Param<'_>]) -> String {
    let one = |param: &Param<'_>| {
        let default = param.default.as_ref().map_or_else(String::new, |default| format!(" = {}", flat(default)));
        format!("{}: {}{default}", param.name.text, ty(&param.ty))
    };
    params.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn step<'p, 's>(program: &'p Program<'s>, names: &Names<'p, 's>, model: &Model<'_, 'p, 's>, file: u32, span: Span, entry: &Entry) -> String {
    let name = program.source(file).map_or("", |source| span.text(&source.text));
    let mut out = markdown(&format!("(step) {name}: {}", shown(model, entry)), None);
    for facet in names.facets.iter().filter(|facet| facet.file == file && facet.decl.span.touches(span.start)) {
        let scope = model.scope(facet.scope);
        let Some(call) = find(facet.decl.body.blocks(), span) else { continue };
        let policies = policy::effective(model, call, scope);
        if !policies.is_empty() {
            out.push_str("\n| policy | setting | from |\n|---|---|---|\n");
        }
        for policy in policies {
            for setting in &policy.settings {
                out.push_str(&format!("| {} | `{} = {}` | {} |\n", policy.facet.name(), setting.name, flat(setting.value), setting.source));
            }
        }
    }
    out
}

/// The call of the step whose name stands at `span`.
fn find<'p, 's>(blocks: &'p [crate::ast::AndThen<'s>], span: Span) -> Option<&'p Call<'s>> {
    let mut open: Vec<&'p crate::ast::Block<'s>> = Vec::new();
    let add = |open: &mut Vec<&'p crate::ast::Block<'s>>, then: &'p crate::ast::AndThen<'s>| match &then.kind {
        crate::ast::Then::Block(block) => open.push(block),
        crate::ast::Then::When(when) => open.extend(when.cases.iter().map(|case| &case.block)),
        crate::ast::Then::Script(_) => {}
    };
    blocks.iter().for_each(|then| add(&mut open, then));
    while let Some(block) = open.pop() {
        for step in block.steps.iter().filter_map(Stmt::step) {
            if step.name.span == span {
                return Some(&step.call);
            }
            if let Some(body) = &step.body {
                add(&mut open, body);
            }
            match step.catch.as_ref().map(|catch| &catch.kind) {
                Some(crate::ast::Caught::Block(block)) => open.push(block),
                Some(crate::ast::Caught::When(when)) => open.extend(when.cases.iter().map(|case| &case.block)),
                None => {}
            }
        }
    }
    None
}
